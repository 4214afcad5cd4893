"""The histories of many patients at once, in as many statements as there are tables to look at, and only of what rules ask for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.event import Number, lab_number
from plans.adaptation.history import Closed, History, PlanState, Stay, put_in_order
from records.patient_index import READINGS
from tagging.cohort.facts import Evidence

# Beyond these a hostile record must not cost more; the last three years of a child with a visit a week fit.
MOST = {"stays": 150, "plans": 100, "results": 400, "tasks": 60, "evidence": 200}
# Follow-ups, answers and results that are older decide nothing.
BACK = timedelta(days=400)


@dataclass(frozen=True)
class Wanted:
    """What rules ask of a record besides tags and the patient himself."""

    measures: frozenset[str] = frozenset()
    stays: bool = False
    plans: bool = False
    answers: bool = False
    follow_ups: bool = False
    evidence_of: frozenset[int] = frozenset()

    def plus(self, other: "Wanted") -> "Wanted":
        """Both together."""
        return Wanted(
            self.measures | other.measures,
            self.stays or other.stays,
            self.plans or other.plans,
            self.answers or other.answers,
            self.follow_ups or other.follow_ups,
            self.evidence_of | other.evidence_of,
        )


_PATIENTS = "select id, team_id, sex, birth_date, died_at from patient where id = any(:ids)"
_TAGS = (
    "select patient_id, tag_id, since from patient_tag where patient_id = any(:ids) and until is null and state in ('active', 'contested')"
)
_CHANGES = "select patient_id, at, tag_id, carried from tag_change where patient_id = any(:ids) and at > :since order by id"
_STAYS = """
    select who.id, e.kind, e.department, e.started_at, e.ended_at from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
        select * from encounter where patient_id = who.id and state not in ('planned', 'cancelled')
        order by started_at desc, id desc limit :stays) e order by e.started_at, e.id"""
# Changes of one moment stay in the order in which they were made.
_PLANS = """
    select patient_id, plan_id, template, state, at from (
        select p.patient_id, p.id as plan_id, p.template, s.new as state, s.at, s.id as change from care_plan p
        join state_change s on s.entity = 'care_plan' and s.entity_id = p.id where p.patient_id = any(:ids)
        union all
        select p.patient_id, p.id, p.template, p.state, p.created_at, 0 from care_plan p where p.patient_id = any(:ids)
            and not exists (select from state_change s where s.entity = 'care_plan' and s.entity_id = p.id)) as states
    order by at, change"""
_ANSWERS = """
    select patient_id, closed_at from task where patient_id = any(:ids) and state in ('done', 'partial') and closed_at > :back
    union all
    select patient_id, completed_at from questionnaire_response where patient_id = any(:ids) and completed_at > :back"""
_FOLLOW_UPS = """
    select who.id, t.id, p.template, t.step, t.state, t.closed_at from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
        select * from task where patient_id = who.id and closed_at is not null and state <> 'withdrawn'
        order by day desc, id desc limit :tasks) t join care_plan p on p.id = t.care_plan_id"""
_READINGS = """
    select who.id, o.code, o.value, o.unit, o.effective_at, o.recorded_at, o.id
    from unnest(cast(:ids as bigint[])) as who(id) cross join unnest(cast(:codes as text[])) as of(code) cross join lateral (
        select * from observation where patient_id = who.id and code = of.code and status = 'final' and value is not null
        order by effective_at desc, id desc limit :readings) o order by o.effective_at, o.id"""
_RESULTS = """
    select who.id, l.item, l.code, l.report, l.value, l.unit, l.collected_at, greatest(l.released_at, l.collected_at), l.id
    from unnest(cast(:ids as bigint[])) as who(id) cross join lateral (
        select * from lab_result where patient_id = who.id and value is not null and released_at > :back and status = 'final'
        order by released_at desc limit :results) l order by l.collected_at, l.id"""
_EVIDENCE = """
    select t.patient_id, t.tag_id, e.source, e.ref_kind, e.because, e.at
    from patient_tag t cross join lateral (
        select * from tag_evidence where patient_tag_id = t.id and not against order by at desc, id desc limit :evidence) e
    where t.patient_id = any(:ids) and t.tag_id = any(cast(:tags as bigint[])) and t.until is null and t.state in ('active', 'contested')
    order by e.at desc"""


async def load(
    tx: AsyncSession, ids: Iterable[int], wanted: Wanted, *, now: datetime, since: datetime | None = None, readings: int = READINGS
) -> dict[int, History]:
    """The histories of these patients by id, those without a row left out.

    `since` is the earliest moment as of which somebody will ask (None: only as of now); `readings` of each measure are read.
    """
    who = sorted(set(ids))
    values: dict[str, Any] = {"ids": who, "since": since, "back": min(since or now, now) - BACK, "readings": readings, **MOST}
    found = {row[0]: History(*row) for row in await _rows(tx, _PATIENTS, values)}
    for patient, tag_id, from_ in await _rows(tx, _TAGS, values):
        found[patient].tags[tag_id] = from_
    if since is not None:
        for patient, *change in await _rows(tx, _CHANGES, values):
            found[patient].tag_changes.append((change[0], change[1], change[2]))
    if wanted.stays:
        for patient, *stay in await _rows(tx, _STAYS, values):
            found[patient].stays.append(Stay(*stay))
    if wanted.plans:
        for patient, *state in await _rows(tx, _PLANS, values):
            found[patient].plans.append(PlanState(*state))
    if wanted.answers:
        for patient, moment in await _rows(tx, _ANSWERS, values):
            found[patient].answered.append(moment)
    if wanted.follow_ups:
        for patient, *closed in await _rows(tx, _FOLLOW_UPS, values):
            found[patient].follow_ups.append(Closed(*closed))
    if wanted.measures:
        await _numbers(tx, found, wanted.measures, values)
    if wanted.evidence_of:
        for patient, *one in await _rows(tx, _EVIDENCE, values | {"tags": sorted(wanted.evidence_of)}):
            found[patient].evidence.append(Evidence(*one))
    return {patient: put_in_order(history) for patient, history in found.items()}


async def _numbers(tx: AsyncSession, found: dict[int, History], measures: frozenset[str], values: dict[str, Any]) -> None:
    numbers: dict[tuple[int, str], list[Number]] = defaultdict(list)
    for patient, code, value, unit, at, known_at, id in await _rows(tx, _READINGS, values | {"codes": sorted(measures)}):
        numbers[patient, code].append(Number(code, value, unit, at, known_at, "observation", id))
    for patient, item, loinc, report, value, unit, at, known_at, id in await _rows(tx, _RESULTS, values):
        number = lab_number(item, loinc, report, value, unit, at, known_at, id)
        if number is not None and number.code in measures:
            numbers[patient, number.code].append(number)
    for (patient, code), of in numbers.items():
        found[patient].numbers[code] = of


async def _rows(tx: AsyncSession, statement: str, values: dict[str, Any]) -> Sequence[Any]:
    """The rows of a statement, given those of the values that it names."""
    return (await tx.execute(text(statement), {name: value for name, value in values.items() if f":{name}" in statement})).all()
