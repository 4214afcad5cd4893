"""What a family enters on its page goes the road of a message: stored, triaged first, kept, and answered; nothing is sent into the chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.around import around
from bot.kf_events import CUSTOMER
from bot.triage_flag import advice_of, escalate_raised, raise_triage
from plans.alert import raise_alerts
from plans.clarify_talk import interrupt
from plans.follow_up import Answer, Report, answer, report
from plans.hear_words import Tapped
from plans.reach.arrive import answered_by
from plans.template import Question
from plans.told import note_told
from plans.wording import say as wording
from records.care_plan import Task
from records.chat import Chat
from records.flag import LEVELS
from records.message import Inbound
from records.patient import Patient
from records.retag import ask_retag
from tagging.triage import reply_text

PAGE = "page"


@dataclass(frozen=True)
class Asked:
    """The question of a follow-up that is answered on the page; `tapped` is the option of a choice."""

    task: Task
    question: Question
    tapped: Tapped | None = None


async def take_from_page(
    tx: AsyncSession,
    chat: Chat,
    patient: Patient,
    text: str,
    *,
    key: str,
    now: datetime,
    zone: ZoneInfo,
    emergency_phone: str,
    asked: Asked | None = None,
) -> Inbound:
    """Take `text`, entered about `patient`, as if `chat` (locked) had brought it. `key` is the form's: the same one twice is taken once.

    The message's `outcome` then says what its page shows: `triage`, and under `page` the words for the family (`danger`, `echo`,
    `ask_back`, `next`). A child who is known is never asked for: the page is about one.
    """
    message = await _store(tx, chat, text, key, now)
    if PAGE in message.outcome:
        return message
    known = (await around(tx, [chat], now))[chat.id]
    phone = known.phone or emergency_phone
    understood = await known.understand(tx, text, patient, context=asked.question.context if asked else None, now=now, zone=zone)
    triage = understood.triage
    if triage.level != "routine" and triage.categories:
        await raise_triage(tx, chat, patient, triage, said=text, now=now)
    await note_told(tx, patient, text, understood.medicines, message_id=message.id, answers=asked is not None, at=now)
    danger = reply_text(triage, notified=known.notified, phone=phone) or ""
    if triage.level in ("emergency", "urgent"):
        await interrupt(tx, chat, "danger", now=now)
    told: Answer | Report
    if asked is not None:
        told = await answer(
            tx, asked.task, patient, asked.question, understood, text=text, message_id=message.id, now=now, zone=zone, tapped=asked.tapped
        )
    else:
        told = await report(tx, patient, understood, message_id=message.id, text=text, now=now, zone=zone)
    alerts = [each for each in (told.alert, *told.others) if each is not None]
    await raise_alerts(tx, chat, alerts, said=text, patient_id=patient.id, now=now)
    advice = danger or (advice_of(told.alert, notified=known.notified, phone=phone) if told.alert is not None else "")
    level = max([triage.level, *(each.level for each in alerts)], key=LEVELS.index)
    page = {"patient": patient.id, "level": level, "danger": advice, "echo": told.echo, "ask_back": told.ask_back, "next": _next(told)}
    page["task"] = asked.task.id if asked is not None else told.task.id if isinstance(told, Report) and told.task else None
    message.outcome = {"triage": triage.level, "categories": list(triage.categories), "answer": PAGE, PAGE: page}
    message.state, message.handled_at = "recorded" if chat.state == "human" else "done", now
    await after_page(tx, chat, [patient], now)
    return message


async def taken_before(tx: AsyncSession, chat: Chat, key: str) -> Inbound | None:
    """What the form `key` of this carer became when it was sent before."""
    message: Inbound | None = await tx.scalar(select(Inbound).where(Inbound.msgid == _msgid(chat, key)))
    return message


async def after_page(tx: AsyncSession, chat: Chat, patients: Sequence[Patient], now: datetime) -> None:
    """The family has been there: alerts go out, tags are looked at again, what was sent to it counts as answered."""
    if chat.carer_id is not None:
        await answered_by(tx, [chat.carer_id], now)
    await ask_retag(tx, [patient.id for patient in patients], now)
    await escalate_raised(tx)


def _msgid(chat: Chat, key: str) -> str:
    return f"{PAGE}:{chat.carer_id}:{key}"


async def _store(tx: AsyncSession, chat: Chat, text: str, key: str, now: datetime) -> Inbound:
    row: dict[str, Any] = {
        "chat_id": chat.id,
        "msgid": _msgid(chat, key),
        "origin": CUSTOMER,
        "msgtype": "text",
        "text": text,
        "body": {"from": PAGE},
        "sent_at": now,
        "received_at": now,
        # Handled in this very transaction; a drain that runs meanwhile waits for the chat's lock and finds it done.
        "state": "done",
    }
    made = await tx.execute(insert(Inbound).values(row).on_conflict_do_nothing(index_elements=["msgid"]))
    if made.rowcount:  # type: ignore[attr-defined]
        metrics.MESSAGES_IN.labels(PAGE).inc()
    return (await tx.scalars(select(Inbound).where(Inbound.msgid == row["msgid"]))).one()


def _next(told: Answer | Report) -> str:
    """What comes after what was said back."""
    parts = (told.closing, *((told.next_step, "" if told.finished else told.safety) if isinstance(told, Report) else ()))
    return "".join(part for part in parts if part) or (wording("report.noted") if not told.echo and told.understood else "")
