"""The list: what there is, how it stands, and what families made of it."""

from collections import Counter

from aiohttp import web
from sqlalchemy import select

from console.content_centre.reach import check_reader, words
from console.desk import DESK, SEAT
from console.form import number
from console.form import words as typed
from console.page import ANYBODY, get, render, today
from plans.content.catalogue import PAGE, Wanted, shelf
from plans.content.words import table
from records.content_read import reads
from records.staff import Team
from tagging.cohort.scope import scope_of_staff

FIGURES = ("answered", "pushed", "opened", "finished", "useful", "useless")


async def show(request: web.Request) -> web.StreamResponse:
    """One page of it, by what was asked for."""
    desk, seat, query = request.app[DESK], request[SEAT], request.query
    check_reader(seat)
    page = min(number(query.get("page", "")) or 1, 99_999)
    wanted = Wanted(
        typed(query, "q", 60),
        query["kind"] if query.get("kind") in words("kinds") else "",
        query["state"] if query.get("state") in {*words("states"), *words("looks")} else "",
        typed(query, "tag", 60),
    )
    async with desk.db.transaction() as tx:
        scope = await scope_of_staff(tx, seat.staff, now=desk.clock(), zone=desk.zone)
        names = {entry.code: entry.name for entry in scope.tags.values()}
        codes = {name: code for code, name in names.items()}
        asked = Wanted(wanted.text, wanted.kind, wanted.state, codes.get(wanted.tag, wanted.tag))
        rows, total = await shelf(tx, seat.staff, asked, today=today(desk), page=page)
        figures: dict[str, Counter[str]] = {row.item.code: Counter() for row in rows}
        for each in await reads(tx, articles=list(figures)):
            figures[each.article].update({name: getattr(each, name) for name in FIGURES})
        teams = dict((await tx.execute(select(Team.id, Team.name))).all())
    return render(
        request, "console/content_centre/list.html", rows=rows, total=total, figures=figures, wanted=wanted, page=page,
        pages=max(1, -(-total // PAGE)), teams=teams, tag_names=names, words=words, media_words=table("media_kinds"),
        may_write=seat.rights.has("content.write"),
    )  # fmt: skip


ROUTES = (get("/content", show, ANYBODY),)
