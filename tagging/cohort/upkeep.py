"""Keeping saved cohorts up to date: by news about patients, by tags that began or ceased, and by the clock. Never by counting anew.

At least once: what was taken in is marked in the transaction that wrote its effects, and taking it in again changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.cohort import Cohort, CohortMember
from records.patient_index import refresh_index
from tagging.cohort.calendar import on
from tagging.cohort.facts import Needs, facts_of, needs_of
from tagging.cohort.judge import matches, next_on
from tagging.cohort.query import Query
from tagging.cohort.readings import refresh_values
from tagging.cohort.saved import ONE_KEEPER, query_of, scope_of
from tagging.cohort.scope import Library, Scope, library_of
from tagging.cohort.words import CohortError

# Of news or of members at once: a few tenths of a second, so that whoever saves a cohort does not wait long.
AT_ONCE = 500

# Whoever has much news, as when a hospital's history comes in, is looked at once for all of it.
_NEWS = text(
    """
    with ahead as (
        select id, patient_id from patient_news order by id limit 40 * :limit
    ), who as (
        select distinct patient_id from (select patient_id from ahead order by id limit :limit) first
    )
    delete from patient_news using ahead, who
    where patient_news.id = ahead.id and ahead.patient_id = who.patient_id
    returning patient_news.patient_id, patient_news.fact
    """
)
_TAGS = text(
    """
    update tag_change set heard_at = :now
    where id in (select id from tag_change where heard_at is null order by id limit :limit for update skip locked)
    returning patient_id, 'tag:' || tag_id as fact
    """
)
_DUE = text(
    """
    select cohort_id, patient_id from cohort_member where next_on <= :today order by next_on, cohort_id, patient_id limit :limit
    """
)
_KEEP = text(
    """
    insert into cohort_member as known (cohort_id, patient_id, inactive, since, next_on)
    select cohort_id, patient_id, inactive, :now, next_on
    from unnest(cast(:cohorts as bigint[]), cast(:patients as bigint[]), cast(:inactive as boolean[]), cast(:days as date[]))
        as told (cohort_id, patient_id, inactive, next_on)
    on conflict (cohort_id, patient_id) do update set inactive = excluded.inactive, next_on = excluded.next_on,
        since = case when known.inactive = excluded.inactive then known.since else excluded.since end
    """
)
_DROP = text(
    """
    delete from cohort_member using unnest(cast(:cohorts as bigint[]), cast(:patients as bigint[])) as told (cohort, patient)
    where cohort_id = cohort and patient_id = patient
    """
)
_TELL = text(
    """
    insert into cohort_event (cohort_id, patient_id, kind, why, version, at)
    select cohort_id, patient_id, kind, :why, version, :now
    from unnest(cast(:cohorts as bigint[]), cast(:patients as bigint[]), cast(:kinds as text[]), cast(:versions as int[]))
        as told (cohort_id, patient_id, kind, version)
    """
)


@dataclass(frozen=True)
class Kept:
    """What one round did: news taken in, members due by the clock, verdicts, and what came of them.

    `refused` are cohorts whose definition can no longer be read, such as one that names a tag that is gone: their members stay.
    """

    heard: int = 0
    due: int = 0
    weighed: int = 0
    joined: int = 0
    left: int = 0
    refused: tuple[int, ...] = ()

    def plus(self, other: "Kept") -> "Kept":
        """Both together."""
        return Kept(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class _Open:
    cohort: Cohort
    query: Query
    scope: Scope


@dataclass(frozen=True)
class _Verdict:
    cohort: Cohort
    patient_id: int
    member: bool
    next_on: date | None


async def keep_up(tx: AsyncSession, *, now: datetime, zone: ZoneInfo, limit: int = AT_ONCE) -> Kept:
    """One round: take in what is new, then whoever is due by the clock. Nothing when somebody else is at it.

    As much again may be waiting when `heard` or `due` reaches `limit`.
    """
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_KEEPER))):
        return Kept()
    news, heard = await _heard(tx, now, limit)
    due = defaultdict[int, set[int]](set)
    for cohort_id, patient_id in await tx.execute(_DUE, {"today": on(now, zone), "limit": limit}):
        due[cohort_id].add(patient_id)
    if not news and not due:
        return Kept()
    await _refresh(tx, news, now=now, zone=zone)
    library = await library_of(tx)
    whole = library.whole(now=now, zone=zone)
    known = {patient: {wide for fact in facts for wide in _widened(fact, whole)} for patient, facts in news.items()}
    told = {fact for facts in known.values() for fact in facts}
    cohorts = await tx.scalars(
        select(Cohort).where(Cohort.state == "active", Cohort.reads.overlap(sorted(told)) | Cohort.id.in_(sorted(due)))
    )
    opened, refused = _open(cohorts, library, now, zone)
    by_news = {each.cohort.id: {patient for patient, facts in known.items() if not facts.isdisjoint(each.cohort.reads)} for each in opened}
    by_time = {cohort: patients - by_news.get(cohort, set()) for cohort, patients in due.items()}
    if refused:
        # Else they would be due in every round.
        await tx.execute(text("update cohort_member set next_on = null where cohort_id = any(:cohorts)"), {"cohorts": list(refused)})
    first = await _weigh(tx, opened, by_news, why="news", now=now)
    second = await _weigh(tx, opened, by_time, why="time", now=now)
    weighed, joined, left = (one + other for one, other in zip(first, second, strict=True))
    return Kept(heard, sum(map(len, due.values())), weighed, joined, left, refused)


async def _heard(tx: AsyncSession, now: datetime, limit: int) -> tuple[Mapping[int, set[str]], int]:
    """What is new of whom, and how many news that were (the more of the two kinds)."""
    news = defaultdict[int, set[str]](set)
    told = [(await tx.execute(_NEWS, {"limit": limit})).all(), (await tx.execute(_TAGS, {"limit": limit, "now": now})).all()]
    for patient_id, fact in (row for rows in told for row in rows):
        news[patient_id].add(fact)
    return news, max(map(len, told))


async def _refresh(tx: AsyncSession, news: Mapping[int, set[str]], *, now: datetime, zone: ZoneInfo) -> None:
    """Bring the rows of these patients up to date before anybody looks at them."""
    of_row = [patient for patient, facts in news.items() if facts - {"value"}]
    await refresh_index(tx, of_row, now=now, zone=zone)
    await refresh_values(tx, [patient for patient, facts in news.items() if "value" in facts], zone=zone)


def _widened(fact: str, whole: Scope) -> set[str]:
    """News of a tag are news of every tag that it counts as."""
    kind, _, tag = fact.partition(":")
    return {f"{kind}:{id}" for id in whole.above(int(tag))} | {fact} if tag else {fact}


def _open(cohorts: Iterable[Cohort], library: Library, now: datetime, zone: ZoneInfo) -> tuple[list[_Open], tuple[int, ...]]:
    opened, refused = list[_Open](), list[int]()
    for cohort in cohorts:
        scope = scope_of(cohort, library, now=now, zone=zone)
        try:
            opened.append(_Open(cohort, scope.known(query_of(cohort)), scope))
        except CohortError:
            refused.append(cohort.id)
    return opened, tuple(refused)


async def _weigh(
    tx: AsyncSession, opened: list[_Open], patients: Mapping[int, set[int]], *, why: str, now: datetime
) -> tuple[int, int, int]:
    """Judge these patients of each cohort, and write down what has changed: how many were judged, joined and left."""
    asked = [each for each in opened if patients.get(each.cohort.id)]
    everybody = sorted(set().union(*(patients[each.cohort.id] for each in asked)))
    if not everybody:
        return 0, 0, 0
    needs = [needs_of([each.query], each.scope) for each in asked]
    both = Needs(
        frozenset().union(*(need.measures for need in needs)),
        frozenset().union(*(need.evidence_of for need in needs)),
    )
    facts = {one.patient_id: one for one in await facts_of(tx, everybody, both)}
    verdicts = [
        _Verdict(each.cohort, id, matches(each.query, facts[id], each.scope), next_on(each.query, facts[id], each.scope))
        for each in asked
        for id in sorted(patients[each.cohort.id])
        if id in facts
    ]
    return len(verdicts), *await _write(tx, verdicts, why=why, now=now)


async def _write(tx: AsyncSession, verdicts: list[_Verdict], *, why: str, now: datetime) -> tuple[int, int]:
    pairs = [(each.cohort.id, each.patient_id) for each in verdicts]
    columns = (CohortMember.cohort_id, CohortMember.patient_id, CohortMember.inactive, CohortMember.next_on)
    rows = await tx.execute(select(*columns).where(tuple_(*columns[:2]).in_(pairs)))
    stood = {(row.cohort_id, row.patient_id): (not row.inactive, row.next_on) for row in rows}
    changed = [each for each in verdicts if stood.get((each.cohort.id, each.patient_id), (False, None)) != (each.member, each.next_on)]
    kept = [each for each in changed if each.member or each.next_on is not None]
    gone = [each for each in changed if not each.member and each.next_on is None]
    moved = [each for each in changed if stood.get((each.cohort.id, each.patient_id), (False, None))[0] != each.member]
    if kept:
        columns_of = {"inactive": [not each.member for each in kept], "days": [each.next_on for each in kept], "now": now}
        await tx.execute(_KEEP, _keys(kept) | columns_of)
    if gone:
        await tx.execute(_DROP, _keys(gone))
    if moved:
        kinds = ["joined" if each.member else "left" for each in moved]
        versions = [each.cohort.version for each in moved]
        await tx.execute(_TELL, _keys(moved) | {"kinds": kinds, "versions": versions, "why": why, "now": now})
    return sum(each.member for each in moved), sum(not each.member for each in moved)


def _keys(verdicts: list[_Verdict]) -> dict[str, object]:
    return {"cohorts": [each.cohort.id for each in verdicts], "patients": [each.patient_id for each in verdicts]}
