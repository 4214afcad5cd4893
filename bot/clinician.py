"""A clinician in a family's chat, from the console: she takes it, writes, hands it back. All that is sent goes through the outbox."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import called, questions
from bot.alerts import OUTCOMES
from bot.handover import ENDED, HUMAN, POOL, hand_over, handed_over
from bot.lines import deliver
from bot.speak import in_chat
from bot.texts import say
from integrations.wecom.outbound import TEXT_BYTES, split_text, text
from plans.content.push import article_for, show_content
from plans.questionnaire import Questionnaire
from plans.questionnaire_response import assign
from plans.reach.window import left, why_closed
from records.chat import CHAT_MOVES, Chat
from records.flag import Flag
from records.message import CLINICIAN, HELD, Outbound, clinician_wrote
from records.patient import Patient
from records.staff import Staff
from records.state import move

# What waits for the family's next word is old news after this (R).
USEFUL_FOR = timedelta(days=7)
# One message of hers may take so many of the five.
MOST_PARTS = 3
WITHDRAWN = "taken back"
_NONCE = re.compile(r"[0-9a-f]{16,32}")
_KEY = re.compile(r"clinician:(\d+):(\d+):.+")


class ClinicianRefused(Exception):
    """It was not done: `code` says why, in one word that pages turn into a sentence. Nothing was written."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def author_of(key: str) -> int | None:
    """Whose message a row of the outbox is: the id of a staff member; None for what is not a clinician's."""
    found = _KEY.fullmatch(key)
    return int(found[2]) if found is not None else None


async def room_in(tx: AsyncSession, chat: Chat, now: datetime) -> int:
    """How many messages she may send now, those that wait already taken off."""
    waiting = select(func.count()).where(
        Outbound.chat_id == chat.id, Outbound.route == "kf", Outbound.state == "queued", Outbound.attempts == 0,
        Outbound.purpose == CLINICIAN,
    )  # fmt: skip
    return max(0, left(chat, CLINICIAN, now) - int(await tx.scalar(waiting) or 0))


def why_not(chat: Chat, room: int, now: datetime) -> str | None:
    """Why nothing can be sent: servicer (somebody has the session in WeCom), pool (it waits there), or why the window is closed."""
    if chat.service_state == HUMAN:
        return "servicer"
    if chat.service_state == POOL:
        return "pool"
    if room:
        return None
    if chat.window_from is None and chat.window_used == 0:
        return "never_wrote"
    return "over_quota" if chat.api_open(now) else why_closed(chat, now)


async def say_as(tx: AsyncSession, chat: Chat, staff: Staff, words: str, nonce: str, now: datetime, *, hold: bool = False) -> None:
    """Send a clinician's words, once per `nonce`; what the bot has is hers then. The chat is locked.

    With `hold` they wait for the family's next word where the window is closed. Raises ClinicianRefused: empty, too_long, no_room,
    colleague, servicer, pool, over_quota, window_closed, chat_ended, never_wrote.
    """
    words = words.strip()
    if not words:
        raise ClinicianRefused("empty")
    signed = say("clinician.signed", title=staff.title, name=staff.name, words=words)
    parts = [text(part) for part in split_text(signed, TEXT_BYTES)]
    if len(parts) > MOST_PARTS:
        raise ClinicianRefused("too_long")
    await _send(tx, chat, staff, parts, nonce, now, hold=hold)


async def send_article(
    tx: AsyncSession, chat: Chat, staff: Staff, patient: Patient, code: str, nonce: str, now: datetime, *, zone: ZoneInfo, page: bool
) -> None:
    """Send a published content at once, as the chat shows it. Raises ClinicianRefused; not_published for what may not be shown."""
    key = _key(chat, staff, nonce)
    if await tx.get(Outbound, key) is not None:
        return
    room = await _check(tx, chat, staff, now)
    version = await article_for(tx, code, patient.team_id, now)
    because = say("clinician.because", name=staff.name)
    shown = (
        await show_content(tx, chat, patient.id, version, because=because, room=room, zone=zone, page=page, now=now)
        if version is not None
        else None
    )
    if shown is None:
        raise ClinicianRefused("not_published")
    if not shown[1]:
        raise ClinicianRefused("no_room")
    await _send(tx, chat, staff, shown[1], nonce, now)


async def send_questionnaire(
    tx: AsyncSession, chat: Chat, staff: Staff, patient: Patient, form: Questionnaire, nonce: str, now: datetime
) -> None:
    """Put a questionnaire on the family's list and say how to begin it. Raises ClinicianRefused."""
    if await tx.get(Outbound, _key(chat, staff, nonce)) is not None:
        return
    await _check(tx, chat, staff, now)
    await assign(tx, patient, form, now=now, by=staff.userid)
    await say_as(tx, chat, staff, say("clinician.questionnaire", name=patient.name, title=form.title), nonce, now)


async def take(tx: AsyncSession, chat: Chat, staff: Staff, now: datetime) -> None:
    """The chat is hers: the bot only listens. WeCom's session stays ours, so that she writes from here. The chat is locked."""
    if chat.state == "human" and chat.owner_id == staff.id:
        return
    if chat.service_state in (POOL, HUMAN):
        raise ClinicianRefused("servicer" if chat.service_state == HUMAN else "pool")
    await _drop_stale(tx, chat)
    await handed_over(tx, chat, service_state=chat.service_state, owner=staff, now=now, reason="console")


