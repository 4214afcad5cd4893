"""对 or 不对 below the values of a picture: only then they count, and then like typed ones."""

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.around import Around
from bot.pictures import BUTTON, PICTURE, day_of, flag, judged, values_of
from bot.reply import Reply
from bot.texts import say
from bot.triage_flag import advice_of
from plans.alert import raise_alerts
from plans.follow_up import Report, report
from plans.question import ask_of, buttons_of
from plans.queue import go_on
from records.chat import Chat
from records.message import Inbound
from records.observation import Observation
from records.patient import Patient
from tagging.picture.confirm import countable, in_words, measurements
from tagging.picture.reading import PictureValue
from tagging.triage import reply_text
from tagging.understanding import Understanding

# What is typed instead of a tap on a button, right below the question.
YES = re.compile(r"(?:对|对的|对呀|对啊|是|是的|没错|嗯|嗯嗯|正确|看得对|好的|ok)[。.!！~～]*", re.IGNORECASE)
NO = re.compile(r"(?:不对|不是|错了|看错了|不对的|不是的)[。.!！~～]*")
_KEY = re.compile(rf"{BUTTON}(?P<message>\d{{1,18}})_(?P<say>yes|no)(?:_(?P<patient>\d{{1,18}}))?")
# The code of an observation that holds what a report says beyond vitals.
LAB_REPORT = "lab_report"


@dataclass
class PictureAnswer:
    """What to say, and what goes into the outcome of the message that answered."""

    replies: list[Reply] = field(default_factory=list)
    outcome: dict[str, Any] = field(default_factory=dict)


async def answer_picture(
    tx: AsyncSession, chat: Chat, message: Inbound, known: Around, *, now: datetime, zone: ZoneInfo, emergency_phone: str
) -> PictureAnswer | None:
    """Take a tap on a picture's button, or 对 typed below it; None when the message is neither. Effects happen once."""
    tapped = _KEY.fullmatch(message.menu_id or "")
    if tapped:
        picture = await tx.get(Inbound, int(tapped["message"]), with_for_update=True, populate_existing=True)
        yes, named = tapped["say"] == "yes", int(tapped["patient"]) if tapped["patient"] else None
    else:
        typed = (message.text or "").strip()
        if (
            message.menu_id
            or not (YES.fullmatch(typed) or NO.fullmatch(typed))
            or say("family.picture.asked") not in (known.last_words or "")
        ):
            return None
        picture = await _last_shown(tx, chat)
        yes, named = bool(YES.fullmatch(typed)), None
        if yes and len(known.patients) > 1:
            # Whose it is was asked with the children's names; a bare 对 leaves it open.
            named = chat.patient_id
    if picture is None or picture.chat_id != chat.id or PICTURE not in picture.outcome:
        return None
    found = picture.outcome[PICTURE]
    outcome = {"answer": PICTURE, PICTURE: picture.id}
    if found.get("state") != "shown":
        return PictureAnswer([Reply(say("family.picture.again"))], outcome)
    if not yes:
        picture.outcome = {**picture.outcome, PICTURE: {**found, "state": "denied"}}
        return PictureAnswer([Reply(say("family.picture.denied"))], outcome)
    patient = next((each for each in known.patients if each.id == named), known.patients[0] if len(known.patients) == 1 else None)
    if patient is None:
        return None
    picture.outcome = {**picture.outcome, PICTURE: {**found, "state": "confirmed"}}
    chat.patient_id = patient.id
    replies = await _count(tx, chat, picture, patient, known, now=now, zone=zone, emergency_phone=emergency_phone)
    return PictureAnswer(replies, outcome)


async def _count(
    tx: AsyncSession, chat: Chat, picture: Inbound, patient: Patient, known: Around, *, now: datetime, zone: ZoneInfo, emergency_phone: str
) -> list[Reply]:
    """Store the values, judge them now that they count, and say what comes next."""
    found = picture.outcome[PICTURE]
    values = values_of(found)
    at = day_of(found, picture, zone)
    triage = await judged(tx, values, known, patient, at=at, now=picture.sent_at, zone=zone)
    phone = known.phone or emergency_phone
    replies: list[Reply] = []
    if triage.level != "routine" and triage.categories:
        await flag(tx, chat, patient, triage, values, now, confirmed=True)
        replies.append(Reply(reply_text(triage, notified=known.notified, phone=phone) or ""))
    vitals = tuple(measurements(values, at=at or picture.sent_at))
    understood = Understanding((), vitals, (), (), triage)
    text = say("family.picture.and").join(in_words(value) for value in values)
    told = await report(tx, patient, understood, message_id=picture.id, text=text, now=now, zone=zone)
    rest = [value for value in countable(values) if value.vital not in {each.vital for each in vitals}]
    if rest:
        _keep_report(tx, patient, rest, picture, at or picture.sent_at, now)
    known.outdated()
    replies += await _next(tx, chat, patient, told, known, phone=phone, now=now, zone=zone)
    if not vitals:
        replies.append(Reply(say("family.picture.recorded", what=text)))
    elif rest:
        replies.append(Reply(say("family.picture.recorded_rest")))
    return replies


async def _next(
    tx: AsyncSession, chat: Chat, patient: Patient, told: Report, known: Around, *, phone: str, now: datetime, zone: ZoneInfo
) -> list[Reply]:
    """What a report says back and asks next; the plan's own alert is raised."""
    replies = [Reply(told.echo)]
    if told.alert is not None:
        await raise_alerts(tx, chat, (told.alert, *told.others), said=told.echo, patient_id=patient.id, now=now)
        replies.append(Reply(advice_of(told.alert, notified=known.notified, phone=phone)))
    following = ask_of(told.next, patient) if told.next is not None and told.answered else ""
    buttons = buttons_of(told.task, told.next) if told.task is not None and told.next is not None else ()
    closing = told.closing
    if told.finished and (then := await go_on(tx, chat, now=now, zone=zone, several=len(known.patients) > 1)) is not None:
        following, buttons, closing = then.text, then.buttons, None
    step = "" if told.finished or told.ask_back else told.next_step + told.safety
    return [*replies, *(Reply(words or "") for words in (told.ask_back, closing, step)), Reply(following, buttons)]


def _keep_report(tx: AsyncSession, patient: Patient, values: list[PictureValue], picture: Inbound, at: datetime, now: datetime) -> None:
    """What is no vital stays together as it was reported: one finding, with every row in `detail`."""
    rows = [{name: entry for name, entry in asdict(value).items() if name not in ("box", "score")} for value in values]
    tx.add(
        Observation(
            patient_id=patient.id,
            code=LAB_REPORT,
            value=None,
            unit=None,
            text=say("family.picture.and").join(in_words(value) for value in values),
            status="final",
            effective_at=at,
            recorded_at=now,
            message_id=picture.id,
            detail={"values": rows},
        )
    )


async def _last_shown(tx: AsyncSession, chat: Chat) -> Inbound | None:
    """The newest picture of the chat that waits for an answer."""
    shown: Inbound | None = await tx.scalar(
        select(Inbound)
        .where(Inbound.chat_id == chat.id, Inbound.msgtype == "image", Inbound.outcome[PICTURE]["state"].astext == "shown")
        .order_by(Inbound.id.desc())
        .limit(1)
        .with_for_update()
    )
    return shown
