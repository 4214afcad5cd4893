"""Reports: the measures of a period, by whatever they can be divided by. One statement a source, however many measures it feeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, cast

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.alerts import ALERTS
from plans.measures.contents import CONTENTS
from plans.measures.conversations import CONVERSATIONS
from plans.measures.follow_ups import FOLLOW_UPS
from plans.measures.measure import CALENDAR, DIMENSIONS, LAY_DOWN, Measure, Result, Source
from plans.measures.medicines import MEDICINES, long_term_names
from plans.measures.people import PEOPLE
from plans.measures.period import Period, Unit
from plans.measures.scope import ReportScope
from plans.measures.staff import STAFF
from plans.measures.surveys import SURVEYS
from plans.measures.visit_steps import visit_steps

_ALL = (*PEOPLE, *SURVEYS, *FOLLOW_UPS, *MEDICINES, *ALERTS, *CONVERSATIONS, *CONTENTS, *STAFF)
MEASURES: Mapping[str, Measure] = {each.id: each for each in _ALL}

_COLUMNS = {
    "day": "to_char(timezone(:zone, at), 'YYYY-MM-DD')",
    "week": "to_char(timezone(:zone, at), 'IYYY-\"W\"IW')",
    "month": "to_char(timezone(:zone, at), 'YYYY-MM')",
    "hour": "to_char(timezone(:zone, hour_at), 'HH24')",
    "weekday": "to_char(timezone(:zone, hour_at), 'ID')",
}


class ReportRefused(ValueError):
    """Such a report cannot be made; `about` is the measure or dimension that there is not."""

    permanent = True

    def __init__(self, code: str, about: str) -> None:
        super().__init__(f"{code}: {about}")
        self.code, self.about = code, about


@dataclass(frozen=True)
class Report:
    """`results` with the total first; `left_out` are the measures that cannot be divided, or narrowed down, so."""

    period: Period
    by: tuple[str, ...]
    results: tuple[Result, ...]
    left_out: tuple[str, ...]


class Laid:
    """What a transaction has laid down: the patients of a scope, and the rows of each source and period that was asked for, so that they
    are read once, however often they are divided."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], str] = {}

    async def rows(self, tx: AsyncSession, sql: str, parameters: Mapping[str, Any]) -> str:
        """The rows of a source as a statement that is cheap to repeat."""
        used = {name: value for name, value in parameters.items() if f":{name}" in sql}
        key = (sql, repr(sorted(used.items())))
        if key not in self._tables:
            self._tables[key] = f"report_rows_{len(self._tables)}"
            await tx.execute(text(f"create temp table {self._tables[key]} on commit drop as {sql}"), used)
        return f"select * from {self._tables[key]}"  # noqa: S608 - our own words


async def report(
    tx: AsyncSession,
    period: Period,
    scope: ReportScope,
    *,
    now: datetime,
    by: Sequence[str] = (),
    measures: Iterable[str] = MEASURES,
    only: Mapping[str, str] | None = None,
    laid: Laid | None = None,
) -> Report:
    """The `measures` of `period` as known at `now`, over the patients of `scope`, in all and by each value of the dimensions `by`.

    `only` narrows down to one value of some dimensions (department, plan …). `laid` is what `lay_down` gave for the patients of this
    scope, or of more: then nothing is read twice in this transaction.

    Raises ReportRefused (`unknown_measure`, `unknown_dimension`) for what there is not.
    """
    wanted = list(dict.fromkeys(measures))
    if strange := next((id for id in wanted if id not in MEASURES), None):
        raise ReportRefused("unknown_measure", strange)
    if strange := next((name for name in (*by, *(only or {})) if name not in DIMENSIONS), None):
        raise ReportRefused("unknown_dimension", strange)
    chosen = [MEASURES[id] for id in wanted]
    fitting = [each for each in chosen if each.source.dimensions >= {*by, *(only or {})}]
    if laid is None:
        await lay_down(tx, scope)
    given = await _given(tx, fitting)
    found: list[Result] = []
    for source, of_source in groupby(sorted(fitting, key=lambda each: each.source.name), key=lambda each: each.source):
        found += await _count(tx, source, list(of_source), period, scope, now, tuple(by), only or {}, given, laid)
    place = {id: number for number, id in enumerate(wanted)}
    found.sort(key=lambda each: (place[each.measure], bool(each.group), list(each.group.values())))
    return Report(period, tuple(by), tuple(found), tuple(each.id for each in chosen if each not in fitting))


async def lay_down(tx: AsyncSession, scope: ReportScope) -> Laid:
    """Lay down the patients of `scope` for the reports of this transaction."""
    # Sorting and hashing of a month of a large hospital in memory; sources compile slower than they run.
    await tx.execute(text("set local work_mem = '64MB'"))
    await tx.execute(text("set local jit = off"))
    # A report takes one processor, and leaves the others to those who wait.
    await tx.execute(text("set local max_parallel_workers_per_gather = 0"))
    for statement in LAY_DOWN:
        await tx.execute(text(statement), {"teams": _teams(scope)} if ":teams" in statement else {})
    return Laid()


