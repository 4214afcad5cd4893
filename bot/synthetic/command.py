"""What `careloop seed` does."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bot.app import KEYRING, POSTGRES_FOLDER, database
from bot.cli_run import command_settings
from bot.clock import Clock
from bot.synthetic.plant import Planting, plant_hospital
from records.database import Database
from records.keyring import KeyFile, Keyring


def seed_command(patients: int, *, days: int, seed: int, into: Path, configured: bool) -> None:
    """Plant into the embedded database of the data folder `into`, or (`configured`) into the one of the settings."""
    settings = command_settings("seed")
    if configured:
        db = database(settings, role="seed", pool_size=2)
    else:
        db = Database(folder=into / POSTGRES_FOLDER, pool_size=2, keyring=Keyring(KeyFile(into / KEYRING, own=True)))
    asyncio.run(_plant(db, Planting(patients, days, seed, Clock()(), settings.tz)))
    where = "the configured database" if configured else f"{into} (CARELOOP_DATA_DIR={into} careloop serve)"
    print(f"{patients} synthetic patients are in {where}. None of them is real.")


async def _plant(db: Database, planting: Planting) -> None:
    await db.open()
    try:
        await db.migrate()
        await db.take_up_keys()
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=2) as bar:
            task = bar.add_task("", total=1.0)
            await plant_hospital(db, planting, lambda step, share: bar.update(task, description=step, completed=share))
    finally:
        await db.close()
