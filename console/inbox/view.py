"""Looking: the list of chats, one chat with the patient beside it, the files that families sent."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
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
from console.form import number, words
from console.inbox.beside import alerts_of, children_of
from console.inbox.words import words as inbox_words
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
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        talk = await talk_of(tx, request, chat, patients) | await _beside(tx, request, chat, patients)
    return render(request, "console/inbox/inbox.html", **(await _list(request) | talk))


async def show_talk(request: web.Request) -> web.Response:
    """One chat alone, with all that can be done in it. Raises AccessRefused."""
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        talk = await talk_of(tx, request, chat, patients)
    return render(request, "console/inbox/_talk.html", **talk)


async def show_lines(request: web.Request) -> web.StreamResponse:
    """The lines of a chat as they stand now, with who may write, or the older ones."""
    try:
        before = datetime.fromisoformat(request.query["before"]) if "before" in request.query else None
    except ValueError:
        raise web.HTTPBadRequest from None
    if before is not None and before.tzinfo is None:
        raise web.HTTPBadRequest
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        shown = await _lines(tx, request, chat, before)
        if before is None:
            shown |= await _may_write(tx, request, chat, patients)
    return render(request, "console/inbox/_lines.html", **shown)


async def show_beside(request: web.Request) -> web.StreamResponse:
    """What is known of the children, as it stands now."""
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        shown = await _beside(tx, request, chat, patients)
    return render(request, "console/inbox/_beside.html", **shown)


async def show_articles(request: web.Request) -> web.StreamResponse:
    """Published articles that the family may be sent, by a word of their title."""
    search = words(request.query, "find", LONGEST_SEARCH)
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        found = await articles_for(tx, {patient.team_id for patient in patients}, search, request.app[DESK].clock())
    return render(request, "console/inbox/_articles.html", chat=chat, patients=patients, found=found, nonce=secrets.token_hex(8))


async def articles_for(tx: AsyncSession, teams: Iterable[int], search: str, now: datetime) -> Sequence[tuple[str, str]]:
    """Code and title of published articles for patients of these teams, by a word of the title; ARTICLES at most."""
    rows = (
        select(ContentItem.code, ContentVersion.title)
        .join(ContentVersion, ContentVersion.content_id == ContentItem.id)
        .where(ContentItem.kind == "article", is_live(now))
        .where(or_(ContentItem.team_id.is_(None), ContentItem.team_id.in_(teams)), ContentVersion.title.contains(search, autoescape=True))
    )
    return (await tx.execute(rows.order_by(ContentVersion.title).limit(ARTICLES))).all()


async def show_media(request: web.Request) -> web.StreamResponse:
    """A file that the family sent into this chat."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        chat, _ = await open_chat(tx, request)
        message = await tx.get(Inbound, int(request.match_info["message"]))
    if message is None or message.chat_id != chat.id:
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


async def open_chat(tx: AsyncSession, request: web.Request) -> tuple[Chat, list[Patient]]:
    """The chat of the address through its door, with those of the carer's children whom the reader follows. Raises AccessRefused."""
    return await access_chat(tx, request[SEAT].staff, chat_number(request), now=request.app[DESK].clock(), why=WHY)


async def _lines(tx: AsyncSession, request: web.Request, chat: Chat, before: datetime | None = None) -> dict[str, Any]:
    """What was said; whoever sees the last of it has seen the chat."""
    seat = request[SEAT]
    lines, more = await conversation(tx, chat, seat.teams, before=before)
    if before is None:
        await note_seen(tx, seat.staff, chat.id)
    carer = await tx.get(Carer, chat.carer_id) if chat.carer_id is not None else None
    return {"talk": chat, "carer": carer, "lines": lines, "more": more, "older": before is not None, "w": inbox_words()}


async def _may_write(tx: AsyncSession, request: web.Request, chat: Chat, patients: list[Patient]) -> dict[str, Any]:
    carer = await tx.get(Carer, chat.carer_id) if chat.carer_id is not None else None
    standing = await _standing(tx, chat, request[SEAT].staff, request.app[DESK].clock())
    return {"standing": standing, "phones": _phones(carer, patients), "most": WINDOW_MESSAGES}


async def _beside(tx: AsyncSession, request: web.Request, chat: Chat, patients: list[Patient]) -> dict[str, Any]:
    desk = request.app[DESK]
    return {
        "talk": chat,
        "children": await children_of(tx, patients, desk.clock(), desk.zone),
        "alerts": await alerts_of(tx, chat, patients, request[SEAT].teams),
        "w": inbox_words(),
    }


async def talk_of(tx: AsyncSession, request: web.Request, chat: Chat, patients: list[Patient]) -> dict[str, Any]:
    """What the talk (_talk.html) is made of."""
    teams = request[SEAT].teams
    canned = await tx.scalars(select(CannedAnswer).where(CannedAnswer.team_id.in_(teams)).order_by(CannedAnswer.title))
    return {
        **await _lines(tx, request, chat),
        **await _may_write(tx, request, chat, patients),
        "alerts": await alerts_of(tx, chat, patients, teams),
        "patients": patients,
        "canned": list(canned),
        "child": patients[0].name if patients else "",
        "forms": newest().values(),
        "nonce": secrets.token_hex(8),
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
    search = words(request.query, "q", LONGEST_SEARCH)
    async with desk.db.transaction() as tx:
        items = await chat_list(tx, seat.staff, desk.clock(), search=search)

    def group(item: ChatItem) -> str:
        return WAITING if item.since is not None else item.group

    groups = [(name, list(those)) for name, those in groupby(items, key=group)]
    chosen = request.match_info.get("chat") or request.query.get("chosen", "")
    return {
        "groups": groups,
        "search": search,
        "w": inbox_words(),
        "bot": BOT,
        "chosen": number(chosen),
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