async def hand_back(
    tx: AsyncSession, chat: Chat, staff: Staff, now: datetime, *, outcome: str | None = None, note: str | None = None
) -> None:
    """The bot answers again; with an `outcome` the talk is over, and what came of it is kept. The chat is locked.

    The call for a person is closed when somebody has answered it, or with the outcome. A session that somebody has in WeCom is ended.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise ClinicianRefused("bad_outcome")
    if chat.state != "human":
        raise ClinicianRefused("not_taken")
    asked = select(func.max(Flag.raised_at)).where(Flag.chat_id == chat.id, Flag.category == called.HUMAN_REQUEST, Flag.state != "closed")
    since, wrote = await tx.scalar(asked), await clinician_wrote(tx, chat.id)
    await questions.ended(tx, chat, staff.userid, now)
    if outcome is not None or (since is not None and wrote is not None and wrote >= since):
        await called.ended(tx, chat, staff.userid, now)
    await _drop_stale(tx, chat)
    if chat.service_state in (POOL, HUMAN):
        await _end_in_wecom(tx, chat, f"end:{chat.id}:{now.timestamp():.3f}", now)
    detail = {"outcome": outcome, "note": note} if outcome is not None else {}
    await move(tx, chat, "bot", moves=CHAT_MOVES, at=now, by=staff.userid, reason="console", detail=detail, owner_id=None)


async def take_from_wecom(tx: AsyncSession, chat: Chat, staff: Staff, words: str, nonce: str, now: datetime) -> None:
    """End the session that a servicer has in WeCom (a session there cannot be given back to the API, wecom-api §3.8), so that the
    family's next word can be answered from here. `words` go with the end, and ask for that word. The chat is locked."""
    if chat.service_state not in (POOL, HUMAN):
        raise ClinicianRefused("not_in_wecom")
    _check_nonce(nonce)
    signed = say("clinician.signed", title=staff.title, name=staff.name, words=words.strip() or say("clinician.write_again"))
    if len(signed.encode()) > TEXT_BYTES:
        raise ClinicianRefused("too_long")
    await _end_in_wecom(tx, chat, f"end:{chat.id}:{nonce}", now, signed)
    if chat.state != "human" or chat.owner_id != staff.id:
        await handed_over(tx, chat, service_state=chat.service_state, owner=staff, now=now, reason="console")


async def take_in_wecom(tx: AsyncSession, chat: Chat, staff: Staff, nonce: str, now: datetime) -> None:
    """Ask WeCom to give the session to her own WeCom client, behind what the bot still has to say. The chat is locked."""
    _check_nonce(nonce)
    if chat.service_state == ENDED:
        raise ClinicianRefused("chat_ended")
    await hand_over(tx, chat, key=f"handover:console:{chat.id}:{nonce}", now=now, to=staff)
    await deliver(tx, [f"chat:{chat.id}"])


async def withdraw(tx: AsyncSession, chat: Chat, key: str) -> None:
    """Take back what a clinician, whoever it was, wrote and has not gone out yet. The chat is locked. Raises ClinicianRefused: too_late."""
    waiting = select(Outbound).where(Outbound.key == key, Outbound.chat_id == chat.id, Outbound.state == "queued", Outbound.attempts == 0)
    row = await tx.scalar(waiting.with_for_update())
    if row is None or author_of(row.key) is None:
        raise ClinicianRefused("too_late")
    row.state, row.error = "withdrawn", WITHDRAWN


async def _check(tx: AsyncSession, chat: Chat, staff: Staff, now: datetime) -> int:
    """How much room there is for what she sends. Raises ClinicianRefused."""
    room = await room_in(tx, chat, now)
    if (why := why_not(chat, room, now)) is not None:
        raise ClinicianRefused(why)
    if chat.state == "human" and chat.owner_id not in (None, staff.id):
        raise ClinicianRefused("colleague")
    return room


async def _send(
    tx: AsyncSession, chat: Chat, staff: Staff, bodies: list[dict[str, Any]], nonce: str, now: datetime, *, hold: bool = False
) -> None:
    key = _key(chat, staff, nonce)
    if await tx.get(Outbound, key) is not None:
        return
    try:
        if await _check(tx, chat, staff, now) < len(bodies) and not hold:
            raise ClinicianRefused("no_room")
    except ClinicianRefused as err:
        if not hold or err.code in ("colleague", "servicer", "pool"):
            raise
    await take(tx, chat, staff, now)
    for number, body in enumerate(bodies, 1):
        part = key if number == 1 else f"{key}:{number}"
        await in_chat(tx, chat, part, body, purpose=CLINICIAN, now=now, useful_until=now + USEFUL_FOR)
    await called.answered(tx, chat, staff.userid, now)
    await deliver(tx, [f"chat:{chat.id}"])


def _key(chat: Chat, staff: Staff, nonce: str) -> str:
    _check_nonce(nonce)
    return f"clinician:{chat.id}:{staff.id}:{nonce}"


def _check_nonce(nonce: str) -> None:
    if not _NONCE.fullmatch(nonce):
        raise ClinicianRefused("stale_form")


async def _end_in_wecom(tx: AsyncSession, chat: Chat, key: str, now: datetime, words: str | None = None) -> None:
    payload = {"service_state": ENDED} | ({"words": words} if words else {})
    await in_chat(tx, chat, key, payload, purpose="handover", now=now, route="kf_trans")
    await deliver(tx, [f"chat:{chat.id}"])


async def _drop_stale(tx: AsyncSession, chat: Chat) -> None:
    """What the bot could not say before somebody else took the word is no answer any more; pages show that it was not said."""
    held = select(Outbound).where(
        Outbound.chat_id == chat.id, Outbound.state == "queued", Outbound.purpose == "reply", Outbound.error == HELD
    )
    for row in await tx.scalars(held.with_for_update(skip_locked=True)):
        row.state, row.error = "withdrawn", "a person took the chat"
