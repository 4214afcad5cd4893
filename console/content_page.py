"""The page of a content at /h5/content/<signed token>, for families' phones: readable, harmless, without a word about the child."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from console.fence import policy_without_forms
from console.sandbox import read_static
from plans.content.link import PATH
from plans.content.model import ArticleContent
from plans.content.page import Page, note_finished, note_opened, open_page, page_media
from plans.content.reference import reference_line
from plans.content.words import say
from records.content import ContentMedia
from records.database import Database

log = structlog.get_logger(__name__)

_HERE = Path(__file__).parent
_STATIC = "/h5/static/content"
# Whatever an editor wrote can run nothing and load nothing from elsewhere.
_CSP = policy_without_forms(images="'self'", media="'self'")
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    # The address is the key to the page: no other site learns it.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


class ContentPages:
    """The routes. `hospital` is the name at the top of each page."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, hospital: str) -> None:
        self._db, self._clock, self._zone, self._hospital = db, clock, zone, hospital
        self._gone = _environment().get_template("content_gone.html")
        self._static = read_static(_HERE / "static" / "content")

    def routes(self) -> list[web.RouteDef]:
        """For the application's router."""
        return [
            web.get(f"{PATH}/{{token}}", self._answer(self.page)),
            web.post(f"{PATH}/{{token}}/{{what:opened|finished}}", self._answer(self.note)),
            web.get(f"{PATH}/{{token}}/media/{{sha256:[0-9a-f]{{64}}}}", self._answer(self.media)),
            web.get(f"{_STATIC}/{{version}}/{{name}}", self._answer(self.static)),
        ]

    def _answer(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                response = await handler(request)
            except web.HTTPException:
                raise
            except Exception as err:
                # The address is a key, and stays out of the log.
                log.error("content page failed", error=type(err).__name__)
                response = self._sorry("gone", 503)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    async def page(self, request: web.Request) -> web.Response:
        """The article. Being fetched is not being read: previews fetch too, so the page's own script tells that it was opened."""
        async with self._db.transaction() as tx:
            found = await open_page(tx, request.match_info["token"], self._clock())
        if not isinstance(found, Page):
            return self._sorry("late" if found == "late" else "gone", 404 if found == "forged" else 410)
        base, static = f"{PATH}/{request.match_info['token']}", f"{_STATIC}/{self._static.version}"
        reference = reference_line(found.version, self._zone)
        text = article_page(
            found.content, reference, base=base, style=f"{static}/content.css", script=f"{static}/content.js",
            dwell=round(found.dwell), hospital=self._hospital,
        )  # fmt: skip
        return web.Response(text=text, content_type="text/html")

    async def note(self, request: web.Request) -> web.Response:
        """The family has opened the page, or come to its end."""
        now, kept = self._clock(), True
        async with self._db.transaction() as tx:
            found = await open_page(tx, request.match_info["token"], now)
            if not isinstance(found, Page):
                return web.Response(status=404)
            if request.match_info["what"] == "opened":
                await note_opened(tx, found, now)
            else:
                kept = await note_finished(tx, found, now)
        return web.Response(status=200, text=json.dumps({"kept": kept}), content_type="application/json")

    async def media(self, request: web.Request) -> web.Response:
        """A picture, video or file of the page; in parts too, without which iPhones play no video."""
        async with self._db.transaction() as tx:
            found = await open_page(tx, request.match_info["token"], self._clock())
            kept = await page_media(tx, found, request.match_info["sha256"]) if isinstance(found, Page) else None
        if kept is None:
            return web.Response(status=404)
        return media_answer(request, kept)

    async def static(self, request: web.Request) -> web.Response:
        """The page's style and script."""
        name = request.match_info["name"]
        body = self._static.files.get(name)
        if body is None:
            return web.Response(status=404)
        kind = {"css": "text/css", "js": "text/javascript"}.get(name.rpartition(".")[2], "application/octet-stream")
        return web.Response(body=body, content_type=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    def _sorry(self, why: str, status: int) -> web.Response:
        text = self._gone.render(
            title=say(f"family.{why}_title"),
            text=say(f"family.{why}"),
            emergency=say("family.emergency"),
            hospital=self._hospital,
            static=f"{_STATIC}/{self._static.version}",
        )
        return web.Response(text=text, status=status, content_type="text/html")


def article_page(
    content: ArticleContent, reference: str, *, base: str, style: str, hospital: str, script: str | None = None, dwell: int = 0
) -> str:
    """The page of an article. Its pictures lie below `base`; with a `script` it tells that it was read."""
    blocks = [{"kind": block.kind, "it": getattr(block, block.kind), "text": _paragraphs(block.text or "")} for block in content.blocks]
    return _environment().get_template("content.html").render(
        content=content, paragraphs=_paragraphs(content.body), blocks=blocks, base=base, style=style, script=script, dwell=dwell,
        hospital=hospital, reference=reference, emergency=say("family.emergency"), end=say("family.end"),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape())


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def media_answer(request: web.Request, kept: ContentMedia) -> web.Response:
    """A file of a content, or the part of it that is asked for. It can run nothing, whatever it is."""
    inline = kept.kind in ("image", "video")
    name = quote(kept.name)
    headers = {
        "Content-Type": kept.mime,
        "Content-Disposition": f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{name}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
    }
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{kept.size}"})
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=kept.data, headers=headers)
    start, stop, _ = wanted.indices(kept.size)
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{kept.size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{kept.size}"
    return web.Response(status=206, body=kept.data[start:stop], headers=headers)


def add_content_pages(app: web.Application, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, hospital: str) -> None:
    """Serve the pages of contents."""
    app.add_routes(ContentPages(db, clock, zone, hospital).routes())
