"""What rules have done by others: plans, follow-ups, contents and alerts, each through its owner's own door."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.action import AddTask, ChangeFrequency, PushContent, RaiseAlert, StartPlan, StopPlan, SwitchPlan
from plans.adaptation.words import say
from plans.changing import add_task, change_frequency
from plans.clock import local_day
from plans.content.push import push_content
from plans.definition import newest_template
from plans.enrol_many import enrol_many
from plans.enrolment import RUNNING, end_plan
from records.care_plan import CarePlan
from records.chat import Chat
from records.flag import raise_flag
from records.patient import Patient, PatientCarer

Ids = dict[str, Any]


class Refused(Exception):
    """An action that cannot be done for this patient; the text is a Chinese sentence for the clinician."""

    permanent = True

    def __init__(self, sentence: str, code: str = "action_refused") -> None:
        super().__init__(sentence)
        self.code = code


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

    async def start_plans(self, tx: AsyncSession, action: StartPlan, wanted: Mapping[int, Why]) -> dict[int, Ids | Refused]:
        """Enrol these patients: by patient the ids, or why not."""

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

    async def start_plans(self, tx: AsyncSession, action: StartPlan, wanted: Mapping[int, Why]) -> dict[int, Ids | Refused]:
        """Enrol on the newest version, in a few statements for all; anchors come from the record, or as the rule says."""
        template = await newest_template(tx, action.template)
        by_day: dict[date, list[int]] = {}
        for patient_id, why in wanted.items():
            by_day.setdefault(local_day(why.event_at, why.zone), []).append(patient_id)
        found: dict[int, Ids | Refused] = {}
        for day, ids in by_day.items():
            why = wanted[ids[0]]
            today = local_day(why.now, why.zone)
            said = {name: day if which == "event" else today for name, which in action.anchors.items()}
            given = {name: said[name] for name in (*template.anchors, *template.later) if name in said}
            done = await enrol_many(tx, ids, template, by=why.by, now=why.now, zone=why.zone, given=given)
            found |= {patient: {"care_plan": plan} for patient, plan in done.plans.items()}
            found |= {one.patient_id: Refused(one.text, one.code) for one in done.refused}
        return found

    async def stop_plan(self, tx: AsyncSession, patient: Patient, action: StopPlan, why: Why) -> Ids:
        """End the enrolment that is running."""
        plan = await _running(tx, patient, action.template)
        await end_plan(tx, plan, state="ended", by=why.by, reason=why.because, now=why.now)
        return {"care_plan": plan.id}

    async def switch_plan(self, tx: AsyncSession, patient: Patient, action: SwitchPlan, why: Why) -> Ids:
        """Both or neither."""
        old = await self.stop_plan(tx, patient, StopPlan(template=action.from_), why)
        started = await self.start_plans(tx, StartPlan(template=action.to, anchors=action.anchors), {patient.id: why})
        new = started[patient.id]
        if isinstance(new, Refused):
            raise new
        return {"ended": old["care_plan"], **new}

    async def change_frequency(self, tx: AsyncSession, patient: Patient, action: ChangeFrequency, why: Why) -> Ids:
        """From tomorrow on."""
        plan = await _running(tx, patient, action.template)
        change = await change_frequency(
            tx, plan, action.step, action.every_days, days=action.for_days, by=why.by, now=why.now, zone=why.zone, reason=why.because
        )
        return {"care_plan": plan.id, "change": change.id}

    async def add_task(self, tx: AsyncSession, patient: Patient, action: AddTask, why: Why) -> Ids:
        """At the family's hour."""
        plan = await _running(tx, patient, action.template)
        day = local_day(why.now, why.zone) + timedelta(days=action.in_days)
        change = await add_task(tx, plan, action.step, day, by=why.by, now=why.now, zone=why.zone, reason=why.because)
        return {"care_plan": plan.id, "change": change.id}

    async def push_content(self, tx: AsyncSession, patient: Patient, action: PushContent, why: Why) -> Ids:
        """Have it sent when the family's hours, budget and window allow it; refused for what is not published for the team."""
        key = f"rule:{why.firing_id}:{action.article}"
        push = await push_content(tx, patient, action.article, because=why.because, key=key, now=why.now, by=why.by)
        if push.state == "refused":
            raise Refused(say("refused.push", name=action.article))
        return {"push": push.id}

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
            said="",
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
