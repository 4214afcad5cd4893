"""Who joins a kept cohort is put on a plan by itself; what happens to the plan of one who leaves is the hospital's choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.definition import newest_templates
from plans.enrol_many import enrol_many
from plans.enrolment import RUNNING, end_plan
from plans.planning_words import say
from plans.template import PlanTemplate
from records.auto_enrolment import AUTO_MOVES, AutoEnrolment
from records.care_plan import CarePlan
from records.cohort import Cohort, CohortEvent, take_events
from records.errand import raise_errand
from records.patient import Patient
from records.state import created, move

OnLeft = Literal["nothing", "propose", "end"]
# Nobody has to look at these: he is on the plan, or there is nobody to follow any more.
_EXPECTED = ("enrolled", "died", "not_meant")
ERRAND = "plan_enrolment"


@dataclass(frozen=True)
class AutoDone:
    """What a look at the cohorts' comings and goings led to."""

    enrolled: int = 0
    refused: int = 0
    ended: int = 0
    proposed: int = 0


async def set_auto(tx: AsyncSession, cohort: Cohort, template: str, *, on: bool, on_left: OnLeft, by: str, now: datetime) -> AutoEnrolment:
    """Turn automatic enrolment of a cohort's new members on or off, or change what happens when one leaves.

    Those who are in it already are not meant: they are enrolled as a cohort. Nor is who came before it was turned on.
    """
    same = (AutoEnrolment.cohort_id == cohort.id, AutoEnrolment.template == template)
    row = await tx.scalar(select(AutoEnrolment).where(*same).with_for_update())
    others = await tx.scalar(select(AutoEnrolment.id).where(AutoEnrolment.cohort_id == cohort.id, AutoEnrolment.state == "on").limit(1))
    if on and others is None:
        waiting = (CohortEvent.cohort_id == cohort.id, CohortEvent.heard_at.is_(None))
        await tx.execute(update(CohortEvent).where(*waiting).values(heard_at=now).execution_options(synchronize_session=False))
    if row is None:
        row = AutoEnrolment(cohort_id=cohort.id, template=template, on_left=on_left, state="on" if on else "off", at=now, by=by)
        tx.add(row)
        await tx.flush()
        created(tx, row, at=now, by=by, reason=on_left)
        return row
    row.on_left, row.at, row.by = on_left, now, by
    if (row.state == "on") != on:
        await move(tx, row, "on" if on else "off", moves=AUTO_MOVES, at=now, by=by, reason=on_left)
    await tx.flush()
    return row


async def enrol_joined(tx: AsyncSession, *, now: datetime, zone: ZoneInfo, rng: Random | None = None, limit: int = 200) -> AutoDone:
    """Take in who joined and left the cohorts with automatic enrolment since the last look, each coming and going once.

    Of one who came and went in between only the last counts. Who cannot be enrolled becomes an errand of his team, with the reason.
    """
    rules = await tx.execute(
        select(AutoEnrolment, Cohort)
        .join(Cohort, Cohort.id == AutoEnrolment.cohort_id)
        .where(AutoEnrolment.state == "on", Cohort.state == "active")
        .order_by(AutoEnrolment.cohort_id, AutoEnrolment.id)
    )
    by_cohort: dict[int, list[tuple[AutoEnrolment, Cohort]]] = {}
    for rule, cohort in rules:
        by_cohort.setdefault(cohort.id, []).append((rule, cohort))
    done = [0, 0, 0, 0]
    templates: dict[str, PlanTemplate] | None = None
    for cohort_id, of_cohort in by_cohort.items():
        last = {patient: kind for _, patient, kind, _ in await take_events(tx, cohort_id, now, limit=limit)}
        if not last:
            continue
        templates = templates if templates is not None else await newest_templates(tx)
        joined = [patient for patient, kind in last.items() if kind == "joined"]
        left = [patient for patient, kind in last.items() if kind == "left"]
        for rule, cohort in of_cohort:
            if rule.template in templates and joined:
                enrolled, refused = await _enrol(tx, rule, cohort, joined, templates[rule.template], now, zone, rng)
                done[0], done[1] = done[0] + enrolled, done[1] + refused
            if left and rule.on_left != "nothing":
                title = templates[rule.template].title if rule.template in templates else rule.template
                ended, proposed = await _leave(tx, rule, cohort, left, title, now)
                done[2], done[3] = done[2] + ended, done[3] + proposed
    return AutoDone(*done)


def _by(rule: AutoEnrolment) -> str:
    return f"auto:{rule.id}"


async def _enrol(
    tx: AsyncSession, rule: AutoEnrolment, cohort: Cohort, ids: Sequence[int], template: PlanTemplate, now: datetime, zone: ZoneInfo,
    rng: Random | None,
) -> tuple[int, int]:  # fmt: skip
    done = await enrol_many(tx, sorted(ids), template, by=_by(rule), now=now, zone=zone, rng=rng)
    looked_at = [refusal for refusal in done.refused if refusal.code not in _EXPECTED]
    for refusal in looked_at:
        patient = await tx.get_one(Patient, refusal.patient_id)
        text = say("auto.refused", name=patient.name, cohort=cohort.name, title=template.title)
        key = f"auto:{rule.id}:{patient.id}:joined:{now:%Y%m%d}"
        await raise_errand(tx, patient, kind=ERRAND, text=text, because=refusal.text, key=key, now=now)
    return len(done.plans), len(looked_at)


async def _leave(tx: AsyncSession, rule: AutoEnrolment, cohort: Cohort, ids: Sequence[int], title: str, now: datetime) -> tuple[int, int]:
    chosen = select(CarePlan).where(CarePlan.patient_id.in_(ids), CarePlan.template == rule.template, CarePlan.state.in_(RUNNING))
    plans = (await tx.scalars(chosen.order_by(CarePlan.id).with_for_update().execution_options(populate_existing=True))).all()
    ended = proposed = 0
    for plan in plans:
        if rule.on_left == "end" and plan.created_by == _by(rule):
            await end_plan(tx, plan, state="ended", by=_by(rule), reason="left_cohort", now=now)
            ended += 1
        else:
            # A plan that a person began is a person's to end.
            patient = await tx.get_one(Patient, plan.patient_id)
            text = say("auto.left", name=patient.name, cohort=cohort.name, title=title)
            key = f"auto:{rule.id}:{plan.id}:left:{now:%Y%m%d}"
            await raise_errand(tx, patient, kind=ERRAND, text=text, because=say("auto.left_because"), key=key, now=now)
            proposed += 1
    return ended, proposed
