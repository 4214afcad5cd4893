"""One follow-up explained from the rows: why it came, what held it, each attempt, each word that counted, what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.held import HELD_KEY
from plans.personal import template_of
from plans.question import sign_name
from plans.sentences import Sentences
from plans.task_key import tasks_in
from plans.template import Step
from plans.template.anchor import anchor_title
from plans.wording import vital_unit, words
from records.care_plan import CarePlan, CarePlanChange, Task
from records.contact import Contact
from records.errand import Errand
from records.flag import Flag
from records.message import Inbound, Outbound
from records.observation import Observation
from records.patient import AccessRefused, Patient, access_patient
from records.staff import Staff
from records.state import StateChange

WHY = "task_history"
MOST_SAID = 120
_SENTENCES = Sentences(Path(__file__).with_name("history.yml"))
_say, _group = _SENTENCES.say, _SENTENCES.group


@dataclass(frozen=True)
class Line:
    """Something that happened at `at`, in the words that a clinician reads. kind: change, held, attempt, message, heard, stored, fired,
    errand."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class History:
    """`head` and `why` say what the follow-up is and why it came; `lines` what happened, in order."""

    task_id: int
    patient_id: int
    head: str
    why: tuple[str, ...]
    lines: tuple[Line, ...]


async def task_history(tx: AsyncSession, staff: Staff, task_id: int, *, now: datetime, zone: ZoneInfo) -> History:
    """The history of a follow-up for a clinician of the patient's team; the read is audited. Raises AccessRefused, for none too."""
    task = await tx.get(Task, task_id)
    if task is None:
        raise AccessRefused(f"task {task_id}")
    patient = await access_patient(tx, staff, task.patient_id, now=now, why=WHY)
    plan, template = await tx.get_one(CarePlan, task.care_plan_id), await template_of(tx, task)
    step = template.step(task.step)
    kind, state = _group("kinds")[step.kind], _group("states")[task.state]
    head = _say("task.head", id=task.id, name=patient.name, title=step.title, kind=kind, state=state)
    why = [
        _say("why.plan", template=template.title, version=template.version, step=step.title),
        _say("why.anchor", anchor=anchor_title(step.anchor), dates=_dates(plan, step), day=task.day, slot=task.slot + 1),
        *await _changes(tx, plan, task, zone),
        _say("why.due", due=_at(task.due_at, zone), until=_at(task.useful_until, zone)),
    ]
    lines = [
        *await _moves(tx, task),
        *_held(task, zone),
        *await _attempts(tx, task),
        *await _messages(tx, task, now),
        *await _heard(tx, task),
        *await _stored(tx, task),
        *await _fired(tx, task, patient, now),
        *await _errands(tx, task),
    ]
    return History(task.id, patient.id, head, tuple(why), tuple(sorted(lines, key=lambda line: line.at)))


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _dates(plan: CarePlan, step: Step) -> str:
    known = plan.anchors.get(step.anchor)
    return "、".join(str(each) for each in (known if isinstance(known, list) else [known] if known else []))


def _reason(reason: str | None) -> str:
    if not reason:
        return ""
    known: Mapping[str, str] = _group("reasons") | words("undeliverable") | words("decline_reasons")
    told = known.get(reason, reason).strip("（）")
    return f"（{told}）" if told else ""


async def _changes(tx: AsyncSession, plan: CarePlan, task: Task, zone: ZoneInfo) -> list[str]:
    """What a clinician changed for this patient in this step, or for this day of it."""
    query = select(CarePlanChange).where(CarePlanChange.care_plan_id == plan.id, CarePlanChange.step == task.step)
    rows = await tx.scalars(query.where(CarePlanChange.undone_at.is_(None)).order_by(CarePlanChange.id))
    kinds = _group("changes")
    return [
        _say("why.change", by=row.by, at=_at(row.at, zone), kind=kinds.get(row.kind, row.kind), reason=_reason(row.reason))
        for row in rows
        if row.day in (None, task.day) or row.detail.get("day") == task.day.isoformat()
    ]


async def _moves(tx: AsyncSession, task: Task) -> list[Line]:
    rows = await tx.scalars(
        select(StateChange).where(StateChange.entity == "task", StateChange.entity_id == task.id).order_by(StateChange.id)
    )
    return [Line(row.at, "change", _move(row)) for row in rows]


def _move(row: StateChange) -> str:
    texts, states = _group("lines"), _group("states")
    if row.old is None:
        return _say("lines.made", by=row.by)
    if row.reason in ("announced", "opened", "errand", "joined") and row.new == "sent":
        return str(texts[row.reason])
    if row.old != row.new and row.new in ("sent", "started"):
        return str(texts[row.new]) + (_reason(row.reason) if row.new == "started" else "")
    ended = row.new in ("done", "partial", "declined", "missed", "undeliverable", "withdrawn") and row.old != row.new
    return _say("lines.closed" if ended else "lines.moved", state=states[row.new], why=_reason(row.reason))


