"""Sending a content from the page beside a chat: as a message that WeCom's client sends, or by the service account as the inbox does."""

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clinician import ClinicianRefused, send_article
from console.desk import DESK, SEAT
from console.form import number, words
from console.inbox.words import sentence
from console.page import post, sentences, toast
from console.phone.beside import HERE, LONGEST_CONTACT, Family, family_of
from console.phone.done import refused
from integrations.wecom.outbound import TEXT_BYTES, split_text
from plans.content.kept import content_of
from plans.content.link import PATH, sign_reading
from plans.content.model import ArticleContent
from plans.content.push import article_for
from plans.content.reference import reference_line
from plans.invitation import signing_key
from records.content_read import article_read
from records.patient import Patient

# What a link's card shows below its title (doc:93563: 512 bytes; two lines are seen).
ABOUT = 60
WHY_SHOWN = "beside the chat"


async def draft(request: web.Request) -> web.StreamResponse:
    """The message that the page hands to WeCom's client, where the clinician sends it under her own name."""
    form = await request.post()
    try:
        async with request.app[DESK].db.transaction() as tx:
            family, patient = await _whom(tx, request, lock=False)
            message = await _message(tx, request, family, patient, words(form, "code"))
    except ClinicianRefused as err:
        return refused(sentence(err.code))
    return web.json_response(message)


async def by_account(request: web.Request) -> web.StreamResponse:
    """By the service account, through the outbox: window and quota count, and what does not go is said."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    try:
        async with desk.db.transaction() as tx:
            family, patient = await _whom(tx, request, lock=True)
            if family.chat is None:
                raise ClinicianRefused("never_wrote")
            await send_article(
                tx, family.chat, seat.staff, patient, words(form, "code"), words(form, "nonce"), desk.clock(),
                zone=desk.zone, page=bool(desk.pages),
            )  # fmt: skip
    except ClinicianRefused as err:
        return refused(sentence(err.code))
    return toast(web.Response(status=204), sentences()["beside_sent"])


async def _whom(tx: AsyncSession, request: web.Request, *, lock: bool) -> tuple[Family, Patient]:
    """Raises AccessRefused, RightMissing, and ClinicianRefused when it is not said which child is meant."""
    form = await request.post()
    family = await family_of(tx, request, words(form, "contact", LONGEST_CONTACT), lock=lock)
    patient = next((child for child in family.patients if child.id == number(form.get("patient", ""))), None)
    if patient is None:
        raise ClinicianRefused("no_patient")
    request[SEAT].rights.check("care.act", patient.team_id)
    return family, patient


async def _message(tx: AsyncSession, request: web.Request, family: Family, patient: Patient, code: str) -> dict[str, Any]:
    """The content's page as a link, where families can open pages and the showing can be written down; else its words."""
    desk, now = request.app[DESK], request.app[DESK].clock()
    version = await article_for(tx, code, patient.team_id, now)
    content = content_of(version) if version is not None else None
    if version is None or not isinstance(content, ArticleContent):
        raise ClinicianRefused("not_published")
    read = None
    if family.chat is not None and desk.pages:
        read = await article_read(
            tx, family.chat, patient.id, code, version.version, now, ask=False, version_id=version.id, how="push", because=WHY_SHOWN
        )
    if read is None:
        text = f"【{content.title}】\n{content.chat_text}\n{reference_line(version, desk.zone)}"
        return {"msgtype": "text", "text": {"content": split_text(text, TEXT_BYTES)[0]}}
    link = f"{desk.pages}{PATH}/{sign_reading(await signing_key(tx), read[0], now)}"
    return {"msgtype": "news", "news": {"link": link, "title": content.title, "desc": content.chat_text[:ABOUT]}}


ROUTES = (
    post(f"{HERE}/draft", draft, "care.act"),
    post(f"{HERE}/article", by_account, "care.act"),
)
