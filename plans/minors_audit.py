"""The yearly audit of minors' personal data (未成年人网络保护条例, article 37): what is on file, whose consent, who read, what was asked.

Every number is counted in the database at the moment of asking. A minor is who is not yet 18 at the end of the year or, in a year that
still runs, now.
"""

# ruff: noqa: S608 - the parts of statements are our own words, values are always parameters

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.period import Period
from plans.read_purposes import purpose

# Personal requests are answered within so many days (GB/T 35273: 30 days; hospitals commonly promise 15).
PATIENCE = timedelta(days=15)


@dataclass(frozen=True)
class Line:
    """One line: `section` and `item` in words, the number with its unit, and a note. `wrong`: an open point that is not 0."""

    section: str
    item: str
    value: float | None
    unit: str
    note: str = ""
    wrong: bool = False


@cache
def words() -> dict[str, Any]:
    """The report's words; see minors_audit.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
    return loaded


def year_of(year: int, period_zone: Any) -> Period:
    """The days of a year in the hospital's calendar."""
    return Period(date(year, 1, 1), date(year, 12, 31), period_zone)


async def minors_audit(tx: AsyncSession, period: Period, *, now: datetime) -> list[Line]:
    """All lines of the report, in its order."""
    asked = _asked(period, now)
    return [
        *await _children(tx, asked),
        *await _kinds(tx, asked),
        *await _consents(tx, asked),
        *[line async for line in _reads(tx, asked)],
        _line("refusals", "refusals", await _one(tx, _REFUSALS, asked)),
        *await _requests(tx, asked),
        *await _retention(tx, asked),
        *await _chain(tx, asked),
        *await _open_points(tx, asked),
    ]


def about(period: Period, now: datetime) -> list[str]:
    """What stands under the title."""
    said = words()
    here = now.astimezone(period.zone)
    return [said["basis"], said["now"].format(at=f"{here:%Y-%m-%d %H:%M}", first=period.first, last=period.last), said["review"]]


# Who is a minor: not yet 18 on the last day that counts.
_MINOR = "(select id from patient where birth_date > cast(:adult as date))"
_YEAR = "at >= :since and at < :until"
_REFUSALS = f"""
    select count(*) from access_refusal
    where {_YEAR} and what in (select 'patient ' || id from patient where birth_date > cast(:adult as date))
"""
_CARERS = f"""
    select count(distinct carer.id) from carer join patient_carer pc on pc.carer_id = carer.id
    where pc.patient_id in {_MINOR} and carer.external_userid is not null
"""
_IN_FORCE = f"""
    select count(*) from {_MINOR} m where (select answer from consent c where c.patient_id = m.id order by c.id desc limit 1) = 'given'
"""
_NO_CONSENT = f"""
    select count(*) from {_MINOR} m where exists (select from patient_carer pc join carer on carer.id = pc.carer_id
        where pc.patient_id = m.id and carer.external_userid is not null)
    and (select answer from consent c where c.patient_id = m.id order by c.id desc limit 1) is distinct from 'given'
"""
_READ = f"""
    select coalesce(role.names, :member) as who, split_part(r.why, ':', 1) as why, r.client_id is not null as program,
           r.staff_id is null and r.client_id is null as nobody, count(*) as times, count(distinct r.patient_id) as children
    from read_audit r left join lateral (
        select string_agg(distinct role.name, '、') as names from staff_role s join role on role.id = s.role_id
        where s.staff_id = r.staff_id
    ) role on true
    where r.at >= :since and r.at < :until and r.patient_id in {_MINOR} group by 1, 2, 3, 4
"""
_DECIDED = """
    select count(*) filter (where filed_at >= :since and filed_at < :until) as filed,
           count(*) filter (where state = '{done}' and decided_at >= :since and decided_at < :until) as done,
           count(*) filter (where state = 'refused' and decided_at >= :since and decided_at < :until) as refused,
           avg(extract(epoch from decided_at - filed_at) / 86400) filter (where decided_at >= :since and decided_at < :until) as days,
           max(extract(epoch from decided_at - filed_at) / 86400) filter (where decided_at >= :since and decided_at < :until) as longest
    from {table}
"""
_ERASURES = _DECIDED.format(done="done", table="erasure")
_CORRECTIONS = _DECIDED.format(done="applied", table=f"correction where patient_id in {_MINOR}")
_MONTHS = """
    select count(*) from generate_series(cast(:first as date), cast(:last as date), interval '1 month') m(month)
    where not exists (select from retention_run r where r.ended_at is not null
        and to_char(timezone(:zone, r.at), 'YYYY-MM') = to_char(m.month, 'YYYY-MM'))
"""


def _asked(period: Period, now: datetime) -> dict[str, Any]:
    today = now.astimezone(period.zone).date()
    last = min(period.last, today)
    return {
        "since": period.since,
        "until": period.until,
        "first": period.first,
        "last": max(last, period.first),
        "zone": str(period.zone),
        "adult": _years_before(last, 18),
        "young": _years_before(last, 14),
        "member": words()["member"],
        "late": now - PATIENCE,
    }


