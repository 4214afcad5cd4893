"""What rules have done by others: plans, follow-ups, contents and alerts, each through its owner's own door."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.action import AddTask, ChangeFrequency, PushContent, RaiseAlert, StartPlan, StopPlan, SwitchPlan
from plans.adaptation.words import say
from plans.clock import local_day
from plans.definition import newest_template
from plans.enrolment import RUNNING, end_plan, enrol
from records.care_plan import CarePlan
from records.chat import Chat
from records.encounter import Encounter
from records.flag import raise_flag
from records.patient import Patient, PatientCarer, primary_carer

Ids = dict[str, Any]
# Where a family has not said when it wants to be asked.
MORNING = 9


class Refused(Exception):
    """An action that cannot be done for this patient; the text is a Chinese sentence for the clinician."""

    code, permanent = "action_refused", True


@dataclass(frozen=True)
class Why:
    """For which firing something is done. `by` is the rule, as histories name it."""

    firing_id: int
    by: str
    because: str
    evidence: tuple[dict[str, Any], ...]
    event_at: datetime
    now: datetime
    zone: ZoneInfo


class Actions(Protocol):
    """Everything that a rule may have done besides tags and errands. Each gives the ids of what it made.

    Raises Refused, or the owner's own error (with `code` and `permanent`), where it cannot be done; what was begun is then undone.
    """

    async def start_plan(self, tx: AsyncSession, patient: Patient, action: StartPlan, why: Why) -> Ids:
        """Enrol the patient."""

    async def stop_plan(self, tx: AsyncSession, patient: Patient, action: StopPlan, why: Why) -> Ids:
        """End his enrolment."""

    async def switch_plan(self, tx: AsyncSession, patient: Patient, action: SwitchPlan, why: Why) -> Ids:
        """End one, begin another."""

    async def change_frequency(self, tx: AsyncSession, patient: Patient, action: ChangeFrequency, why: Why) -> Ids:
        """Do a step more or less often for some time."""

    async def add_task(self, tx: AsyncSession, patient: Patient, action: AddTask, why: Why) -> Ids:
        """Plan one more follow-up."""

    async def push_content(self, tx: AsyncSession, patient: Patient, action: PushContent, why: Why) -> Ids:
        """Send an article."""

    async def alert(self, tx: AsyncSession, patient: Patient, action: RaiseAlert, why: Why) -> Ids:
        """Raise an alert."""


class Care:
    """The actions as CareLoop does them."""

    async def start_plan(self, tx: AsyncSession, patient: Patient, action: StartPlan, why: Why) -> Ids:
        """Enrol on the newest version; anchors come from the record, or as the rule says."""
        template = await newest_template(tx, action.template)
        anchors = await _anchors(tx, patient, template.anchors, action.anchors, why)
        carer = await primary_carer(tx, patient.id)
        hour = carer.follow_up_hour if carer is not None else MORNING
        plan = await enrol(tx, patient, template, anchors=anchors, hour=hour, by=why.by, now=why.now, zone=why.zone)
        return {"care_plan": plan.id}

    async def stop_plan(self, tx: AsyncSession, patient: Patient, action: StopPlan, why: Why) -> Ids:
        """End the enrolment that is running."""
        plan = await _running(tx, patient, action.template)
        await end_plan(tx, plan, state="ended", by=why.by, reason=why.because, now=why.now)
        return {"care_plan": plan.id}

    async def switch_plan(self, tx: AsyncSession, patient: Patient, action: SwitchPlan, why: Why) -> Ids:
        """Both or neither."""
        old = await self.stop_plan(tx, patient, StopPlan(template=action.from_), why)
        new = await self.start_plan(tx, patient, StartPlan(template=action.to, anchors=action.anchors), why)
        return {"ended": old["care_plan"], **new}

    async def change_frequency(self, tx: AsyncSession, patient: Patient, action: ChangeFrequency, why: Why) -> Ids:
        """To be joined with the plan engine's changes."""
        raise Refused(say("mistakes.unknown_step", template=action.template, name=action.step))

    async def add_task(self, tx: AsyncSession, patient: Patient, action: AddTask, why: Why) -> Ids:
        """To be joined with the plan engine's changes."""
        raise Refused(say("mistakes.unknown_step", template=action.template, name=action.step))

    async def push_content(self, tx: AsyncSession, patient: Patient, action: PushContent, why: Why) -> Ids:
        """To be joined with the content centre's pushes."""
        raise Refused(say("mistakes.unknown_article", name=action.article))

    async def alert(self, tx: AsyncSession, patient: Patient, action: RaiseAlert, why: Why) -> Ids:
        """Raise an alert in the chat of the family, the primary carer's first; refused where the family has none."""
        chosen = (
            select(Chat)
            .join(PatientCarer, PatientCarer.carer_id == Chat.carer_id)
            .where(PatientCarer.patient_id == patient.id)
            .order_by(PatientCarer.primary.desc(), Chat.id)
            .limit(1)
            .with_for_update(of=Chat)
        )
        chat = await tx.scalar(chosen)
        if chat is None:
            raise Refused(say("refused.no_chat"))
        evidence = [{"rule": why.by, "because": why.because, "firing": why.firing_id, "saw": list(why.evidence)}]
        flag = await raise_flag(
            tx,
            chat,
            level=action.level,
            categories=[action.category],
            said=why.because,
            because=why.because,
            evidence=evidence,
            now=why.now,
            by=why.by,
            patient_id=patient.id,
        )
        return {"flag": flag.id}


async def _running(tx: AsyncSession, patient: Patient, template: str) -> CarePlan:
    chosen = select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template, CarePlan.state.in_(RUNNING))
    plan = await tx.scalar(chosen.order_by(CarePlan.id.desc()).limit(1).with_for_update())
    if plan is None:
        raise Refused(say("refused.not_on_plan", name=template))
    return plan


async def _anchors(tx: AsyncSession, patient: Patient, wanted: tuple[str, ...], said: Mapping[str, str], why: Why) -> dict[str, date]:
    """The dates that the record or the rule knows; what lacks is told by enrolment itself."""
    today = local_day(why.now, why.zone)
    known = {"birth": patient.birth_date, "enrolment": today}
    if "discharge" in wanted:
        left = select(Encounter.ended_at).where(
            Encounter.patient_id == patient.id,
            Encounter.kind == "inpatient",
            Encounter.state != "cancelled",
            Encounter.ended_at <= why.now,
        )
        ended = await tx.scalar(left.order_by(Encounter.ended_at.desc()).limit(1))
        if ended is not None:
            known["discharge"] = local_day(ended, why.zone)
    known |= {name: today if day == "today" else local_day(why.event_at, why.zone) for name, day in said.items()}
    return {name: known[name] for name in wanted if name in known}
