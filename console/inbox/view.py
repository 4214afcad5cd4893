"""Looking: the list of chats, one chat with the patient beside it, the files that families sent."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.chat_list import BOT, WAITING, ChatItem, chat_list, note_seen
from bot.clinician import room_in, why_not
from bot.conversation import conversation
from console.desk import DESK, SEAT
from console.inbox.beside import beside
from console.inbox.words import words
from console.page import get, render
from plans.questionnaire import newest
from records.chat import WINDOW, WINDOW_MESSAGES, Chat
from records.chat_desk import CannedAnswer, access_chat
from records.content import ContentItem, ContentVersion, is_live
from records.message import Inbound
from records.patient import AccessRefused, Carer, Patient
from records.staff import Staff

WHY = "inbox"
LONGEST_SEARCH, ARTICLES = 40, 12
# What browsers show as a picture; all else a family sent is only given to be saved.
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


@dataclass(frozen=True)
class Standing:
    """Who has the chat and whether she may write. `mode`: mine, free (a person's, nobody's by name), colleague, bot. `why`: see why_not."""

    mode: str
    owner: str | None
    why: str | None
    room: int
    until: datetime | None


async def show(request: web.Request) -> web.StreamResponse:
    """The list alone."""
    return render(request, "console/inbox/inbox.html", **await _list(request), talk=None)


async def show_list(request: web.Request) -> web.StreamResponse:
    """The list, as it stands now."""
    return render(request, "console/inbox/_list.html", **await _list(request))


async def show_chat(request: web.Request) -> web.StreamResponse:
    """The list with one chat beside it."""
    talk = await talk_of(request)
    return render(request, "console/inbox/inbox.html", **(await _list(request) | talk))


async def show_lines(request: web.Request) -> web.StreamResponse:
    """The lines of a chat as they stand now, or the older ones."""
    try:
        before = datetime.fromisoformat(request.query["before"]) if "before" in request.query else None
    except ValueError:
        raise web.HTTPBadRequest from None
    if before is not None and before.tzinfo is None:
        raise web.HTTPBadRequest
    return render(request, "console/inbox/_lines.html", **await talk_of(request, before=before))


async def show_beside(request: web.Request) -> web.StreamResponse:
    """What is known of the children, as it stands now."""
    return render(request, "console/inbox/_beside.html", **await talk_of(request))


async def show_articles(request: web.Request) -> web.StreamResponse:
    """Published articles that the family may be sent, by a word of their title."""
    desk, seat, chat_id = request.app[DESK], request[SEAT], chat_number(request)
    search = request.query.get("find", "").strip()[:LONGEST_SEARCH]
    async with desk.db.transaction() as tx:
        chat, patients = await access_chat(tx, seat.staff, chat_id, now=desk.clock(), why=WHY)
        teams = {patient.team_id for patient in patients}
        rows = (
            select(ContentItem.code, ContentVersion.title)
            .join(ContentVersion, ContentVersion.content_id == ContentItem.id)
            .where(ContentItem.kind == "article", is_live(desk.clock()))
            .where(
                or_(ContentItem.team_id.is_(None), ContentItem.team_id.in_(teams)), ContentVersion.title.contains(search, autoescape=True)
            )
        )
        found = (await tx.execute(rows.order_by(ContentVersion.title).limit(ARTICLES))).all()
    return render(request, "console/inbox/_articles.html", chat=chat, patients=patients, found=found, nonce=secrets.token_hex(8))


async def show_media(request: web.Request) -> web.StreamResponse:
    """A file that the family sent into this chat."""
    desk, seat, chat_id = request.app[DESK], request[SEAT], chat_number(request)
    async with desk.db.transaction() as tx:
        await access_chat(tx, seat.staff, chat_id, now=desk.clock(), why=WHY)
        message = await tx.get(Inbound, int(request.match_info["message"]))
    if message is None or message.chat_id != chat_id:
        raise AccessRefused(f"message {request.match_info['message']}")
    data = await asyncio.to_thread(_read, desk.media, message.outcome.get("media", {}).get("file"))
    if data is None:
        raise web.HTTPNotFound
    kind = next((kind for start, kind in PICTURES.items() if data.startswith(start)), None)
    headers = {} if kind else {"Content-Disposition": f'attachment; filename="{message.msgtype}-{message.id}"'}
    return web.Response(body=data, content_type=kind or "application/octet-stream", headers=headers)


def _read(folder: Path | None, name: Any) -> bytes | None:
    if folder is None or not isinstance(name, str):
        return None
    path = (folder / name).resolve()
    return path.read_bytes() if path.is_relative_to(folder.resolve()) and path.is_file() else None


def chat_number(request: web.Request) -> int:
    """The chat in the address."""
    return int(request.match_info["chat"])


async def talk_of(request: web.Request, *, before: datetime | None = None) -> dict[str, Any]:
    """All that the page of a chat shows. Raises AccessRefused."""
    desk, seat, now = request.app[DESK], request[SEAT], request.app[DESK].clock()
    async with desk.db.transaction() as tx:
        chat, patients = await access_chat(tx, seat.staff, chat_number(request), now=now, why=WHY)
        lines, more = await conversation(tx, chat, seat.teams, before=before)
        if before is None:
            await note_seen(tx, seat.staff, chat.id)
        carer = await tx.get(Carer, chat.carer_id) if chat.carer_id is not None else None
        canned = await tx.scalars(select(CannedAnswer).where(CannedAnswer.team_id.in_(seat.teams)).order_by(CannedAnswer.title))
        return {
            "talk": chat,
            "carer": carer,
            "patients": patients,
            "lines": lines,
            "more": more,
            "older": before is not None,
            "standing": await _standing(tx, chat, seat.staff, now),
            "canned": list(canned),
            "child": patients[0].name if patients else "",
            "forms": newest().values(),
            "beside": await beside(tx, chat, patients, seat.teams, now, desk.zone),
            "phones": _phones(carer, patients),
            "nonce": secrets.token_hex(8),
            "w": words(),
            "most": WINDOW_MESSAGES,
            "chosen": chat.id,
        }


async def _standing(tx: AsyncSession, chat: Chat, staff: Staff, now: datetime) -> Standing:
    room = await room_in(tx, chat, now)
    owner = await tx.get(Staff, chat.owner_id) if chat.owner_id is not None else None
    mode = "bot" if chat.state == "bot" else "free" if owner is None else "mine" if owner.id == staff.id else "colleague"
    until = chat.window_from + WINDOW if chat.window_from is not None else None
    return Standing(mode, owner.name if owner is not None else None, why_not(chat, room, now), room, until)


def _phones(carer: Carer | None, patients: list[Patient]) -> list[str]:
    """The numbers at which the family may be rung."""
    known = [carer.phone if carer is not None else None, *(number for patient in patients for number in patient.phones)]
    return list(dict.fromkeys(number for number in known if number))


async def _list(request: web.Request) -> dict[str, Any]:
    desk, seat = request.app[DESK], request[SEAT]
    search = request.query.get("q", "").strip()[:LONGEST_SEARCH]
    async with desk.db.transaction() as tx:
        items = await chat_list(tx, seat.staff, desk.clock(), search=search)

    def group(item: ChatItem) -> str:
        return WAITING if item.since is not None else item.group

    groups = [(name, list(those)) for name, those in groupby(items, key=group)]
    chosen = request.match_info.get("chat") or request.query.get("chosen", "")
    return {
        "groups": groups,
        "search": search,
        "w": words(),
        "bot": BOT,
        "chosen": int(chosen) if chosen.isdecimal() and len(chosen) < 19 else None,
    }


ROUTES = (
    get("/inbox", show, "care.read"),
    get("/inbox/list", show_list, "care.read"),
    get(r"/inbox/{chat:\d{1,18}}", show_chat, "care.read"),
    get(r"/inbox/{chat:\d{1,18}}/lines", show_lines, "care.read"),
    get(r"/inbox/{chat:\d{1,18}}/beside", show_beside, "care.read"),
    get(r"/inbox/{chat:\d{1,18}}/articles", show_articles, "care.read"),
    get(r"/inbox/{chat:\d{1,18}}/media/{message:\d{1,18}}", show_media, "care.read"),
)
