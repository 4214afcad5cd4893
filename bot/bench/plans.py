"""How many plans a second are planned on, what an idle look costs, how fast a cohort is enrolled and run dry for 90 days."""

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import psutil
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select, text

from bot.bench.people import plant_families, plant_team
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, result
from bot.private import throw_away_database
from plans.dry_run_people import Summary, families_of
from plans.enrol_many import enrol_many
from plans.planning import AT_ONCE, plan_on
from plans.template import PlanTemplate, load_templates
from records.care_plan import Task
from records.database import Database
from records.patient import Patient
from tagging.tags.catalogue import tags

# 100,000 plans are looked at once a week: in half an hour a day's share of them several times over.
GOAL_HUNDRED_THOUSAND_S, GOAL_IDLE_MS, GOAL_DRY_RUN_S = 1800, 5.0, 600
ENROLLED, COHORT, DRY_DAYS = 100_000, 10_000, 90
ZONE = ZoneInfo("Asia/Shanghai")
# The longest that is shipped: many steps over years. Those of shorter plans cost less.
TEMPLATE = "nicu"
PLANTED = 2000


def run(*, patients: int = 2000) -> Result:
    """Plant `patients`, enrol them, plan on for three weeks, and run the plan dry. Raises BenchError."""
    return run_to_the_end(_run(patients))


async def _run(patients: int) -> Result:
    template = load_templates()[TEMPLATE]
    async with throw_away_database(pool_size=4) as db:
        now = datetime.now(UTC)
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
            # Conditions of steps name tags.
            await tags(tx, now)
        for number in range(0, patients, PLANTED):
            async with db.transaction() as tx:
                await plant_families(tx, min(PLANTED, patients - number), prefix=f"wmPlans{number}-", now=now, zone=ZONE)
        async with db.transaction() as tx:
            await tx.execute(text("analyze"))
            ids = list(await tx.scalars(select(Patient.id).order_by(Patient.id)))
        enrol_s = await _enrol(db, ids, template, now)
        dry_s = await _dry(db, ids, template, now)
        plans, tasks, seconds = 0, 0, 0.0
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=2) as progress:
            bar = progress.add_task("planning on", total=3 * len(ids))
            for week in (1, 2, 3):
                while True:
                    begin = time.perf_counter()
                    async with db.transaction() as tx:
                        done = await plan_on(tx, now=now + timedelta(days=9 * week), zone=ZONE)
                    seconds += time.perf_counter() - begin
                    plans, tasks = plans + done.plans, tasks + done.tasks
                    progress.advance(bar, done.plans)
                    if done.plans < AT_ONCE:
                        break
        idle = await _idle(db, now + timedelta(days=27))
        async with db.transaction() as tx:
            made = int(await tx.scalar(select(func.count()).select_from(Task)) or 0)
    per_second = plans / seconds if seconds else 0.0
    hundred_thousand = ENROLLED / per_second if per_second else float("inf")
    cohort_s = dry_s / len(ids) * COHORT
    figures = {
        "plans_planned_on_per_second": round(per_second),
        "tasks_made_per_second": round(tasks / seconds) if seconds else 0,
        "seconds_for_100000_plans": round(hundred_thousand),
        "enrolled_per_second": round(len(ids) / enrol_s),
        "idle_look_ms": idle,
        "dry_run_families_per_second": round(len(ids) / dry_s),
        "seconds_for_a_dry_run_of_10000": round(cohort_s),
        "memory_mb": round(psutil.Process().memory_info().rss / 2**20),
        "patients": len(ids),
        "steps_of_the_plan": len(template.steps),
        "tasks": made,
    }
    meets = {
        "100000_plans_in_half_an_hour": hundred_thousand <= GOAL_HUNDRED_THOUSAND_S,
        "idle_look_5_ms": idle <= GOAL_IDLE_MS,
        "dry_run_of_10000_in_10_minutes": cohort_s <= GOAL_DRY_RUN_S,
    }
    return result("plans", figures, meets)


async def _enrol(db: Database, ids: list[int], template: PlanTemplate, now: datetime) -> float:
    begin = time.perf_counter()
    given = {name: now.astimezone(ZONE).date() for name in template.anchors if name not in ("birth", "term")}
    for first in range(0, len(ids), AT_ONCE):
        async with db.transaction() as tx:
            await enrol_many(tx, ids[first : first + AT_ONCE], template, by="bench", now=now, zone=ZONE, given=given, whoever=True)
    return time.perf_counter() - begin


async def _dry(db: Database, ids: list[int], template: PlanTemplate, now: datetime) -> float:
    """A dry run of everybody, page by page."""
    begin, summary, seen = time.perf_counter(), Summary(), set[int]()
    for first in range(0, len(ids), AT_ONCE):
        async with db.transaction() as tx:
            page = ids[first : first + AT_ONCE]
            for family in await families_of(tx, page, template, days=DRY_DAYS, now=now, zone=ZONE, seen=seen, summary=summary):
                summary.add(family, ZONE)
    return time.perf_counter() - begin


async def _idle(db: Database, now: datetime) -> float:
    """What a look costs when every plan is planned, in milliseconds."""
    seconds = []
    for _ in range(50):
        async with db.transaction() as tx:
            begin = time.perf_counter()
            await plan_on(tx, now=now, zone=ZONE)
            seconds.append(time.perf_counter() - begin)
    return round(1000 * median(seconds), 2)
