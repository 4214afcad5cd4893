"""How many events a second the rules that adapt care take in: what no rule listens to, what is judged and does not fire, and what fires
with all that comes of it; and what a look costs when nothing has happened."""

import time
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.adapt import Adapter
from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, result
from bot.private import throw_away_database
from plans.adaptation.clock import clock_is_due
from records.adaptation import AdaptationFiring, PatientEvent, any_event
from records.database import Database
from tagging.tags.catalogue import tags

GOAL_PER_SECOND, GOAL_IDLE_MS = 300, 5.0
ZONE = ZoneInfo("Asia/Shanghai")
# Past readings, so that a judgement has something to read: forty temperatures and weights a patient.
_HISTORY = """
    insert into observation (patient_id, code, value, unit, text, status, effective_at, recorded_at, detail, said_at)
    select p.id, code, value, unit, '', 'final', at, at, '{}', '{}' from patient p, generate_series(1, 40) n,
    lateral (values ('temperature', 36.5, 'Cel'), ('weight', 9 + n / 40.0, 'kg')) v (code, value, unit),
    lateral (select cast(:now as timestamptz) - n * interval '3 days') past (at)"""
# What comes in: weights that no rule listens to, fevers that are judged and are no second ones, and at last some that are.
_NEWS = """
    insert into observation (patient_id, code, value, unit, text, status, effective_at, recorded_at, detail, said_at)
    select p.id, code, value, unit, '', 'final', at, :now, '{{}}', '{{}}' from patient p, {values}"""
_SOME = """generate_series(1, :each) n,
    lateral (select {what}, cast(:now as timestamptz) - n * interval '1 minute') v (code, value, unit, at)"""
_UNHEARD = _SOME.format(what="'weight', 9.5, 'kg'")
_JUDGED = _SOME.format(what="'temperature', 38.6, 'Cel'")
# Two of a hundred events fire, each with a tag, a plan begun and an errand (and three more events by that).
_FIRING = """lateral (values ('temperature', 38.9, 'Cel', cast(:now as timestamptz) - interval '6 hours')) v (code, value, unit, at)
    where p.id % 5 = 0"""


def run(*, patients: int = 1000) -> Result:
    """Plant `patients`, then let the rules hear three kinds of news. Raises BenchError."""
    return run_to_the_end(_run(patients))


async def _run(patients: int) -> Result:
    async with throw_away_database(pool_size=4) as db:
        now = datetime.now(UTC)
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
            await plant_chats(tx, patients, prefix="wmAdapt", now=now, zone=ZONE)
            # Old enough for the rules about fever.
            await tx.execute(text("update patient set birth_date = birth_date - 1500"))
            await tags(tx, now)
            await tx.execute(text(_HISTORY), {"now": now})
            await _forget(tx)
            await tx.execute(text("analyze"))
        adapter = Adapter(db, lambda: now, ZONE)
        await adapter.run("warm")
        begun = time.process_time()
        unheard = await _round(db, adapter, now, _UNHEARD, each=7)
        judged = await _round(db, adapter, now, _JUDGED, each=3)
        firing = await _round(db, adapter, now, _FIRING)
        took = time.process_time() - begun
        idle = await _idle(db, now)
        async with db.transaction() as tx:
            fired = int(await tx.scalar(select(func.count()).select_from(AdaptationFiring)) or 0)
    events = unheard[0] + judged[0] + firing[0]
    mixed = events / (unheard[1] + judged[1] + firing[1])
    figures = {
        "events_per_second": round(mixed),
        "unheard_events_per_second": round(unheard[0] / unheard[1]),
        "judged_events_per_second": round(judged[0] / judged[1]),
        "firing_events_per_second": round(firing[0] / firing[1]),
        "firings_per_second": round(fired / firing[1]),
        "own_cpu_ms_per_event": round(1000 * took / events, 2),
        "idle_look_ms": idle,
        "events": events,
        "firings": fired,
        "patients": patients,
    }
    meets = {"300_events_per_second": mixed >= GOAL_PER_SECOND, "idle_within_5_ms": idle <= GOAL_IDLE_MS}
    return result("adapt", figures, meets)


async def _forget(tx: AsyncSession) -> None:
    """What was planted has not just happened."""
    await tx.execute(text("delete from patient_event"))


async def _round(db: Database, adapter: Adapter, now: datetime, values: str, *, each: int = 1) -> tuple[int, float]:
    """Events that came in, with those that they caused, and how long it took to take them all in."""
    async with db.transaction() as tx:
        await tx.execute(text(_NEWS.format(values=values)), {"now": now, "each": each} if ":each" in values else {"now": now})
        first = int(await tx.scalar(select(func.coalesce(func.max(PatientEvent.id), 0)).where(PatientEvent.heard_at.is_not(None))) or 0)
    begin = time.perf_counter()
    while True:
        async with db.transaction() as tx:
            if not await any_event(tx, now):
                break
        await adapter.run("heard")
    seconds = time.perf_counter() - begin
    async with db.transaction() as tx:
        heard = int(await tx.scalar(select(func.count()).where(PatientEvent.id > first)) or 0)
    return heard, seconds


async def _idle(db: Database, now: datetime) -> float:
    """What the sweep's question and the clock's cost when there is nothing, in milliseconds."""
    seconds = []
    for _ in range(100):
        async with db.transaction() as tx:
            await tx.execute(text("select 1"))
            begin = time.perf_counter()
            await any_event(tx, now)
            await clock_is_due(tx, now, ZONE)
            seconds.append(time.perf_counter() - begin)
    return round(1000 * median(seconds), 3)