def _years_before(day: date, years: int) -> date:
    """The birthday of who becomes so old on `day`."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


async def _children(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    return [
        _line("children", "on_file", await _one(tx, f"select count(*) from {_MINOR} m", asked)),
        _line("children", "under_14", await _one(tx, "select count(*) from patient where birth_date > cast(:young as date)", asked)),
        _line("children", "carers", await _one(tx, _CARERS, asked)),
    ]


async def _kinds(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    """Of each kind how many minors there is something of, and how much."""
    lines = []
    for kind in words()["kinds"].values():
        column, source = "patient_id", kind["table"]
        if source == "patient":
            column = "id"
        if source == "inbound":
            source = "(select c.patient_id from inbound i join chat c on c.id = i.chat_id) words"
        query = f"select count(*), count(distinct {column}) from {source} where {column} in {_MINOR}"
        rows, children = (await tx.execute(text(query), _only(query, asked))).one()
        lines.append(
            Line(words()["sections"]["kinds"], kind["name"], children, words()["units"]["children"], f"{rows}{words()['units']['rows']}")
        )
    return lines


async def _consents(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    query = f"select answer, count(*), count(distinct patient_id) from consent where {_YEAR} and patient_id in {_MINOR} group by 1"
    found = {answer: (times, children) for answer, times, children in await tx.execute(text(query), _only(query, asked))}
    lines = []
    for answer in ("given", "refused", "withdrawn"):
        times, children = found.get(answer, (0, 0))
        lines.append(_line("consents", answer, times, note=f"{children}{words()['units']['children']}"))
    return [*lines, _line("consents", "in_force", await _one(tx, _IN_FORCE, asked))]


async def _reads(tx: AsyncSession, asked: dict[str, Any]) -> AsyncIterator[Line]:
    who: Counter[str] = Counter()
    why: Counter[str] = Counter()
    for row in await tx.execute(text(_READ), _only(_READ, asked)):
        who[words()["program"] if row.program else words()["command_line"] if row.nobody else row.who] += row.times
        why[purpose(row.why)] += row.times
    for section, counts in (("reads", who), ("purposes", why)):
        for name, times in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            yield Line(words()["sections"][section], name, times, words()["units"]["times"])


async def _requests(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    exports = f"select count(*) from state_change where entity = 'patient' and new = 'exported' and {_YEAR} and entity_id in {_MINOR}"
    erasures = (await tx.execute(text(_ERASURES), _only(_ERASURES, asked))).one()
    corrections = (await tx.execute(text(_CORRECTIONS), _only(_CORRECTIONS, asked))).one()
    return [
        _line("requests", "exported", await _one(tx, exports, asked)),
        _line("requests", "erasures_filed", erasures.filed),
        _line("requests", "erasures_done", erasures.done),
        _line("requests", "erasures_refused", erasures.refused),
        _line("requests", "erasures_days", erasures.days),
        _line("requests", "erasures_longest", erasures.longest),
        _line("requests", "corrections_filed", corrections.filed),
        _line("requests", "corrections_applied", corrections.done),
        _line("requests", "corrections_refused", corrections.refused),
        _line("requests", "corrections_days", corrections.days),
        _line("requests", "corrections_longest", corrections.longest),
    ]


async def _retention(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    query = f"select counts from retention_run where {_YEAR} and ended_at is not null"
    runs = list(await tx.scalars(text(query), _only(query, asked)))
    counts: Counter[str] = Counter()
    for each in runs:
        counts.update({code: sum(tables.values()) for code, tables in each.items()})
    named = [Line(words()["sections"]["retention"], code, count, words()["units"]["rows"]) for code, count in sorted(counts.items())]
    return [_line("retention", "runs", len(runs)), *named]


async def _chain(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    return [
        _line("chain", "seals", await _one(tx, "select coalesce(max(number), 0) from audit_seal", asked)),
        _line("chain", "checks", await _one(tx, f"select count(*) from audit_check where {_YEAR}", asked)),
        _line("chain", "found", await _one(tx, "select found from audit_check order by id desc limit 1", asked)),
        _line("chain", "removed", await _one(tx, f"select coalesce(sum(count), 0) from audit_removal where {_YEAR}", asked)),
    ]


async def _open_points(tx: AsyncSession, asked: dict[str, Any]) -> list[Line]:
    late = "select count(*) from {} where state = 'open' and filed_at < :late"
    found = "select coalesce((select found from audit_check order by id desc limit 1), 0)"
    waiting = {"late_erasures": late.format("erasure"), "late_corrections": late.format("correction")}
    points = {"no_consent": _NO_CONSENT, **waiting, "tampered": found, "no_runs": _MONTHS}
    return [_line("open", item, await _one(tx, query, asked), point=True) for item, query in points.items()]


async def _one(tx: AsyncSession, query: str, asked: dict[str, Any]) -> float | None:
    found = await tx.scalar(text(query), _only(query, asked))
    return None if found is None else float(found)


def _only(query: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The values that a query asks for."""
    return {name: value for name, value in asked.items() if f":{name}" in query}


def _line(section: str, item: str, value: Any, *, note: str = "", point: bool = False) -> Line:
    told = words()["items"][item]
    number, unit = None if value is None else round(float(value), 1), words()["units"][told["unit"]]
    return Line(words()["sections"][section], told["name"], number, unit, note or told.get("note", ""), point and bool(number))
