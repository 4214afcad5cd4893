"""What `careloop plan task` does."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from bot.app import core
from bot.cli_run import command_settings
from bot.registry import RegistryError, clinician
from plans.history import History, task_history
from records.patient import AccessRefused


def task_command(task: int, *, by: str, as_json: bool) -> None:
    """`careloop plan task`."""

    async def run() -> str:
        async with core(command_settings("plan"), role="plan", pool_size=1) as parts, parts.db.transaction() as tx:
            staff = await clinician(tx, by)
            zone = parts.settings.tz
            try:
                told = await task_history(tx, staff, task, now=parts.clock(), zone=zone)
            except AccessRefused as err:
                raise RegistryError(f"There is no follow-up {task} for {by}.") from err
            if as_json:
                return json.dumps(asdict(told), ensure_ascii=False, indent=1, default=str)
            return in_lines(told, lambda moment: f"{moment.astimezone(zone):%m-%d %H:%M}")

    print(asyncio.run(run()))


def in_lines(told: History, at: Callable[[datetime], str]) -> str:
    """The history as it is printed."""
    return "\n".join([told.head, *(f"  {line}" for line in told.why), "", *(f"{at(line.at)}  {line.text}" for line in told.lines)])
