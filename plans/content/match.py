"""Which contents fit a patient now, best first, and why (宣教内容匹配).

By tags, condition, stage and age, by what the family has read and made of it, and by how easily it reads. A clinician, a rule or a plan
decides what is sent.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.authored import read_authored
from plans.clock import local_day
from plans.content.model import Audience, Stage, Strict
from plans.content.words import say, table
from records.care_plan import CarePlan
from records.chat import Chat
from records.content import ContentItem, ContentVersion, is_live
from records.content_read import ContentRead
from records.encounter import Encounter
from records.patient import Patient, PatientCarer
from records.tag import CARRIED, PatientTag
from tagging.cohort.calendar import completed
from tagging.cohort.facts import Facts, facts_of, needs_of
from tagging.cohort.judge import judge
from tagging.cohort.parse import parse
from tagging.cohort.query import Query
from tagging.cohort.scope import Scope, library_of
from tagging.cohort.words import CohortError

# Tags of families for whom an easy text counts for more, and for whom pictures do.
SLOW_READERS, LIKES_PICTURES = (
    frozenset({"literacy.low", "literacy.plain", "carer.grandparent"}),
    frozenset({"channel.picture", "literacy.low"}),
)
WEIGHTS = Path(__file__).parent / "match.yml"


class Weights(Strict):
    """match.yml."""

    tag: float
    most_tags: int
    when: float
    stage: float
    months: float
    liked: float
    disliked: float
    hard: float
    slow_reader: float
    pictures: float
    newer: float
    enough: float
    again_days: int


@dataclass(frozen=True)
class Match:
    """A content that fits, with its reasons in the words a clinician reads."""

    code: str
    version: int
    title: str
    score: float
    why: tuple[str, ...]


@dataclass(frozen=True)
class _Patient:
    """What is known of the patient and his family, as far as contents ask."""

    months: int
    tags: frozenset[str]
    names: Mapping[str, str]
    days: Mapping[str, int]
    facts: Facts | None
    scope: Scope
    # The conditions of contents, by version. One that the tag library of today no longer understands is left out, and does not hold.
    queries: Mapping[int, Query]


@dataclass(frozen=True)
class _Read:
    version: int
    at: datetime
    useful: bool | None


async def match(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo, *, limit: int = 10) -> list[Match]:
    """The published articles that fit `patient` at `now`, best first. The caller has been let in to the patient."""
    chosen = (
        select(ContentVersion, ContentItem.code)
        .join(ContentItem, ContentItem.id == ContentVersion.content_id)
        .where(ContentItem.kind == "article", is_live(now), or_(ContentItem.team_id.is_(None), ContentItem.team_id == patient.team_id))
        .order_by(ContentItem.code)
    )
    rows = [(version, code) for version, code in await tx.execute(chosen)]
    read = await _read(tx, patient)
    queries = {version.id: query for version, _ in rows if (query := _query(version)) is not None}
    known = await _known(tx, patient, queries, now, zone)
    tags = {code: set(version.tags) for version, code in rows}
    found = [
        fit for version, code in rows if (fit := _fit(version, code, known, read, tags, now)) is not None and fit.score >= _weights().enough
    ]
    return sorted(found, key=lambda each: (-each.score, each.code))[:limit]


def _fit(
    version: ContentVersion,
    code: str,
    known: _Patient,
    read: Mapping[str, _Read],
    tags: Mapping[str, set[str]],
    now: datetime,
) -> Match | None:
    """How well one content fits; None when it is for others, or was read."""
    audience = Audience.model_validate(version.definition.get("audience", {}))
    weights, why, score = _weights(), list[str](), 0.0
    query = known.queries.get(version.id)
    if audience.when is not None and (query is None or known.facts is None or judge(query, known.facts, known.scope) is not True):
        return None
    carried = [tag for tag in version.tags if tag in known.tags]
    if version.tags and not carried and (audience.diagnosed_only or (query is None and audience.stage is None and audience.months is None)):
        return None
    for tag in carried[: weights.most_tags]:
        score += weights.tag
        why.append(say("why.tag", name=known.names.get(tag, tag)))
    if query is not None:
        score += weights.when
        why.append(say("why.when", when=audience.when))
    if audience.months is not None:
        if not audience.months.min <= known.months <= audience.months.max:
            return None
        score += weights.months
        why.append(say("why.months", months=known.months))
    if (stage := audience.stage) is not None:
        if (day := _day_in(stage, known)) is None:
            return None
        score += weights.stage
        why.append(say("why.stage", anchor=table("anchors")[stage.anchor], day=day))
    last = read.get(code)
    if last is not None:
        if last.version == version.version and now - last.at < timedelta(days=weights.again_days):
            return None
        score += weights.newer
        why.append(say("why.newer", version=last.version))
    score += _preference(code, read, tags, why)
    slow = bool(known.tags & SLOW_READERS)
    score += (weights.hard + weights.slow_reader * slow) * (version.reading_level - 1)
    if known.tags & LIKES_PICTURES and any("picture" in block or "video" in block for block in version.definition.get("blocks", [])):
        score += weights.pictures
        why.append(say("why.pictures"))
    why += [say("why.easy")] if version.reading_level == 1 else [say("why.hard")] if version.reading_level == 3 else []
    return Match(code, version.version, version.title, round(score, 2), tuple(why))


def _day_in(stage: Stage, known: _Patient) -> int | None:
    day = known.days.get(stage.anchor)
    return day if day is not None and stage.first <= day <= stage.last else None


def _preference(code: str, read: Mapping[str, _Read], tags: Mapping[str, set[str]], why: list[str]) -> float:
    """What the family said of contents about the same; its newest word counts."""
    same = [
        (other, each) for other, each in read.items() if each.useful is not None and tags.get(other, set()) & tags[code] and other != code
    ]
    if not same:
        return 0.0
    other, newest = max(same, key=lambda pair: pair[1].at)
    liked = bool(newest.useful)
    why.append(say("why.liked" if liked else "why.disliked", title=other))
    return _weights().liked if liked else _weights().disliked


def _query(version: ContentVersion) -> Query | None:
    """The condition of a version."""
    when = version.definition.get("audience", {}).get("when")
    return parse(when) if when else None


async def _known(tx: AsyncSession, patient: Patient, asked: Mapping[int, Query], now: datetime, zone: ZoneInfo) -> _Patient:
    day = local_day(now, zone)
    scope = (await library_of(tx)).whole(now=now, zone=zone)
    chosen = select(PatientTag.tag_id).where(PatientTag.patient_id == patient.id, PatientTag.until.is_(None), PatientTag.state.in_(CARRIED))
    carried = {above for id in await tx.scalars(chosen) for above in scope.above(id)}
    names = {scope.tags[id].code: scope.tags[id].name for id in carried}
    queries = {id: query for id, each in asked.items() if (query := _understood(each, scope)) is not None}
    facts = await facts_of(tx, [patient.id], needs_of(queries.values(), scope)) if queries else []
    return _Patient(
        months=completed(patient.birth_date, day, "months"),
        tags=frozenset(names),
        names=names,
        days={anchor: (day - on).days for anchor, on in (await _anchors(tx, patient, day, zone)).items() if on <= day},
        facts=facts[0] if facts else None,
        scope=scope,
        queries=queries,
    )


def _understood(query: Query, scope: Scope) -> Query | None:
    try:
        return scope.known(query)
    except CohortError:
        return None


async def _anchors(tx: AsyncSession, patient: Patient, today: date, zone: ZoneInfo) -> dict[str, date]:
    """The latest day, until today, of each anchor that contents may count from."""
    found: dict[str, date] = {"birth": patient.birth_date}
    stays = select(Encounter).where(Encounter.patient_id == patient.id, Encounter.state.in_(("in-progress", "finished")))
    for stay in await tx.scalars(stays.order_by(Encounter.started_at)):
        found["visit"] = local_day(stay.started_at, zone)
        if stay.kind == "inpatient" and stay.ended_at is not None:
            found["discharge"] = local_day(stay.ended_at, zone)
    plans = select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.state == "active").order_by(CarePlan.created_at)
    for plan in await tx.scalars(plans):
        found["enrolment"] = local_day(plan.created_at, zone)
        for name, value in plan.anchors.items():
            days = [
                each for given in (value if isinstance(value, list) else [value]) if (each := _day(given)) is not None and each <= today
            ]
            if days:
                found[name] = max(days)
    return found


def _day(given: Any) -> date | None:
    try:
        return date.fromisoformat(str(given)[:10])
    except ValueError:
        return None


async def _read(tx: AsyncSession, patient: Patient) -> dict[str, _Read]:
    """What the patient's families have read, by code: the last version, when, and whether it helped."""
    chosen = (
        select(ContentRead.article, ContentRead.version, ContentRead.at, ContentRead.useful)
        .join(Chat, Chat.id == ContentRead.chat_id)
        .join(PatientCarer, PatientCarer.carer_id == Chat.carer_id)
        .where(PatientCarer.patient_id == patient.id)
        .order_by(ContentRead.at)
    )
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.execute(chosen):
        rows[row.article].append(row)
    return {
        code: _Read(theirs[-1].version, theirs[-1].at, next((row.useful for row in reversed(theirs) if row.useful is not None), None))
        for code, theirs in rows.items()
    }


@cache
def _weights() -> Weights:
    return read_authored(WEIGHTS, Weights)