def _held(task: Task, zone: ZoneInfo) -> list[Line]:
    """What kept it back, each guard once, with how often."""
    held: dict[str, dict[str, Any]] = (task.answers or {}).get(HELD_KEY, {})
    return [
        Line(
            datetime.fromisoformat(each["first"]),
            "held",
            _say(
                "lines.held",
                reason=_reason(reason).strip("（）"),
                times=each["times"],
                last=_at(datetime.fromisoformat(each["last"]), zone),
            ),
        )
        for reason, each in held.items()
    ]


async def _attempts(tx: AsyncSession, task: Task) -> list[Line]:
    """Each attempt to reach the family, by which route, and what became of it."""
    rows = await tx.scalars(select(Contact).where(Contact.patient_id.is_not(None), Contact.tasks.contains([task.id])).order_by(Contact.id))
    return [
        Line(
            row.at,
            "attempt",
            _say(
                "lines.attempt",
                what=_what(row.about),
                route=_group("routes").get(row.route, row.route),
                state=_group("attempts").get(row.state, row.state),
                error=_reason(row.error),
            ),
        )
        for row in rows
    ]


def _what(key: str) -> str:
    part = key.split(":")[2] if key.count(":") >= 2 else "other"
    return str(_group("what").get(part, _group("what")["other"]))


async def _messages(tx: AsyncSession, task: Task, now: datetime) -> list[Line]:
    """What was put into the chat for it, as the family reads it."""
    if task.chat_id is None:
        return []
    span = (Outbound.created_at >= (task.sent_at or task.due_at), Outbound.created_at <= (task.closed_at or now))
    rows = await tx.scalars(select(Outbound).where(Outbound.chat_id == task.chat_id, Outbound.key.startswith("task:"), *span))
    return [
        Line(row.created_at, "message", _say("lines.message", what=_what(row.key), text=_body(row.payload)))
        for row in rows
        if task.id in tasks_in(row.key)
    ]


def _body(payload: dict[str, Any]) -> str:
    text = payload.get("text", {}).get("content") or payload.get("msgmenu", {}).get("head_content", "")
    return str(text).replace("\n", " ")[:MOST_SAID]


async def _heard(tx: AsyncSession, task: Task) -> list[Line]:
    """Each message of the family that counted for it."""
    ids = {id for known in (task.answers or {}).values() for id in known.get("messages", [])}
    kept = select(Observation.message_id).where(Observation.patient_id == task.patient_id, Observation.task_id == task.id)
    ids |= set(await tx.scalars(kept))
    wanted = [id for id in ids if id is not None]
    rows = list(await tx.scalars(select(Inbound).where(Inbound.id.in_(wanted)).order_by(Inbound.id)))
    return [Line(row.sent_at, "heard", _say("lines.heard", text=(row.text or row.msgtype)[:MOST_SAID])) for row in rows]


async def _stored(tx: AsyncSession, task: Task) -> list[Line]:
    rows = await tx.scalars(
        select(Observation).where(Observation.patient_id == task.patient_id, Observation.task_id == task.id).order_by(Observation.id)
    )
    return [Line(row.recorded_at, "stored", _say("lines.stored", what=_observed(row))) for row in rows]


def _observed(row: Observation) -> str:
    after = _group("status").get(row.status, "")
    if row.code.startswith("answer."):
        return f"“{row.text}”{after}"
    if row.value is not None:
        return f"{words('vital_names').get(row.code, sign_name(row.code))} {row.value:g}{vital_unit(row.code, row.unit or '')}{after}"
    status = _group("signs").get(str(row.detail.get("status")), "")
    return f"{status}{sign_name(row.code)}{after}"


async def _fired(tx: AsyncSession, task: Task, patient: Patient, now: datetime) -> list[Line]:
    """The rules that its answers set off, as the alerts keep them."""
    fired = {rule for known in (task.answers or {}).values() for rule in known.get("fired", [])}
    if not fired:
        return []
    flags = await tx.scalars(select(Flag).where(Flag.patient_id == patient.id, Flag.raised_at <= (task.closed_at or now)))
    found: dict[str, Line] = {}
    for flag in flags:
        for evidence in flag.evidence:
            if evidence.get("rule") in fired:
                line = _say("lines.fired", rule=evidence["rule"], because=evidence.get("because", ""))
                found.setdefault(evidence["rule"], Line(flag.raised_at, "fired", line))
    return list(found.values())


async def _errands(tx: AsyncSession, task: Task) -> list[Line]:
    rows = await tx.scalars(select(Errand).where(Errand.patient_id == task.patient_id))
    states, lines = _group("errands"), []
    for row in rows:
        if task.id in tasks_in(row.key) or row.key.endswith(f":{task.id}"):
            outcome = _reason(row.outcome) if row.outcome != row.state else ""
            told = _say("lines.errand_raised", text=row.text, state=states[row.state], outcome=outcome)
            lines.append(Line(row.raised_at, "errand", told))
    return lines
