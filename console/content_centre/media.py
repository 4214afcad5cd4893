"""Pictures, videos and files: brought in, checked by their bytes, and shown to those who may see the content."""

import asyncio

from aiohttp import BodyPartReader, web
from sqlalchemy import select
from sqlalchemy.orm import undefer

from console.content_centre.edit import MEDIA, WRITE
from console.content_centre.form import Part
from console.content_centre.reach import item_of, say
from console.content_page import media_answer
from console.desk import DESK, SEAT
from console.form import reading_body
from console.page import ANYBODY, Route, get, render
from plans.content.catalogue import usable_media
from plans.content.kept import content_of
from plans.content.media import MAX_BYTES, MediaRefused, check_media, misplaced
from plans.content.store import keep_media
from records.content import ContentMedia, ContentVersion
from records.patient import AccessRefused

_LARGEST = max(MAX_BYTES.values())
_SMALL = 4096


async def upload(request: web.Request) -> web.StreamResponse:
    """One file of a block. What was there before stays when it is refused; the sentence says why."""
    desk, seat = request.app[DESK], request[SEAT]
    with reading_body():
        given, name, data = await _received(request)
    kind = given.get("kind", "picture")
    part = Part(kind, file=given.get("was_file", ""), sha256=given.get("was_sha256", ""))
    if len(data) > _LARGEST:
        return _answer(request, part, say("editor.large", most=_LARGEST >> 20), 422)
    try:
        checked = await asyncio.to_thread(check_media, name, data)
    except MediaRefused as err:
        return _answer(request, part, str(err), 422)
    if wrong := misplaced(kind, name, checked.kind):
        return _answer(request, part, wrong, 422)
    async with desk.db.transaction() as tx:
        await keep_media(tx, [checked], by=seat.staff.userid, now=desk.clock())
    response = _answer(request, Part(kind, file=checked.name, sha256=checked.sha256), "", 200)
    response.headers["HX-Trigger-After-Settle"] = "blocks-changed"
    return response


def _answer(request: web.Request, part: Part, wrong: str, status: int) -> web.Response:
    return render(request, "console/content_centre/_media.html", status=status, part=part, wrong=wrong, media=MEDIA)


async def _received(request: web.Request) -> tuple[dict[str, str], str, bytes]:
    """The short fields of the upload, and its file: of one that is too large no more than shows it is kept in memory."""
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPBadRequest
    given, name, data = dict[str, str](), "?", b""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise web.HTTPBadRequest
        is_file, body = part.name == "file", bytearray()
        most = _LARGEST + 1 if is_file else _SMALL
        while piece := await part.read_chunk(1 << 16):
            body += piece[: most - len(body)]
        if is_file and part.filename:
            name, data = part.filename, bytes(body)
        elif part.name:
            given[part.name] = body.decode("utf-8", "replace")[:200]
    return given, name, data


async def show(request: web.Request) -> web.StreamResponse:
    """A file of a version."""
    desk, sha256 = request.app[DESK], request.match_info["sha256"]
    async with desk.db.transaction() as tx:
        item = await item_of(tx, request)
        number = int(request.match_info["version"])
        version = await tx.scalar(select(ContentVersion).where(ContentVersion.content_id == item.id, ContentVersion.version == number))
        inside = {each.media.sha256 for each in getattr(content_of(version), "blocks", ()) if each.media} if version is not None else set()
        kept = await tx.get(ContentMedia, sha256, options=[undefer(ContentMedia.data)]) if sha256 in inside else None
    if kept is None:
        raise AccessRefused(f"content media {sha256}")
    return media_answer(request, kept)


async def show_draft(request: web.Request) -> web.StreamResponse:
    """A file of a content that is being written."""
    desk, sha256 = request.app[DESK], request.match_info["sha256"]
    async with desk.db.transaction() as tx:
        if not await usable_media(tx, request[SEAT].staff, [sha256]):
            raise AccessRefused(f"content media {sha256}")
        kept = await tx.get_one(ContentMedia, sha256, options=[undefer(ContentMedia.data)], populate_existing=True)
    return media_answer(request, kept)


_SHA = r"{sha256:[0-9a-f]{64}}"
ROUTES = (
    Route("POST", "/content/draft/media", upload, WRITE, streams=True),
    get(f"/content/draft/media/{_SHA}", show_draft, WRITE),
    get(rf"/content/items/{{code}}/{{version:\d{{1,6}}}}/media/{_SHA}", show, ANYBODY),
)
