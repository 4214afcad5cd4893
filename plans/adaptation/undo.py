"""What fired on a patient, for those who may see him; and taking back what a rule did, where it can be taken back."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.words import say
from plans.changing import Changer, ChangeRefused
from plans.enrolment import RUNNING, end_plan
from plans.errand import CLOSED, close_errand
from records.adaptation import AdaptationFiring
from records.care_plan import CarePlan, CarePlanChange
from records.errand import Errand
from records.patient import AccessRefused, access_patient
from records.staff import Staff
from tagging.tags.door import open_door
from tagging.tags.errors import TagError

WHY = "adaptation"
SHOWN = 50


class UndoRefused(Exception):
    """The firing cannot be undone; the text is a Chinese sentence."""

    code, permanent = "undo_refused", True


async def firings_of(tx: AsyncSession, staff: Staff, patient_id: int, *, now: datetime, limit: int = SHOWN) -> list[AdaptationFiring]:
    """What fired on a patient, the latest first. The read is audited. Raises AccessRefused."""
    await access_patient(tx, staff, patient_id, now=now, why=WHY)
    chosen = select(AdaptationFiring).where(AdaptationFiring.patient_id == patient_id).order_by(AdaptationFiring.id.desc())
    return list(await tx.scalars(chosen.limit(limit)))


async def undo(tx: AsyncSession, staff: Staff, firing_id: int, *, why: str, now: datetime, zone: ZoneInfo) -> list[str]:
    """Take back what a firing did: a sentence for each action, also for what cannot be taken back (what was sent stays sent).

    Raises UndoRefused: no such firing for this staff member (from outside that looks like none), or it was undone before.
    """
    firing = await tx.scalar(select(AdaptationFiring).where(AdaptationFiring.id == firing_id).with_for_update())
    if firing is None:
        raise UndoRefused(say("undo.none"))
    try:
        await access_patient(tx, staff, firing.patient_id, now=now, why=WHY)
    except AccessRefused as err:
        raise UndoRefused(say("undo.none")) from err
    if firing.undone_at is not None:
        raise UndoRefused(say("undo.twice", at=f"{firing.undone_at.astimezone(zone):%Y-%m-%d %H:%M}", by=firing.undone_by))
    told = []
    for did in firing.did:
        if "refused" not in did or did.get("ids"):
            cannot = await _take_back(tx, firing, did, staff, why, now=now, zone=zone)
            what = did.get("says", did["do"])
            told.append(say("undo.done", what=what) if cannot is None else say("undo.cannot", what=what, why=say(f"undo.{cannot}")))
    firing.undone_at, firing.undone_by, firing.undone_why = now, staff.userid, why
    return told


async def _take_back(
    tx: AsyncSession, firing: AdaptationFiring, did: dict[str, Any], staff: Staff, why: str, *, now: datetime, zone: ZoneInfo
) -> str | None:
    """Why it cannot be taken back (a key of wording.yml `undo`); None when it was."""
    name, ids = did["do"].partition(" ")[0], did.get("ids", {})
    if "errand" in ids:
        errand = await tx.get(Errand, ids["errand"], with_for_update=True)
        if errand is None or errand.state in CLOSED:
            return "over"
        await close_errand(tx, errand, "dropped", by=staff.userid, outcome=why, now=now)
        return None
    match name:
        case "add_tag" | "remove_tag":
            return await _tag(tx, firing.patient_id, name, did, staff, why, now)
        case "start_plan" | "switch_plan":
            plan = await tx.get(CarePlan, ids["care_plan"], with_for_update=True)
            if plan is None or plan.state not in RUNNING:
                return "over"
            await end_plan(tx, plan, state="withdrawn", by=staff.userid, reason=why, now=now)
            return None
        case "change_frequency" | "add_task":
            return await _change(tx, ids, staff, why, now=now, zone=zone)
        case "stop_plan":
            return "ended"
        case "push_content":
            return "sent"
        case _:
            return "alert"


async def _change(tx: AsyncSession, ids: dict[str, Any], staff: Staff, why: str, *, now: datetime, zone: ZoneInfo) -> str | None:
    plan = await tx.get(CarePlan, ids["care_plan"], with_for_update=True)
    change = await tx.get(CarePlanChange, ids["change"])
    if plan is None or change is None:
        return "over"
    try:
        await Changer(tx, plan, by=staff.userid, now=now, zone=zone, reason=why).undo(change)
    except ChangeRefused:
        return "over"
    return None


async def _tag(tx: AsyncSession, patient_id: int, name: str, did: dict[str, Any], staff: Staff, why: str, now: datetime) -> str | None:
    if not did.get("changed", True):
        return "over"
    async with open_door(tx, [patient_id], now) as door:
        holding, code = door[patient_id], did["ids"]["tag"]
        try:
            if name == "add_tag":
                holding.end(code, by=staff.userid, why=why)
            else:
                holding.decide(code, carries=True, by=staff.userid, why=why)
        except TagError:
            return "over"
    return None
