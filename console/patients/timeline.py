"""Everything that happened, newest first: what the portrait's line of time has, and beside it the talk, follow-ups and plan changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clinician import author_of
from bot.plan_changes import told
from bot.reply import plain_text
from console.desk import DESK, SEAT
from console.patients.head import open_patient, patient_page
from console.portrait import portrait_words
from console.words import area_words
from plans.personal import plan_templates, task_templates
from plans.task import OPEN
from records.care_plan import CarePlan, CarePlanChange, Task
from records.chat import Chat
from records.chat_desk import belongs_to
from records.message import SERVICER, Inbound, Outbound
from records.patient import Patient, PatientCarer
from records.staff import Staff, names_of
from tagging.portrait.portrait import Portrait, portrait_of
from tagging.portrait.timeline import Happening

# Of each source, the latest.
MOST = 80
# What the reader can ask for, and what of the line of time it is.
KINDS: dict[str, tuple[str, ...]] = {
    "chat": ("chat",),
    "answer": ("task", "questionnaire"),
    "visit": ("visit", "discharge", "appointment"),
    "result": ("report", "order"),
    "record": ("diagnosis", "note", "vaccine", "no"),
    "tag": ("tag",),
    "plan": ("plan",),
    "alert": ("alert",),
}
# Told here in more words than there.
_OWN = ("task", "plan")
# What goes with these is a code that nobody reads.
_OF_CODES = ("tag", "order")
_KIND_OF = {first: kind for kind, firsts in KINDS.items() for first in firsts}


@dataclass(frozen=True)
class Moment:
    """One line. `what` is a key of words.yml `moments` or of portrait.yml `happenings`; `path` is a page below the patient's."""

    at: datetime
    kind: str
    what: str
    text: str
    detail: str | None = None
    path: str | None = None


async def show(request: web.Request) -> web.StreamResponse:
    """The line of time; `kind` in the address chooses."""
    desk, seat, wanted = request.app[DESK], request[SEAT], request.query.get("kind", "")
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        seen = await portrait_of(tx, head.patient, seat.staff.id, now=desk.clock(), zone=desk.zone)
        moments = await moments_of(tx, head.patient, seat.staff, seen)
    shown = [each for each in moments if wanted not in KINDS or each.kind == wanted]
    return patient_page(request, head, "timeline", moments=shown, kinds=KINDS, wanted=wanted)


async def moments_of(tx: AsyncSession, patient: Patient, staff: Staff, seen: Portrait) -> list[Moment]:
    """All lines about a patient to whom `staff` has been let in, newest first; `seen` is his portrait."""
    plans = (await tx.scalars(select(CarePlan).where(CarePlan.patient_id == patient.id).order_by(CarePlan.id))).all()
    moments = [
        *(_happened(each) for each in seen.timeline if each.kind.partition("_")[0] not in _OWN),
        *await _talk(tx, patient, staff),
        *await _tasks(tx, patient),
        *await _plans(tx, plans),
    ]
    return sorted(moments, key=lambda each: each.at, reverse=True)


def _happened(each: Happening) -> Moment:
    first = each.kind.partition("_")[0]
    codes = {"alert": "levels", "appointment": "appointment_states"}
    detail = portrait_words()[codes[first]][each.detail or ""] if first in codes else each.detail
    if each.kind == "alert_closed":
        detail = area_words("work_list")["outcomes"].get(each.detail)
    return Moment(each.at, _KIND_OF.get(first, "record"), each.kind, each.what, None if first in _OF_CODES else detail)


async def _talk(tx: AsyncSession, patient: Patient, staff: Staff) -> list[Moment]:
    """What was written in the chats of his carers that are with the reader's teams."""
    carers = select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient.id)
    chats = select(Chat.id).where(Chat.carer_id.in_(carers), belongs_to(staff.id))
    heard = await tx.execute(
        select(Inbound.sent_at, Inbound.origin, Inbound.text)
        .where(Inbound.chat_id.in_(chats), Inbound.text.is_not(None))
        .order_by(Inbound.id.desc())
        .limit(MOST)
    )
    said = await tx.execute(
        select(Outbound.sent_at, Outbound.key, Outbound.payload)
        .where(Outbound.chat_id.in_(chats), Outbound.state == "sent", Outbound.sent_at.is_not(None))
        .order_by(Outbound.seq.desc())
        .limit(MOST)
    )
    lines = [Moment(at, "chat", "staff" if origin == SERVICER else "family", text or "") for at, origin, text in heard]
    for at, key, payload in said:
        if words := plain_text(payload):
            lines.append(Moment(at, "chat", "bot" if author_of(key) is None else "staff", words))
    return lines


async def _tasks(tx: AsyncSession, patient: Patient) -> list[Moment]:
    """Follow-ups that are over, by their titles."""
    ended = select(Task).where(Task.patient_id == patient.id, Task.state.not_in((*OPEN, "withdrawn")), Task.closed_at.is_not(None))
    tasks = (await tx.scalars(ended.order_by(Task.id.desc()).limit(MOST))).all()
    templates = await task_templates(tx, tasks)
    titles = {task.id: templates[task.id].titles.get(task.step) for task in tasks if task.id in templates}
    return [
        Moment(task.closed_at, "answer", f"task_{task.state}", titles.get(task.id) or task.step, path=f"/tasks/{task.id}")
        for task in tasks
        if task.closed_at is not None
    ]


async def _plans(tx: AsyncSession, plans: Sequence[CarePlan]) -> list[Moment]:
    """Enrolments, and what was changed in them for him alone."""
    templates = await plan_templates(tx, plans)
    changes = select(CarePlanChange).where(CarePlanChange.care_plan_id.in_([plan.id for plan in plans])).order_by(CarePlanChange.id.desc())
    rows = (await tx.scalars(changes.limit(MOST))).all()
    names = await names_of(tx, {row.by for row in rows})
    lines = []
    for row in rows:
        titles = templates[row.care_plan_id].titles if row.care_plan_id in templates else {}
        lines.append(Moment(row.at, "plan", "plan_change", told(row, titles), names.get(row.by, row.by), "/plan"))
    for plan in plans:
        title = templates[plan.id].title if plan.id in templates else plan.template
        lines.append(Moment(plan.created_at, "plan", "plan", title, path="/plan"))
    return lines
