"""The tag library: what each tag means, who owns it, how many carry it, and its versions."""

from typing import Any, get_args

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import number
from console.form import words as typed
from console.page import get, post, render, see_other
from console.words import area_words
from records.patient import AccessRefused
from records.staff import Team
from records.tag import Tag, TagVersion
from tagging.tags.carriers import carriers
from tagging.tags.catalogue import changed, entries, put, retire
from tagging.tags.errors import TagError
from tagging.tags.library import Entry, Kind

RIGHT = "tag.write"
FIELDS = ("name", "kind", "meaning", "parent", "group", "expires_days", "team")


async def show(request: web.Request) -> web.StreamResponse:
    """The library, of one kind or whole, found by word."""
    desk, kind, sought = request.app[DESK], request.query.get("kind", ""), typed(request.query, "q", 60)
    async with desk.db.transaction() as tx:
        known = await entries(tx, desk.clock())
        counts, counted = await carriers(tx)
    chosen = [
        (code, entry, counts.get(code, 0))
        for code, entry in known.items()
        if kind in ("", entry.kind) and (not sought or sought.lower() in f"{code} {entry.name} {entry.meaning}".lower())
    ]
    return render(
        request, "console/admin/tags.html", tags=chosen, kind=kind, kinds=area_words("admin")["tag_kinds"], sought=sought, all=len(known),
        counted=counted,
    )  # fmt: skip


async def edit(request: web.Request) -> web.StreamResponse:
    """One tag, or a new one."""
    desk, code = request.app[DESK], request.match_info["code"]
    async with desk.db.transaction() as tx:
        known = await entries(tx, desk.clock())
        if code != "new" and code not in known:
            raise AccessRefused(f"tag {code[:60]}")
        entry = known.get(code)
        given = {field: getattr(entry, field) for field in FIELDS} | {"shared": entry.shared} if entry else {"shared": True}
        return await _page(request, tx, code, entry, known, given)


async def save(request: web.Request) -> web.StreamResponse:
    """Make it or change it; every change is a version."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    code, new = request.match_info["code"], request.match_info["code"] == "new"
    said: dict[str, Any] = {field: typed(form, field, 300) or None for field in FIELDS}
    said["shared"] = form.get("shared") == "1"
    wanted = typed(form, "code", 80) if new else code
    try:
        if said["expires_days"] is not None:
            said["expires_days"] = number(said["expires_days"]) or 0
        async with desk.db.transaction() as tx:
            known = await entries(tx, desk.clock())
            if (wanted in known) is new or not wanted:
                raise TagError("code", "taken")
            await put(tx, {wanted: changed(known.get(wanted), said, wanted)}, by=seat.staff.userid, now=desk.clock())
    except TagError as err:
        async with desk.db.transaction() as tx:
            known = await entries(tx, desk.clock())
            return await _page(request, tx, code, known.get(code), known, said | {"code": wanted}, wrong=err)
    return see_other(request, "/admin/tags", said="tag_saved")


async def end(request: web.Request) -> web.StreamResponse:
    """Take a tag out of use."""
    desk, seat, code = request.app[DESK], request[SEAT], request.match_info["code"]
    try:
        async with desk.db.transaction() as tx:
            await retire(tx, code, by=seat.staff.userid, now=desk.clock())
    except TagError as err:
        async with desk.db.transaction() as tx:
            known = await entries(tx, desk.clock())
            entry = known.get(code)
            if entry is None:
                raise AccessRefused(f"tag {code[:60]}") from err
            given = {field: getattr(entry, field) for field in FIELDS} | {"shared": entry.shared}
            return await _page(request, tx, code, entry, known, given, wrong=err)
    return see_other(request, "/admin/tags", said="tag_retired")


async def _page(
    request: web.Request, tx: AsyncSession, code: str, entry: Entry | None, known: dict[str, Entry], given: dict[str, Any],
    *, wrong: TagError | None = None,
) -> web.Response:  # fmt: skip
    words = area_words("admin")
    versions = select(TagVersion).join(Tag, Tag.id == TagVersion.tag_id).where(Tag.code == code).order_by(TagVersion.version.desc())
    return render(
        request,
        "console/admin/tag.html",
        status=422 if wrong is not None else 200,
        code=code,
        entry=entry,
        given={field: given.get(field) for field in (*FIELDS, "code", "shared")},
        known=known,
        versions=list(await tx.scalars(versions)),
        teams=list(await tx.scalars(select(Team.name).order_by(Team.name))),
        kinds={kind: words["tag_kinds"][kind] for kind in get_args(Kind)},
        wrong=words["tag_mistakes"].get(wrong.code) if wrong is not None else None,
    )


ONE = "/admin/tags/{code:[a-z][a-z0-9_.]{0,79}}"
ROUTES = (get("/admin/tags", show, RIGHT), get(ONE, edit, RIGHT), post(ONE, save, RIGHT), post(f"{ONE}/retire", end, RIGHT))
