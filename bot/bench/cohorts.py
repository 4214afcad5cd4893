"""What cohorts cost, and how that grows with the hospital: counting, the first page, a tag that begins, and a portrait."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, text

from bot.bench.people import plant_synthetic
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, result
from bot.private import throw_away_database
from records.database import Database
from records.patient_index import PatientIndex
from records.staff import Staff, Team, TeamMember
from records.tag import PatientTag, Tag, TagChange, TagEvidence
from tagging.cohort.preview import Page, count, listed
from tagging.cohort.saved import save
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.upkeep import keep_up
from tagging.portrait.portrait import portrait

SIZES = (10_000, 100_000, 1_000_000)
GOAL_SIZE, COUNT_MS, PAGE_MS, TAG_CHANGE_MS = 1_000_000, 300.0, 100.0, 20.0
ZONE = ZoneInfo("Asia/Shanghai")
# Five terms each, and found in few patients or in some of a hundred. The asker belongs to every team: there is no more to look at.
QUERIES = (
    "标签 preterm 且 非 标签 chemo 且 月龄 3..12 且 出院后天数 <= 90 且 体重趋势 下降",
    "标签 asthma 且 标签 inhaled_steroid 且 年龄 3..10 且 就诊后天数 <= 180 且 非 标签 adherence.high",
    "标签 diabetes 且 最近 HbA1c >= 7.5 % 且 年龄 >= 6 且 性别 女 且 非 标签 discharged_recently",
    "标签 leukemia 且 标签 (picc, port) 且 最近 体温 >= 38 ℃ 90天内 且 年龄 < 12 且 计划 neonatal 从未",
    "标签 cardiac 且 标签 lives_far 且 回答后天数 > 60 且 年龄 < 3 且 非 计划 任何 已退出",
    "性别 男 且 年龄 1..5 且 出院后天数 <= 60 且 标签 attitude.anxious 且 非 标签 hours.evening",
)
COUNTS, PAGES, CHANGES, WARM = 5, 10, 40, 2


def run(sizes: Sequence[int] = SIZES) -> Result:
    """Seed a synthetic hospital of each size in a throw-away database, and measure there. A million patients need 14 GB of disk.

    Raises SeedRefused where the disk is too small.
    """
    return run_to_the_end(_run(sizes))


async def _run(sizes: Sequence[int]) -> Result:
    found = {}
    for size in sorted(sizes):
        async with throw_away_database(pool_size=2) as db:
            found[size] = await measure(db, size)
    return judged(found)


def judged(found: Mapping[int, Mapping[str, float]]) -> Result:
    """The figures of every size, how they grow from the smallest to the largest, and the goals where the largest is that of the goals."""
    figures = {f"{name}_{size}": value for size, each in found.items() for name, value in each.items()}
    small, large = min(found), max(found)
    if small < large:
        for name in ("count_ms", "first_page_ms", "tag_change_ms", "portrait_ms"):
            figures[f"{name}_ratio_{large}_to_{small}"] = round(found[large][name] / max(found[small][name], 0.001), 2)
    meets = {}
    if large == GOAL_SIZE:
        meets = {
            "count_under_300_ms": found[large]["count_ms"] < COUNT_MS,
            "first_page_under_100_ms": found[large]["first_page_ms"] < PAGE_MS,
            "tag_change_under_20_ms": found[large]["tag_change_ms"] < TAG_CHANGE_MS,
        }
    return result("cohorts", figures, meets)


async def measure(db: Database, size: int) -> dict[str, float]:
    """Seed a hospital of this size into an empty database and measure there: medians in milliseconds, warm."""
    now, begin = datetime.now(UTC), time.perf_counter()
    await plant_synthetic(db, size, now, ZONE)
    seeded = time.perf_counter() - begin
    chief = await _chief(db)
    counts, pages, found = list[float](), list[float](), list[int]()
    async with db.transaction() as tx:
        scope = await scope_of_staff(tx, chief, now=now, zone=ZONE)
    for query in QUERIES:
        counts.append(await _typical(db, COUNTS, lambda tx, query=query: _count(tx, query, scope, found)))
        pages.append(await _typical(db, PAGES, lambda tx, query=query: listed(tx, scope.read(query), scope, Page(chief, now))))
    portraits = await _portraits(db, chief, now)
    changes = await _tag_changes(db, chief, scope, now)
    return {
        "count_ms": round(1000 * median(counts), 1),
        "count_slowest_query_ms": round(1000 * max(counts), 1),
        "first_page_ms": round(1000 * median(pages), 1),
        "first_page_slowest_query_ms": round(1000 * max(pages), 1),
        "tag_change_ms": round(1000 * median(changes), 1),
        "portrait_ms": round(1000 * median(portraits), 1),
        "found": round(sum(found) / len(found)),
        "seed_s": round(seeded, 1),
    }


async def _count(tx: object, query: str, scope: Scope, found: list[int]) -> None:
    found.append(await count(tx, scope.read(query), scope))  # type: ignore[arg-type]


async def _typical(db: Database, times: int, step: Callable[..., Awaitable[object]]) -> float:
    """The median in seconds, warm, each in a transaction of its own."""
    took = []
    for number in range(WARM + times):
        async with db.transaction() as tx:
            begin = time.perf_counter()
            await step(tx)
            if number >= WARM:
                took.append(time.perf_counter() - begin)
    return median(took)


async def _chief(db: Database) -> Staff:
    """A clinician of every team."""
    async with db.transaction() as tx:
        chief = Staff(userid="syn-chief", name="合成主任", title="主任")
        tx.add(chief)
        await tx.flush()
        tx.add_all([TeamMember(team_id=team, staff_id=chief.id) for team in await tx.scalars(select(Team.id))])
    return chief


async def _portraits(db: Database, chief: Staff, now: datetime) -> list[float]:
    """Seconds for the whole portrait of a patient, of one after the other."""
    async with db.transaction() as tx:
        patients = list(await tx.scalars(select(PatientIndex.patient_id).order_by(PatientIndex.patient_id.desc()).limit(PAGES + WARM)))
    took = []
    for patient in patients:
        async with db.transaction() as tx:
            begin = time.perf_counter()
            await portrait(tx, chief, patient, now=now, zone=ZONE)
            took.append(time.perf_counter() - begin)
    return took[WARM:]


async def _tag_changes(db: Database, chief: Staff, scope: Scope, now: datetime) -> list[float]:
    """Seconds from a tag's change to the cohorts being right again, with all queries saved for the whole hospital."""
    async with db.transaction() as tx:
        team = (await tx.scalars(select(Team.name).order_by(Team.id).limit(1))).one()
        for number, query in enumerate(QUERIES):
            await save(tx, chief, f"bench {number}", scope.read(query), team=team, shared=True, now=now, zone=ZONE)
        tag = (await tx.scalars(select(Tag.id).where(Tag.code == "preterm"))).one()
        without = select(PatientIndex.patient_id).where(~PatientIndex.tags.contains([tag])).order_by(PatientIndex.patient_id)
        patients = list(await tx.scalars(without.limit(CHANGES + WARM)))
        await tx.execute(text("analyze cohort_member"))
    took = []
    for patient in patients:
        async with db.transaction() as tx:
            held = {"patient_id": patient, "tag_id": tag, "state": "active", "source": "his", "author": "bench", "confidence": 1.0}
            made = insert(PatientTag).values(held | {"since": now, "evidence_at": now, "asks": False}).returning(PatientTag.id)
            reason = {"patient_tag_id": await tx.scalar(made), "source": "his", "against": False, "because": "合成", "confidence": 1.0}
            await tx.execute(insert(TagEvidence).values(reason | {"at": now, "recorded_at": now}))
            await tx.execute(insert(TagChange).values(patient_id=patient, tag_id=tag, carried=True, at=now))
        begin = time.perf_counter()
        async with db.transaction() as tx:
            await keep_up(tx, now=now, zone=ZONE)
        took.append(time.perf_counter() - begin)
    return took[WARM:]
