"""What `careloop work …` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.registry import RegistryError, clinician
from plans.errand import access_errand, close_errand, take_errand
from plans.work_list import WorkItem, work_list
from records.errand import Errand
from records.patient import AccessRefused
from records.staff import Staff

WHY = "errand"


def list_command(by: str, *, as_json: bool) -> None:
    """`careloop work list`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        items = await work_list(tx, await clinician(tx, by), parts.clock())
        if as_json:
            return json.dumps([asdict(item) | {"at": item.at.isoformat()} for item in items], ensure_ascii=False, indent=1)
        return "\n".join(_line(item, parts.settings.tz) for item in items) or "Nothing waits."

    print(_in_transaction(run))


def take_command(errand: int, *, by: str) -> None:
    """`careloop work take`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        staff = await clinician(tx, by)
        if not await take_errand(tx, await _errand(tx, staff, errand, parts), staff, now=parts.clock()):
            raise RegistryError(f"Errand {errand} is closed.")
        return f"Errand {errand} is with {staff.name}."

    print(_in_transaction(run))


def close_command(errand: int, state: str, *, by: str, outcome: str) -> None:
    """`careloop work done` and `careloop work drop`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        staff = await clinician(tx, by)
        row = await _errand(tx, staff, errand, parts)
        if not await close_errand(tx, row, state, by=staff.userid, outcome=outcome or None, now=parts.clock()):
            raise RegistryError(f"Errand {errand} is closed.")
        return f"Errand {errand} is {state}."

    print(_in_transaction(run))


def _line(item: WorkItem, zone: ZoneInfo) -> str:
    number = f"#{item.errand_id} " if item.errand_id is not None else ""
    return f"{item.at.astimezone(zone):%Y-%m-%d %H:%M}  {item.level or item.kind:<13} {number}{item.name}：{item.text}"


async def _errand(tx: AsyncSession, staff: Staff, id: int, parts: Core) -> Errand:
    try:
        return await access_errand(tx, staff, id, now=parts.clock(), why=WHY)
    except AccessRefused as err:
        raise RegistryError(f"There is no errand {id} for {staff.userid}.") from err


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("work"), role="work", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
