"""The page beside a WeCom chat: WeCom's script tells who is being talked to, the page shows that family's children.

Who it is comes from the clinician's browser, so it opens no door by itself: everything goes through those of the chat and the patients.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import BASE, DESK, SEAT
from console.fence import policy_with_script
from console.form import number, words
from console.inbox.view import articles_for
from console.page import get, post, render, sentences, toast
from console.patients.head import head_of
from console.patients.tags import NotDecided, decide
from console.phone.done import refused
from console.phone.home import HOME
from console.phone.patient import particulars
from records.chat import Chat
from records.chat_desk import access_chat
from records.patient import AccessRefused, Carer, Patient, access_patient, patients_of

log = structlog.get_logger(__name__)

HERE, WHY = f"{HOME}/beside", "beside"
# WeCom's ids are at most this long (wecom-api §3).
LONGEST_CONTACT, LONGEST_SEARCH, LONGEST_ADDRESS = 64, 40, 2000


@dataclass(frozen=True)
class Family:
    """Who is being talked to, as far as the reader may know: the chat with the service account, and those children whom she follows."""

    contact: str
    carer: Carer | None
    chat: Chat | None
    patients: list[Patient]


async def show(request: web.Request) -> web.StreamResponse:
    """The page without anybody on it. It alone may load WeCom's script, which nobody but WeCom can offer: it speaks with the client."""
    sdk = request.app[DESK].chat_sdk
    answer = render(request, "console/phone/beside.html", script=sdk.script if sdk is not None else "")
    parts = urlsplit(sdk.script) if sdk is not None else None
    if parts is not None and parts.netloc:
        answer.headers["Content-Security-Policy"] = policy_with_script(f"{parts.scheme}://{parts.netloc}")
    return answer


async def signature(request: web.Request) -> web.StreamResponse:
    """Signatures for this page alone, wherever its address may go on after `#` or `?`."""
    desk, url = request.app[DESK], words(await request.post(), "url", LONGEST_ADDRESS)
    parts = urlsplit(url)
    if desk.chat_sdk is None or parts.netloc != request.host or parts.path != f"{BASE}{HERE}":
        raise web.HTTPNotFound
    try:
        return web.json_response(await desk.chat_sdk.signed(url, secrets.token_hex(8)))
    except Exception as err:
        log.error("page beside a chat not signed", error=type(err).__name__, code=getattr(err, "code", None))
        raise web.HTTPBadGateway from err


async def show_family(request: web.Request) -> web.StreamResponse:
    """The family that is being talked to. Raises AccessRefused for that of another team."""
    contact, chosen = words(request.query, "contact", LONGEST_CONTACT), number(request.query.get("patient", ""))
    return await _family_page(request, contact, chosen)


async def say_tag(request: web.Request) -> web.StreamResponse:
    """A word about a tag of the child that is shown, and the page anew."""
    form = await request.post()
    try:
        said = await decide(request)
    except NotDecided as err:
        return refused(err.sentence)
    answer = await _family_page(request, words(form, "contact", LONGEST_CONTACT), int(request.match_info["id"]))
    return toast(answer, sentences()[said])


async def show_articles(request: web.Request) -> web.StreamResponse:
    """Contents that the family may be sent, by a word of their title."""
    desk = request.app[DESK]
    contact, search = words(request.query, "contact", LONGEST_CONTACT), words(request.query, "find", LONGEST_SEARCH)
    async with desk.db.transaction() as tx:
        family = await family_of(tx, request, contact)
        patient = chosen_of(family, number(request.query.get("patient", "")))
        found = await articles_for(tx, {patient.team_id}, search, desk.clock()) if patient is not None else []
    return render(request, "console/phone/_articles.html", family=family, patient=patient, found=found, nonce=secrets.token_hex(8))


async def _family_page(request: web.Request, contact: str, chosen: int | None) -> web.Response:
    async with request.app[DESK].db.transaction() as tx:
        family = await family_of(tx, request, contact)
        patient = chosen_of(family, chosen)
        seen: dict[str, Any] = {}
        if patient is not None:
            seen = await particulars(tx, request, await head_of(tx, request, patient))
    return render(request, "console/phone/_family.html", family=family, patient=patient, **seen)


async def family_of(tx: AsyncSession, request: web.Request, contact: str, *, lock: bool = False) -> Family:
    """The family behind WeCom's id of a customer; with `lock` its chat is held. Raises AccessRefused for that of another team."""
    seat, now = request[SEAT], request.app[DESK].clock()
    carer = await tx.scalar(select(Carer).where(Carer.external_userid == contact))
    latest = select(Chat.id).where(Chat.external_userid == contact).order_by(Chat.window_from.desc().nulls_last(), Chat.id.desc())
    if (chat_id := await tx.scalar(latest.limit(1))) is not None:
        chat, patients = await access_chat(tx, seat.staff, chat_id, now=now, why=WHY, lock=lock)
        return Family(contact, carer, chat, patients)
    children = await patients_of(tx, carer.id) if carer is not None else []
    mine = [child for child in children if child.team_id in seat.teams]
    if children and not mine:
        raise AccessRefused(f"family of {children[0].id}")
    # A friend of hers who never wrote to the service account.
    patients = [await access_patient(tx, seat.staff, child.id, now=now, why=WHY, lasting=True) for child in mine]
    return Family(contact, carer if children else None, None, patients)


def chosen_of(family: Family, wanted: int | None) -> Patient | None:
    """The child that is asked for, else the first; None for a family of which no child is known."""
    return next((child for child in family.patients if child.id == wanted), family.patients[0] if family.patients else None)


ROUTES = (
    get(HERE, show, "care.read"),
    post(f"{HERE}/signature", signature, "care.read"),
    get(f"{HERE}/family", show_family, "care.read"),
    get(f"{HERE}/articles", show_articles, "care.read"),
    post(f"{HERE}/patients/{{id:\\d{{1,18}}}}/tags", say_tag, "care.act"),
)
