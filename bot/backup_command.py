"""What `careloop backup` and `careloop restore` do; imported only when one runs."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from bot.app import core, database, key_file
from bot.backup import BackupError, back_up, follow
from bot.cli_run import command_settings
from bot.process import lock_data
from bot.restore import restore
from plans.reach.purpose import PROACTIVE
from records.data_key import check_database
from records.keyring import Keyring
from records.restored import go_on, restored, settle


def backup_command(folder: Path, *, wal: bool) -> None:
    """`careloop backup`."""

    async def run() -> None:
        db = database(command_settings("backup"), role="backup", pool_size=1)
        await db.open()
        try:
            if wal:
                await asyncio.to_thread(follow, db.url, folder)
            else:
                print(await asyncio.to_thread(back_up, db.url, folder))
        finally:
            await db.close()

    asyncio.run(run())


def restore_command(folder: Path, *, to: datetime, lost: datetime | None) -> None:
    """`careloop restore run`."""
    settings = command_settings("restore")
    if settings.database_url is not None:
        raise BackupError("The database is a server of your own: put it back with its own tools, then run `careloop restore settle`.")
    held = lock_data(settings.data_dir)
    try:
        keyring = Keyring(key_file(settings))
        done = restore(settings.data_dir.absolute(), folder.absolute(), to=to, lost=lost or datetime.now(UTC), keyring=keyring, say=print)
    finally:
        held.close()
    print(f"The database is as of {to.isoformat()}. Known until {done.known.isoformat()}: {done.carried} sent messages carried over.")
    print(f"In doubt: {done.in_doubt}. The old database is in {done.kept}.")
    print("Start CareLoop; what it begins by itself waits for `careloop restore go-on --by NAME`. Make a new base backup in a new folder.")


def settle_command(*, to: datetime, newest: str | None, known: datetime | None, lost: datetime | None) -> None:
    """`careloop restore settle`."""
    if (newest is None) != (known is None):
        raise BackupError("Give --newest and --known together, or neither.")

    async def run() -> dict[str, int]:
        db = database(command_settings("restore"), role="restore", pool_size=1)
        await db.open()
        try:
            await asyncio.to_thread(check_database, db.url, Keyring(key_file(command_settings("restore"))))
            return await asyncio.to_thread(
                settle, db.url, newest, to=to, known=known or to, lost=lost or datetime.now(UTC), proactive=PROACTIVE
            )
        finally:
            await db.close()

    counts = asyncio.run(run())
    print(f"{counts['carried']} sent messages carried over, {counts['in_doubt']} in doubt. Go on with `careloop restore go-on --by NAME`.")


def status_command() -> None:
    """`careloop restore status`."""

    async def run() -> None:
        async with core(command_settings("restore"), role="restore", pool_size=1) as parts, parts.db.transaction() as tx:
            found = await restored(tx)
        if found is None:
            print("never put back")
            return
        print(f"as of {found.to.isoformat()}, sent messages known until {found.known.isoformat()}, lost at {found.lost.isoformat()}")
        print("what we begin waits: careloop restore go-on --by NAME" if found.paused else f"going on, by {found.by}")

    asyncio.run(run())


def go_on_command(by: str, *, send_in_doubt: bool) -> None:
    """`careloop restore go-on`."""

    async def run() -> None:
        async with core(command_settings("restore"), role="restore", pool_size=1) as parts, parts.db.transaction() as tx:
            if await go_on(tx, by, send_in_doubt=send_in_doubt) is None:
                raise BackupError("Nothing waits for that: the database was not put back, or somebody has said go on already.")
        print("going on")

    asyncio.run(run())
