"""Time as an event: once a day the rules of the clock look for whom their day has come, in one statement a rule.

Only who is found becomes an event, so that a quiet day costs nothing; what is found is judged like every other event.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.ready import Ready, RuleBook
from plans.clock import at_hour, local_day
from records.adaptation import forget_events
from records.patient_index import PatientIndex
from tagging.cohort.calendar import on as day_on
from tagging.cohort.preview import plan_well
from tagging.cohort.query import Query
from tagging.cohort.scope import Scope
from tagging.cohort.sql import Compiled

# After the night's work of the hospital's systems, before the first follow-ups of the day are answered (R).
HOUR = 9
# Days that a worker was away are made up for, as long as their rules still want them (`within`); not more than these.
BACK = 7
CLOCK = ""
# Events that were heard are kept for dry runs over a quarter; a firing has its own copy (R).
KEPT = timedelta(days=100)
# Any fixed number: of many workers one makes the events of a day.
ONE_CLOCK = 5292

_DUE = text("select done_on from adaptation_clock where rule = :clock")
_DONE = text(
    """
    insert into adaptation_clock (rule, done_on) values (:clock, :today)
    on conflict (rule) do update set done_on = greatest(adaptation_clock.done_on, excluded.done_on)
    """
)
_EVENT = """
    insert into patient_event (patient_id, kind, at, recorded_at, fact, depth)
    select p.id, 'day', :at, :now, jsonb_build_object('rule', cast(:rule as text), 'day', cast(:day as text)), 0 from patient p
    join ({who}) who on who.patient_id = p.id
    where p.died_at is null and not exists (
        select from adaptation_firing f where f.patient_id = p.id and f.rule = :id and f.at > :again) order by p.id
"""
_AFTER = {
    "birth": "select patient_id from patient_index where birth_date = :from",
    "discharge": "select patient_id from patient_index where discharged_on = :from",
    "visit": "select patient_id from patient_index where visited_on = :from",
    "answer": "select patient_id from patient_index where answered_on = :from",
    "enrolment": """select distinct patient_id from care_plan
        where state = 'active' and (cast(:template as text) is null or template = :template)
            and created_at >= :begin and created_at < :end""",
}


async def clock_is_due(tx: AsyncSession, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the day's look has still to be made: one row."""
    if now.astimezone(zone).hour < HOUR:
        return False
    done_on = await tx.scalar(_DUE, {"clock": CLOCK})
    return done_on is None or done_on < local_day(now, zone)


async def tick(tx: AsyncSession, book: RuleBook, *, now: datetime, zone: ZoneInfo) -> int:
    """Make the day's events, and those of days that were missed; how many. A day is done once, in the transaction of its events."""
    await tx.execute(select(func.pg_advisory_xact_lock(ONE_CLOCK)))
    today = local_day(now, zone)
    done_on: date | None = await tx.scalar(_DUE, {"clock": CLOCK})
    if done_on is not None and done_on >= today:
        return 0
    missed = 0 if done_on is None else min((today - done_on).days - 1, BACK)
    made = 0
    for ready in book.by_kind.get("day", ()):
        for back in range(missed, -1, -1):
            day = today - timedelta(days=back)
            at = at_hour(day, HOUR, zone)
            if now - at <= ready.rule.within and (ready.rule.on.days is not None or back == 0):
                made += await _make(tx, ready, book.scope, day, at, now=now, zone=zone)
    await forget_events(tx, now - KEPT)
    await tx.execute(_DONE, {"clock": CLOCK, "today": today})
    return made


async def _make(tx: AsyncSession, ready: Ready, scope: Scope, day: date, at: datetime, *, now: datetime, zone: ZoneInfo) -> int:
    rule = ready.rule
    values: dict[str, Any] = {
        "at": at,
        "now": now,
        "rule": rule.key,
        "day": day.isoformat(),
        "id": rule.id,
        "again": now - rule.again_after,
    }
    if rule.on.days is not None:
        first = day - timedelta(days=rule.on.days.day)
        values |= {"from": first, "template": rule.on.days.template, "begin": at_hour(first, 0, zone)}
        values["end"] = at_hour(first + timedelta(days=1), 0, zone)
        who = _AFTER[rule.on.days.after]
        made = await tx.execute(text(_EVENT.format(who=who)), {name: of for name, of in values.items() if f":{name}" in _EVENT + who})
        return int(made.rowcount)  # type: ignore[attr-defined]
    if ready.query is None:
        return 0
    ids = await _who(tx, ready.query, scope, day_on(now, zone))
    found = text(_EVENT.format(who="select unnest(cast(:ids as bigint[])) as patient_id"))
    made = await tx.execute(found, values | {"ids": ids})
    return int(made.rowcount)  # type: ignore[attr-defined]


async def _who(tx: AsyncSession, query: Query, scope: Scope, today: date) -> list[int]:
    """Of whom the condition holds, by the index of the cohorts."""
    compiled = Compiled(replace(scope, today=today))
    # The tables to read are known when the condition has been asked for.
    matches = compiled.matches(query)
    await plan_well(tx)
    return list(await tx.scalars(select(PatientIndex.patient_id).select_from(compiled.source).where(matches)))
