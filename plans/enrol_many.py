"""Putting many patients on a plan at once: the same checks as for one, in a few statements for all, and who was refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.anchor import known_anchors
from plans.clock import local_day
from plans.condition import meant_for
from plans.enrolment import RUNNING, EnrolmentError, check_can_enrol, new_plan
from plans.planning import AT_ONCE, plan_these
from plans.planning_words import say
from plans.schedule import Anchors
from plans.template import PlanTemplate
from records.care_plan import CarePlan
from records.erasure import being_erased
from records.patient import Patient
from records.retag import ask_retag
from records.state import created


@dataclass(frozen=True)
class Refusal:
    """Why somebody was not put on the plan: the code of an EnrolmentError, `not_meant` or `unsure`, and the sentence."""

    patient_id: int
    name: str
    code: str
    text: str


@dataclass(frozen=True)
class Enrolled:
    """What came of it: the enrolments by patient, how many follow-ups were made, and who was refused."""

    plans: dict[int, int]
    tasks: int
    refused: tuple[Refusal, ...]

    def plus(self, other: "Enrolled") -> "Enrolled":
        """Both together."""
        return Enrolled(self.plans | other.plans, self.tasks + other.tasks, self.refused + other.refused)


NOBODY = Enrolled({}, 0, ())


async def enrol_many(
    tx: AsyncSession,
    patient_ids: Sequence[int],
    template: PlanTemplate,
    *,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    given: Anchors | None = None,
    hour: int | None = None,
    whoever: bool = False,
    rng: Random | None = None,
) -> Enrolled:
    """Put these patients on this version of the plan, at `hour` o'clock (None: when each family likes).

    Dates are those that the record knows, and those `given` for all. One who is on the plan already, for whom a date or a value is
    missing, or for whom the plan is not meant by its `enrol_if` (unless `whoever`) is refused; the others are not held up by him.
    """
    done = NOBODY
    for first in range(0, len(patient_ids), AT_ONCE):
        some = patient_ids[first : first + AT_ONCE]
        done = done.plus(await _some(tx, some, template, by=by, now=now, zone=zone, given=given, hour=hour, whoever=whoever, rng=rng))
    return done


@dataclass(frozen=True)
class Checked:
    """Who can be put on the plan, with his dates, and who not and why."""

    ready: tuple[tuple[Patient, Anchors], ...]
    refused: tuple[Refusal, ...]


async def check_many(
    tx: AsyncSession,
    patients: Sequence[Patient],
    template: PlanTemplate,
    *,
    now: datetime,
    zone: ZoneInfo,
    given: Anchors | None = None,
    hour: int | None = None,
    whoever: bool = False,
) -> Checked:
    """Look at each of these patients as `enrol_many` does; nothing is written."""
    ids = [patient.id for patient in patients]
    of_template = select(CarePlan.patient_id, CarePlan.created_at).where(
        CarePlan.patient_id.in_(ids), CarePlan.template == template.id, CarePlan.state.in_(RUNNING)
    )
    running = {patient: at for patient, at in (await tx.execute(of_template))}
    erasing = await being_erased(tx, ids)
    names = (*template.anchors, *template.later)
    known = await known_anchors(tx, patients, names, now=now, zone=zone)
    meant = {id: True for id in ids} if whoever else await meant_for(tx, template, ids, now, zone)
    ready, refused = list[tuple[Patient, Anchors]](), list[Refusal]()
    for patient in patients:
        anchors = {**known.get(patient.id, {}), **(given or {})}
        try:
            check_can_enrol(patient, template, anchors=anchors, hour=hour, now=now, zone=zone)
            if patient.id in erasing:
                raise EnrolmentError("erasing", "patient")
            if patient.id in running:
                raise EnrolmentError("enrolled", "patient", title=template.title, since=local_day(running[patient.id], zone))
        except EnrolmentError as err:
            refused.append(Refusal(patient.id, patient.name, err.code, str(err)))
            continue
        if meant[patient.id] is not True:
            code = "unsure" if meant[patient.id] is None else "not_meant"
            refused.append(Refusal(patient.id, patient.name, code, say(f"enrolment_refused.{code}", condition=template.enrol_if)))
            continue
        ready.append((patient, anchors))
    return Checked(tuple(ready), tuple(refused))


async def _some(
    tx: AsyncSession,
    ids: Sequence[int],
    template: PlanTemplate,
    *,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    given: Anchors | None,
    hour: int | None,
    whoever: bool,
    rng: Random | None,
) -> Enrolled:
    # In one order, so that two batches do not wait for each other; the patient's row is the lock, as for one.
    locked = select(Patient).where(Patient.id.in_(ids)).order_by(Patient.id).with_for_update()
    patients = (await tx.scalars(locked.execution_options(populate_existing=True))).all()
    checked = await check_many(tx, patients, template, now=now, zone=zone, given=given, hour=hour, whoever=whoever)
    plans = [new_plan(patient, template, anchors=anchors, hour=hour, by=by, now=now) for patient, anchors in checked.ready]
    tx.add_all(plans)
    await tx.flush()
    for plan in plans:
        created(tx, plan, at=now, by=by, reason="enrolled")
    tasks = await plan_these(tx, plans, now=now, zone=zone, rng=rng, by=by)
    await ask_retag(tx, [plan.patient_id for plan in plans], now)
    return Enrolled({plan.patient_id: plan.id for plan in plans}, tasks, checked.refused)
