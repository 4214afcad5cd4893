"""Articles and videos: what fits this child now, and what the family was shown before; opening one is noted as a reading."""

from datetime import timedelta

from aiohttp import web
from sqlalchemy import select

from console.family.desk import FAMILY, VISITOR
from console.family.page import child_of, render, sorry
from console.page import ANYBODY, get
from plans.content.link import PATH, sign_reading
from plans.content.match import match
from plans.invitation import signing_key
from records.chat import Chat, latest_chat
from records.content import ContentItem, ContentVersion, is_live
from records.content_read import ContentRead, article_read

# `how` of a reading that the family chose by itself on its page.
HOW = "page"
# So many fit, so many were shown before; opened again within a day is the same reading.
FITTING, SHOWN, SAME = 8, 20, timedelta(days=1)


async def show(request: web.Request) -> web.StreamResponse:
    """The two lists."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        fitting = await match(tx, child, now, desk.zone, limit=FITTING)
        mine = select(Chat.id).where(Chat.carer_id == request[VISITOR].carer.id)
        chosen = (
            select(ContentItem.code, ContentVersion.title, ContentRead.at, ContentRead.finished_at)
            .join(ContentItem, ContentItem.code == ContentRead.article)
            .join(ContentVersion, (ContentVersion.content_id == ContentItem.id) & is_live(now))
            .where(ContentRead.chat_id.in_(mine), ContentRead.patient_id == child.id)
            .order_by(ContentRead.at.desc())
            .limit(5 * SHOWN)
        )
        shown: dict[str, tuple[str, object, object]] = {}
        for code, title, at, finished in await tx.execute(chosen):
            shown.setdefault(code, (title, at, finished))
    return render(request, "learn.html", child=child, fitting=fitting, shown=list(shown.items())[:SHOWN])


async def open_article(request: web.Request) -> web.StreamResponse:
    """On to the article's own page, by a link of this reading."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    code = request.match_info["code"]
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id)
        if chat is None:
            return sorry(request, "no_chat", child=child)
        version = await tx.scalar(
            select(ContentVersion)
            .join(ContentItem, ContentItem.id == ContentVersion.content_id)
            .where(
                ContentItem.code == code,
                ContentItem.kind == "article",
                ContentItem.team_id.is_(None) | (ContentItem.team_id == child.team_id),
                is_live(now),
            )
        )
        if version is None:
            raise web.HTTPNotFound
        same = select(ContentRead.id).where(
            ContentRead.chat_id == chat.id,
            ContentRead.patient_id == child.id,
            ContentRead.article == code,
            ContentRead.version == version.version,
            ContentRead.at > now - SAME,
        )
        read_id = await tx.scalar(same.order_by(ContentRead.id.desc()).limit(1))
        if read_id is None:
            read = await article_read(tx, chat, child.id, code, version.version, now, ask=False, version_id=version.id, how=HOW)
            if read is None:
                raise web.HTTPNotFound
            read_id = read[0]
        token = sign_reading(await signing_key(tx), read_id, now)
    return web.Response(status=303, headers={"Location": f"{PATH}/{token}"})


ROUTES = (
    get(r"/{child:\d{1,18}}/learn", show, ANYBODY),
    get(r"/{child:\d{1,18}}/learn/{code:[a-z0-9_-]{1,80}}", open_article, ANYBODY),
)
