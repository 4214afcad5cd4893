"""What `careloop report …` does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.cohorts import keep_cohorts
from bot.report_output import Format, put, shown, written
from plans.measures.measure import DIMENSIONS, Result
from plans.measures.period import Period
from plans.measures.report import MEASURES, ReportRefused, report
from plans.measures.scope import WHOLE_HOSPITAL, ReportScope, scope_of
from plans.measures.words import definition, title, value_of, word
from records.flag_review import review_flag
from records.staff import Staff

# The two tables of the published platform.
OPERATIONS = ("return_visit", "record_building", "daily_interacting")
SATISFACTION = ("satisfaction", "satisfaction_education", "satisfaction_contact", "satisfaction_reminders", "survey_return")
LAST_DAYS = 30


class ReportError(ValueError):
    """A report cannot be made as asked; the text is a sentence for whoever asked."""

    permanent = True

    def __init__(self, code: str, **values: object):
        super().__init__(word("refused", code, **values))
        self.code = code


Work = Callable[[AsyncSession, Core], Awaitable[str]]


def report_command(
    first: date | None,
    last: date | None,
    *,
    by: Sequence[str],
    measures: Sequence[str],
    format: Format,
    out: Path | None,
    reader: str | None,
) -> None:
    """`careloop report`."""
    if format == "xlsx" and out is None:
        raise ReportError("out")
    if out is not None and out.exists():
        raise ReportError("exists", about=out)

    async def work(tx: AsyncSession, parts: Core) -> str:
        scope, called = await _scope(tx, reader)
        try:
            made = await report(tx, _period(parts, first, last), scope, now=parts.clock(), by=by, measures=measures or MEASURES)
        except ReportRefused as err:
            raise ReportError(err.code, about=err.about, known="、".join(DIMENSIONS)) from err
        data = written(made, format, called)
        if out is None:
            return data.decode("utf-8").rstrip("\n")
        put(data, out)
        return str(out)

    print(_run(work))


def platform_command(first: date | None, last: date | None, before: tuple[date, date] | None, *, reader: str | None) -> None:
    """`careloop report platform`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        scope, called = await _scope(tx, reader)
        periods = {word("platform", "now"): _period(parts, first, last)}
        if before is not None:
            periods[word("platform", "before")] = _period(parts, *before)
        lines = []
        for group, measures in (("operations", OPERATIONS), ("satisfaction", SATISFACTION)):
            lines += [word("platform", group)]
            for name, period in periods.items():
                made = await report(tx, period, scope, now=parts.clock(), by=["department"], measures=measures)
                lines.append(f"  {name}  {word('notes', 'period', first=period.first, last=period.last)}  {called}")
                lines += _by_department(list(made.results), measures)
        return "\n".join(lines)

    print(_run(work))


def measures_command() -> None:
    """`careloop report measures`."""
    for id, measure in MEASURES.items():
        print(f"{id}  {title(id)}：{definition(id)}  [{', '.join(name for name in DIMENSIONS if name in measure.source.dimensions)}]")


def review_command(flag_id: int, *, useful: bool, note: str | None, by: str) -> None:
    """`careloop report review`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        await review_flag(tx, await _staff(tx, by), flag_id, useful=useful, note=note, now=parts.clock())
        return word("notes", "reviewed", number=flag_id, useful=word("notes", "useful" if useful else "useless"))

    print(_run(work))


def _by_department(results: list[Result], measures: Sequence[str]) -> list[str]:
    departments = list(dict.fromkeys(each.group.get("department") for each in results))
    lines = []
    for department in sorted(departments, key=lambda name: (name is not None, name or "")):
        of = {each.measure: each for each in results if each.group.get("department") == department}
        name = word("values", "total") if department is None else value_of("department", department)
        figures = [f"{title(id)} {_figure(of[id])}" for id in measures if id in of]
        lines.append(f"    {name}：{'；'.join(figures)}")
    return lines


def _figure(result: Result) -> str:
    small = f"（{word('notes', 'small')}）" if result.small else ""
    return f"{shown(result.value, result.unit)}（{result.numerator:g}/{result.denominator:g}）{small}"


def _period(parts: Core, first: date | None, last: date | None) -> Period:
    today = parts.clock().astimezone(parts.settings.tz).date()
    last = last or today - timedelta(days=1)
    first = first or last - timedelta(days=LAST_DAYS - 1)
    if last < first:
        raise ReportError("order")
    return Period(first, last, parts.settings.tz)


async def _scope(tx: AsyncSession, reader: str | None) -> tuple[ReportScope, str]:
    if reader is None:
        return WHOLE_HOSPITAL, word("notes", "scope_all")
    return await scope_of(tx, await _staff(tx, reader)), word("notes", "scope_teams")


async def _staff(tx: AsyncSession, userid: str) -> Staff:
    staff = await tx.scalar(select(Staff).where(Staff.userid == userid, Staff.active))
    if staff is None:
        raise ReportError("staff", about=userid)
    return staff


def _run(work: Work) -> str:
    async def run() -> str:
        async with core(command_settings("report"), role="report", pool_size=2) as parts:
            # Departments come from what cohorts keep of each patient; without a running worker nobody else takes in what is new.
            await keep_cohorts(parts.db, parts.clock, parts.settings.tz)
            async with parts.db.transaction() as tx:
                return await work(tx, parts)

    return asyncio.run(run())
