"""What `careloop mass …` does."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.mass_message import send_test
from bot.registry import RegistryError, clinician
from plans.mass_message import write
from plans.mass_message.audience import choose
from plans.mass_message.preview import preview
from plans.mass_message.results import Result, counts, results
from plans.mass_message.words import contact_name, reason_name, route_name, say, words
from plans.reach.route import Channels
from records.mass_message import MassMessage
from records.staff import Staff

Work = Callable[[AsyncSession, Core, Staff], Awaitable[str]]


def draft_command(by: str, *, team: str, title: str, text: str, query: str | None, cohort: int | None, patients: Path | None) -> None:
    """`careloop mass draft`."""
    numbers = patients.read_text(encoding="utf-8-sig").split() if patients is not None else []

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        now, zone = parts.clock(), parts.settings.tz
        audience = await choose(tx, staff, query=query, cohort=cohort, record_numbers=numbers, now=now, zone=zone)
        message = await write.draft(tx, staff, team=team, title=title, text=text, audience=audience, now=now)
        return _headline(message)

    print(_ask(run, by))


def edit_command(id: int, by: str, *, text: str) -> None:
    """`careloop mass edit`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message = await write.access_mass(tx, staff, id)
        await write.edit(tx, message, text=text)
        return _headline(message)

    print(_ask(run, by))


def preview_command(id: int, by: str) -> None:
    """`careloop mass preview`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message = await write.access_mass(tx, staff, id)
        seen = await preview(tx, message, staff, Channels(), now=parts.clock(), zone=parts.settings.tz)
        lines = [
            _headline(message),
            f"范围：{message.audience_text}",
            f"患者 {seen.patients} 名，家庭 {seen.families} 户，没有登记照护者 {seen.without_carer} 名",
            f"现在发送（抽样 {seen.sample} 户）：",
            *(f"  {route_name(route)}：{number}" for route, number in sorted(seen.routes.items())),
            *(f"  {reason_name(reason)}：{number}" for reason, number in sorted(seen.held.items())),
            "内容：",
            seen.text,
        ]
        return "\n".join(lines)

    print(_ask(run, by))


def test_command(id: int, by: str) -> None:
    """`careloop mass test`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        await send_test(tx, await write.access_mass(tx, staff, id), staff, now=parts.clock())
        return f"已发给 {staff.name}（{staff.userid}）。"

    print(_ask(run, by))


def submit_command(id: int, by: str, *, at: str | None) -> None:
    """`careloop mass submit`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message = await write.access_mass(tx, staff, id)
        zone = parts.settings.tz
        try:
            moment = datetime.fromisoformat(at).replace(tzinfo=zone) if at is not None else None
        except ValueError as err:
            raise RegistryError(f"{at!r} is no moment such as 2026-03-02T09:30") from err
        families = await write.submit(tx, message, staff, send_at=moment, now=parts.clock(), zone=zone)
        return f"{_headline(message)}\n家庭 {families} 户"

    print(_ask(run, by))


def move_command(id: int, by: str, action: str, why: str = "") -> None:
    """`careloop mass approve`, `return`, `pause`, `resume` and `cancel`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message, now = await write.access_mass(tx, staff, id), parts.clock()
        match action:
            case "approve":
                await write.approve(tx, message, staff, now=now)
            case "return":
                await write.send_back(tx, message, staff, why=why, now=now)
            case "pause":
                await write.pause(tx, message, staff, now=now)
            case "resume":
                await write.resume(tx, message, staff, now=now)
            case _:
                await write.cancel(tx, message, staff, why=why, now=now)
        return _headline(message)

    print(_ask(run, by))


def show_command(id: int, by: str) -> None:
    """`careloop mass show`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message = await write.access_mass(tx, staff, id)
        seen = await counts(tx, message)
        states = "，".join(f"{words('recipient')[state]} {number}" for state, number in sorted(seen.states.items()))
        lines = [
            _headline(message),
            f"范围：{message.audience_text}",
            f"家庭 {message.families or 0} 户：{states}",
            *(f"  {route_name(route)} {contact_name(state)}：{n}" for (route, state), n in sorted(seen.contacts.items())),
            *(f"  未发送，{reason_name(reason)}：{number}" for reason, number in sorted(seen.skipped.items())),
        ]
        return "\n".join(lines)

    print(_ask(run, by))


def results_command(id: int, by: str, *, file: Path | None) -> None:
    """`careloop mass results`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        message = await write.access_mass(tx, staff, id)
        lines: list[Result] = []
        while page := await results(tx, message, staff, now=parts.clock(), after=lines[-1].carer_id if lines else 0):
            lines += page
        zone = parts.settings.tz
        table = [("孩子", "状态", "原因", "途径", "结果", "时间"), *(_row(line, zone) for line in lines)]
        out = io.StringIO()
        csv.writer(out).writerows([[_harmless(cell) for cell in row] for row in table])
        if file is None:
            return out.getvalue().rstrip()
        await asyncio.to_thread(file.write_text, out.getvalue(), encoding="utf-8-sig")
        return f"{len(lines)} 户：{file}"

    print(_ask(run, by))


def list_command(by: str) -> None:
    """`careloop mass list`."""

    async def run(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        return "\n".join(_headline(message) for message in await write.masses_for(tx, staff)) or "还没有群发消息。"

    print(_ask(run, by))


def _row(line: Result, zone: ZoneInfo) -> tuple[str, ...]:
    at = f"{line.at.astimezone(zone):%Y-%m-%d %H:%M}" if line.at is not None else ""
    route = route_name(line.route) if line.route else ""
    return (
        say("message.join").join(name for _, name in line.patients),
        words("recipient")[line.state],
        reason_name(line.reason or ""),
        route,
        contact_name(line.contact or ""),
        at,
    )


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _headline(message: MassMessage) -> str:
    return f"#{message.id} {message.title}（{words('states')[message.state]}）"


def _ask(work: Work, by: str) -> str:
    async def run() -> str:
        async with core(command_settings("mass"), role="mass", pool_size=1) as parts, parts.db.transaction() as tx:
            staff = await clinician(tx, by)
            return await work(tx, parts, staff)

    return asyncio.run(run())
