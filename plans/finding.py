"""Findings as rows: stored once per message, replaced when the family corrects itself, never overwritten in silence."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Text, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import at_hour, end_of_day, local_day
from plans.wording import words
from records.observation import Observation
from records.patient import Patient
from records.staff import Team
from records.state import StateChange
from tagging.content import default_content, departments_in_force
from tagging.patient import PatientFacts, Reading

# How many readings of each vital the language layer gets to compare with.
HISTORY = 30

_SAME = select(Observation).where(
    Observation.message_id == bindparam("message"), Observation.code == bindparam("code"), Observation.text == bindparam("text")
)
_OF_DAY = (
    select(Observation)
    .where(
        Observation.patient_id == bindparam("patient"),
        Observation.code == bindparam("code"),
        Observation.status.in_(("final", "preliminary")),
        Observation.effective_at >= bindparam("first"),
        Observation.effective_at < bindparam("last"),
    )
    .order_by(Observation.id)
)


async def store(
    tx: AsyncSession,
    patient: Patient,
    *,
    code: str,
    value: float | None,
    unit: str | None,
    text: str,
    at: datetime,
    now: datetime,
    message_id: int | None,
    task_id: int | None = None,
    status: str = "final",
    detail: dict[str, Any] | None = None,
) -> Observation:
    """Write one finding, once: the same words of the same message about the same thing are the row that is there already."""
    if message_id is not None:
        same: Observation | None = await tx.scalar(_SAME, {"message": message_id, "code": code, "text": text})
        if same is not None:
            return same
    row = Observation(
        patient_id=patient.id,
        code=code,
        value=value,
        unit=unit,
        text=text,
        status=status,
        effective_at=at,
        recorded_at=now,
        message_id=message_id,
        task_id=task_id,
        detail=detail or {},
    )
    tx.add(row)
    await tx.flush()
    return row


async def of_day(tx: AsyncSession, patient: Patient, code: str, at: datetime, zone: ZoneInfo) -> list[Observation]:
    """The believed and the preliminary numbers of `code` on the calendar day of `at`, oldest first."""
    day = local_day(at, zone)
    first, last = at_hour(day, 0, zone), end_of_day(day, zone)
    rows = await tx.scalars(_OF_DAY, {"patient": patient.id, "code": code, "first": first, "last": last})
    return list(rows)


def set_status(tx: AsyncSession, row: Observation, status: str, *, reason: str, now: datetime, by: int | None = None) -> None:
    """Change what a finding is worth, and write down why; `by` is the finding that confirms or replaces it."""
    change = StateChange(entity="observation", entity_id=row.id, old=row.status, new=status, at=now, by="family", reason=reason)
    change.detail = {"observation": by}
    tx.add(change)
    row.status = status


def is_correction(text: str) -> bool:
    """Whether the family takes back something it said before (不对，是3.4公斤)."""
    marks = words("corrections")
    return any(word in text for word in marks["words"]) or text.strip().startswith(tuple(marks["starts"]))


_WHO = func.unnest(bindparam("patients", type_=ARRAY(BigInteger))).table_valued("id", name="of_patient").render_derived()
_WHICH = func.unnest(bindparam("codes", type_=ARRAY(Text))).table_valued("code", name="of_code").render_derived()
# One look into the index for each vital, so that it costs the same however long the record; and a weight is not lost among temperatures.
# Written as a range and in this order only that index serves it: the planner would rather walk through all of the patient's record
# backwards for a vital that is hardly there.
_LATEST = (
    select(Observation.patient_id, Observation.code, Observation.value, Observation.unit, Observation.effective_at)
    .where(
        Observation.patient_id == _WHO.c.id,
        Observation.code.between(_WHICH.c.code, _WHICH.c.code),
        Observation.status == "final",
        Observation.value.is_not(None),
    )
    .order_by(Observation.code.desc(), Observation.effective_at.desc())
    .limit(HISTORY)
    .lateral("latest")
)
_HISTORY = select(*_LATEST.c).select_from(_WHO).join(_WHICH, true()).join(_LATEST, true())

History = tuple[Reading, ...]


async def history_of(tx: AsyncSession, patient_ids: Sequence[int]) -> dict[int, History]:
    """The latest HISTORY final numbers of each vital of each patient, in no order; patients without any are left out."""
    found: dict[int, list[Reading]] = defaultdict(list)
    vitals = list(default_content().vitals.vitals)
    for patient_id, code, value, unit, at in await tx.execute(_HISTORY, {"patients": list(patient_ids), "codes": vitals}):
        found[patient_id].append(Reading(code, value, unit or "", at))
    return {patient_id: tuple(readings) for patient_id, readings in found.items()}


async def patient_facts(tx: AsyncSession, patient: Patient, *, now: datetime, zone: ZoneInfo) -> PatientFacts:
    """What triage and the language layer may know about `patient`, with his latest final numbers as history."""
    history = (await history_of(tx, [patient.id])).get(patient.id, ())
    return facts_with(patient, history, now=now, zone=zone, department=await department_of(tx, patient))


async def department_of(tx: AsyncSession, patient: Patient) -> str | None:
    """Whose triage tables judge him: his team's, where any team has tables of its own."""
    if not departments_in_force():
        return None
    return await tx.scalar(select(Team.name).where(Team.id == patient.team_id))


def facts_with(patient: Patient, history: History, *, now: datetime, zone: ZoneInfo, department: str | None = None) -> PatientFacts:
    """What triage and the language layer may know about `patient`, whose latest numbers are `history`; `department` as department_of."""
    return PatientFacts(
        age_days=(local_day(now, zone) - patient.birth_date).days,
        sex=patient.sex,
        tags=tuple(patient.tags or ()),
        birth_weight_g=patient.birth_weight_g,
        gestational_age_weeks=patient.gestational_age_weeks,
        history=history,
        department=department,
    )