async def _given(tx: AsyncSession, measures: Sequence[Measure]) -> dict[str, Any]:
    names = {each.source.name for each in measures}
    medicines = await long_term_names(tx) if "supplies" in names else {}
    visits = visit_steps() if "visits" in names else []
    return {**medicines, "visit_plans": [plan for plan, _ in visits], "visit_steps": [step for _, step in visits]}


async def _count(
    tx: AsyncSession,
    source: Source,
    measures: list[Measure],
    period: Period,
    scope: ReportScope,
    now: datetime,
    by: tuple[str, ...],
    only: Mapping[str, str],
    given: Mapping[str, Any],
    laid: Laid | None,
) -> list[Result]:
    parts = CALENDAR.intersection(by)
    if not source.whole or not parts:
        return await _statement(tx, source, measures, period, scope, now, by, only, given, laid)
    # What speaks of a whole period is counted for each part of it, and for all of it.
    unit = cast(Unit, next(iter(parts)))
    rest = tuple(name for name in by if name not in parts)
    found = [each for each in await _statement(tx, source, measures, period, scope, now, (), only, given, laid) if not each.group]
    for label, part in period.parts(unit):
        for each in await _statement(tx, source, measures, part, scope, now, rest, only, given, laid):
            if each.people and (bool(each.group) or not rest):
                group = {name: label if name == unit else each.group[name] for name in by}
                found.append(_grouped(each, group))
    return found


def _grouped(result: Result, group: Mapping[str, str]) -> Result:
    return Result(result.measure, group, result.numerator, result.denominator, result.value, result.people, result.unit, more=result.more)


async def _statement(
    tx: AsyncSession,
    source: Source,
    measures: list[Measure],
    period: Period,
    scope: ReportScope,
    now: datetime,
    by: tuple[str, ...],
    only: Mapping[str, str],
    given: Mapping[str, Any],
    laid: Laid | None,
) -> list[Result]:
    """One statement: the total, and each group where there is something to divide by."""
    columns = {name: _COLUMNS.get(name, name) for name in by}
    shown = [f"{sql} as by_{name}" for name, sql in columns.items()]
    counted: list[str] = []
    for number, each in enumerate(measures):
        counted += [f"{each.numerator} as n{number}", f"{each.denominator} as d{number}", f"{each.people} as p{number}"]
        counted += [f"{each.value} as v{number}"] if each.value else []
        counted += [f"{sql} as m{number}_{name}" for name, sql in each.more.items()]
    where = f"where {' and '.join(f'{name} = :only_{name}' for name in only)}" if only else ""
    rows_of = source.sql(frozenset({*by, *only}))
    parameters = {
        "since": period.since,
        "until": period.until,
        "now": now,
        "zone": str(period.zone),
        "days": period.days_by(now),
        "teams": _teams(scope),
        **{f"only_{name}": value for name, value in only.items()},
        **source.given,
        **given,
    }
    if laid is not None:
        rows_of = await laid.rows(tx, rows_of, parameters)
    inner = f"select *{''.join(f', {each}' for each in shown)} from ({rows_of}) counted {where}"  # noqa: S608 - our own words
    names = ", ".join(f"by_{name}" for name in columns)
    sets = f"group by grouping sets (({names}), ())" if by else ""
    total = f"grouping({next(iter(names.split(', ')))})" if by else "1"
    wanted = ", ".join([*(names.split(", ") if by else []), f"{total} as total", *counted])
    outer = f"select {wanted} from ({inner}) rows {sets}"  # noqa: S608 - our own words
    used = {name: value for name, value in parameters.items() if f":{name}" in outer}
    rows = (await tx.execute(text(outer), used)).mappings().all()
    return [result for row in rows for number, each in enumerate(measures) if (result := _result(row, number, each, by, period, now))]


def _result(row: RowMapping, number: int, measure: Measure, by: tuple[str, ...], period: Period, now: datetime) -> Result | None:
    group = {} if row["total"] else {name: "" if row[f"by_{name}"] is None else str(row[f"by_{name}"]) for name in by}
    numerator, denominator = float(row[f"n{number}"] or 0), float(row[f"d{number}"] or 0)
    if measure.unit == "per_day":
        denominator = float(period.days_by(now))
    if group and not denominator:
        return None
    quotient = numerator / denominator if denominator else None
    value = row[f"v{number}"] if measure.value else quotient
    more = {name: _number(row[f"m{number}_{name}"]) for name in measure.more}
    return Result(measure.id, group, numerator, denominator, _number(value), int(row[f"p{number}"]), measure.unit, more=more)


def _teams(scope: ReportScope) -> list[int] | None:
    return None if scope.teams is None else list(scope.teams)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
