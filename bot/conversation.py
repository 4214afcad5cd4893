"""A chat as a clinician reads it: what the family, the bot and colleagues said, what happened in between, and notes that nobody sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import category_text
from bot.clinician import author_of
from bot.media import VOICE
from bot.pictures import PICTURE
from bot.reply import plain_text
from bot.texts import said_or, say
from records.chat import Chat
from records.chat_desk import ChatNote
from records.flag import Flag
from records.message import CLINICIAN, CUSTOMER, HELD, SERVICER, Inbound, Outbound
from records.staff import Staff
from records.state import StateChange

PAGE = 60
FAMILY, BOT, COLLEAGUE, SYSTEM, NOTE = "family", "bot", "colleague", "system", "note"
# A message that was pulled at once stands where it came in by our own clock, which tells more than the platform's whole seconds.
AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Line:
    """One thing that was said or happened.

    `side` is family, bot, colleague, system or note, `who` a colleague's name. `form` is text, card (with `choices`), content, image, voice
    or other; `media` the number of the message whose file is kept; `heard` what was read from a picture or heard in a voice message.
    `state` of what we send: sent, queued, held (for the family's next word), failed, withdrawn. `level` is triage's.
    """

    at: datetime
    side: str
    text: str
    order: int = 0
    who: str | None = None
    form: str = "text"
    choices: tuple[str, ...] = ()
    media: int | None = None
    heard: str | None = None
    level: str | None = None
    state: str = "sent"
    error: str | None = None
    key: str | None = None
    recalled: bool = False


async def conversation(
    tx: AsyncSession, chat: Chat, teams: Iterable[int], *, before: datetime | None = None, limit: int = PAGE
) -> tuple[list[Line], datetime | None]:
    """The last lines `before` a moment, oldest first, and the moment before which there are more. `teams`: whose notes are shown.

    The caller has been let in to the chat.
    """
    parts = [
        await _heard(tx, chat, before, limit),
        await _spoken(tx, chat, before, limit),
        await _changes(tx, chat, before, limit),
        await _alerts(tx, chat, before, limit),
        await _notes(tx, chat, teams, before, limit),
    ]
    lines = sorted((line for part in parts for line in part), key=lambda line: (line.at, line.order))
    if len(lines) <= limit and all(len(part) < limit for part in parts):
        return lines, None
    # Lines of one moment stay together.
    first = lines[-min(limit, len(lines))].at
    return [line for line in lines if line.at >= first], first


async def _names(tx: AsyncSession, ids: Iterable[int | None] = (), userids: Iterable[str] = ()) -> dict[int | str, str]:
    rows = await tx.execute(select(Staff.id, Staff.userid, Staff.name).where(Staff.id.in_(set(ids)) | Staff.userid.in_(set(userids))))
    return {key: name for id, userid, name in rows for key in (id, userid)}


async def _heard(tx: AsyncSession, chat: Chat, before: datetime | None, limit: int) -> list[Line]:
    at = case((Inbound.received_at - Inbound.sent_at < AT_ONCE, Inbound.received_at), else_=Inbound.sent_at)
    query = select(Inbound, at.label("at")).where(Inbound.chat_id == chat.id, Inbound.origin.in_((CUSTOMER, SERVICER)))
    if before is not None:
        query = query.where(at < before)
    rows = (await tx.execute(query.order_by(at.desc(), Inbound.id.desc()).limit(limit))).all()
    userids = [str(message.body.get("servicer_userid")) for message, _ in rows if message.origin == SERVICER]
    names = await _names(tx, userids=userids)
    return [_inbound(message, at, names) for message, at in rows]


def _inbound(message: Inbound, at: datetime, names: dict[int | str, str]) -> Line:
    outcome = message.outcome
    level = outcome.get("triage")
    kept = bool(outcome.get("media", {}).get("file"))
    line = Line(
        at,
        FAMILY,
        message.text or "",
        order=message.id,
        level=level if level != "routine" else None,
        recalled="recalled_at" in outcome,
        media=message.id if kept else None,
    )
    if message.origin == SERVICER:
        userid = str(message.body.get("servicer_userid"))
        line = replace(line, side=COLLEAGUE, who=names.get(userid, userid))
    if message.msgtype == "text":
        return line
    form = message.msgtype if message.msgtype in ("image", "voice") else "other"
    what = said_or(f"inbox.kind.{message.msgtype}", say("inbox.kind.other"))
    body = message.body.get(message.msgtype)
    title = (body.get("title") or body.get("name") or body.get("address")) if isinstance(body, dict) else None
    return replace(line, form=form, text=f"{what} {title}" if isinstance(title, str) else what, heard=_read(outcome))


def _read(outcome: dict[str, Any]) -> str | None:
    """What a machine heard or read in the file."""
    if text := outcome.get(VOICE, {}).get("text"):
        return str(text)
    values = outcome.get(PICTURE, {}).get("values") or ()
    found = [f"{each.get('name')} {each.get('text')}" for each in values]
    return "、".join(found) or None


async def _spoken(tx: AsyncSession, chat: Chat, before: datetime | None, limit: int) -> list[Line]:
    at = func.coalesce(Outbound.sent_at, Outbound.created_at)
    query = select(Outbound, at).where(Outbound.chat_id == chat.id, Outbound.route.in_(("kf", "kf_event")))
    # Of what was not said in the end, a clinician wants to know what the bot would have answered, and her own words.
    query = query.where((Outbound.state != "withdrawn") | Outbound.purpose.in_(("reply", "alert", CLINICIAN)))
    if before is not None:
        query = query.where(at < before)
    rows = (await tx.execute(query.order_by(at.desc(), Outbound.seq.desc()).limit(limit))).all()
    names = await _names(tx, [author_of(row.key) for row, _ in rows])
    return [_outbound(row, at, names) for row, at in rows]


def _outbound(row: Outbound, at: datetime, names: dict[int | str, str]) -> Line:
    author = author_of(row.key)
    body, kind = row.payload, row.payload.get("msgtype")
    choices = tuple(str(item[item["type"]].get("content", "")) for item in body["msgmenu"].get("list", ())) if kind == "msgmenu" else ()
    words = str(body["msgmenu"].get("head_content", "")) if kind == "msgmenu" else plain_text(body)
    state = "held" if row.state == "queued" and row.error == HELD else "queued" if row.state == "sending" else row.state
    return Line(
        at,
        COLLEAGUE if author is not None else BOT,
        words or said_or(f"inbox.kind.{kind}", say("inbox.kind.other")),
        order=row.seq,
        who=names.get(author) if author is not None else None,
        form="card" if choices else "content" if kind == "content" else "text",
        choices=choices,
        state=state,
        error=row.error if state == "failed" else None,
        key=row.key if author is not None and row.state == "queued" and not row.attempts else None,
    )


async def _changes(tx: AsyncSession, chat: Chat, before: datetime | None, limit: int) -> list[Line]:
    """Who has the chat."""
    query = select(StateChange).where(StateChange.entity == "chat", StateChange.entity_id == chat.id)
    if before is not None:
        query = query.where(StateChange.at < before)
    rows = list(await tx.scalars(query.order_by(StateChange.id.desc()).limit(limit)))
    names = await _names(tx, userids=[row.by for row in rows])
    return [Line(row.at, SYSTEM, _change(row, names), order=row.id) for row in rows]


def _change(row: StateChange, names: dict[int | str, str]) -> str:
    name = names.get(row.by)
    if row.new == "human":
        if name is None:
            return say("inbox.happened.pool")
        return say("inbox.happened.taken" if row.reason == "console" else "inbox.happened.taken_wecom", name=name)
    outcome = row.detail.get("outcome")
    if outcome is None:
        return say("inbox.happened.back" if name is not None else "inbox.happened.over", name=name)
    ended = say("inbox.happened.ended", name=name or "", outcome=said_or(f"inbox.outcome.{outcome}", str(outcome)))
    return f"{ended}：{row.detail['note']}" if row.detail.get("note") else ended


async def _alerts(tx: AsyncSession, chat: Chat, before: datetime | None, limit: int) -> list[Line]:
    query = select(Flag).where(Flag.chat_id == chat.id)
    if before is not None:
        query = query.where(Flag.raised_at < before)
    rows = await tx.scalars(query.order_by(Flag.raised_at.desc()).limit(limit))
    return [Line(row.raised_at, SYSTEM, say("inbox.happened.alert", what=category_text(row.category)), level=row.level) for row in rows]


async def _notes(tx: AsyncSession, chat: Chat, teams: Iterable[int], before: datetime | None, limit: int) -> list[Line]:
    query = select(ChatNote, Staff.name).join(Staff, Staff.id == ChatNote.staff_id)
    query = query.where(ChatNote.chat_id == chat.id, ChatNote.team_id.in_(list(teams)))
    if before is not None:
        query = query.where(ChatNote.at < before)
    rows: Sequence[Any] = (await tx.execute(query.order_by(ChatNote.at.desc()).limit(limit))).all()
    return [Line(note.at, NOTE, note.text, order=note.id, who=name) for note, name in rows]
