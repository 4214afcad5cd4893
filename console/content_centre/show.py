"""One content: how it reads on a phone, what is new in it, who did what with it, and what families made of it."""

import asyncio
from collections import Counter

from aiohttp import web

from console.content_centre.phone import phone_of
from console.content_centre.reach import item_of, mark_of, reason_of, words
from console.content_centre.shelf import FIGURES
from console.desk import BASE, DESK, SEAT
from console.page import ANYBODY, get, render, today
from plans.content.catalogue import moves_of, newest_of, versions_of
from plans.content.check import check_content
from plans.content.difference import difference
from plans.content.kept import content_of
from plans.content.lifecycle import sent_back
from plans.content.push import push_counts
from plans.content.reference import reference_line
from records.content import OPEN_STATES
from records.content_read import reads
from records.patient import AccessRefused
from records.role import who_may
from records.staff import Team, names_of
from tagging.cohort.scope import scope_of_staff


async def show(request: web.Request) -> web.StreamResponse:
    """A version: the one that an editor goes on from, unless another is asked for."""
    desk, seat = request.app[DESK], request[SEAT]
    number = request.query.get("version", "")
    async with desk.db.transaction() as tx:
        item = await item_of(tx, request)
        versions = await versions_of(tx, item)
        chosen = next((each for each in versions if str(each.version) == number), None) if number else newest_of(versions)
        if chosen is None:
            raise AccessRefused(f"content {item.code} version {number[:10]}")
        moves = await moves_of(tx, versions)
        writers = (name for each in versions for name in (*each.editors, each.reviewer))
        names = await names_of(tx, (*(each.by for each in moves), *writers))
        figures = {each.version: each for each in await reads(tx, article=item.code)}
        pushes = (await push_counts(tx, item.code)).get(item.code, Counter())
        team = await tx.get(Team, item.team_id) if item.team_id is not None else None
        others = await who_may(tx, "content.approve", item.team_id, but={*chosen.editors, seat.staff.userid})
        scope = await scope_of_staff(tx, seat.staff, now=desk.clock(), zone=desk.zone)
    content = content_of(chosen)
    last = next((each for each in reversed(moves) if each.entity_id == chosen.id), None)
    before = max((each for each in versions if each.version < chosen.version), key=lambda each: each.version, default=None)
    checked = await asyncio.to_thread(check_content, content)
    media = f"{BASE}/content/items/{item.code}/{chosen.version}"
    live = next((each for each in versions if each.state == "published"), None)
    may = {right: seat.rights.has(f"content.{right}", item.team_id) for right in ("write", "approve")}
    return render(
        request, "console/content_centre/show.html", item=item, versions=versions, version=chosen, live=live, before=before,
        phone=phone_of(content, reference_line(chosen, desk.zone), base=media, hospital=desk.hospital), media=media,
        others=others, changes=difference(content_of(before), content) if before is not None else None, checked=checked, moves=moves,
        numbers={each.id: each.version for each in versions}, names=names | words("by"),
        figures=figures, figure_names=FIGURES, pushes=pushes, team=team, words=words, may=may, day_now=today(desk),
        mark=mark_of(newest_of(versions)), reason_of=reason_of,
        is_open=chosen.state in OPEN_STATES, own=seat.staff.userid in chosen.editors,
        returned=last if chosen.state == "draft" and sent_back(last) else None,
        tags=[scope.name_of(code) for code in content.tags],
        # A shipped text that nobody has reviewed can be approved as it is.
        to_review=chosen.state == "draft" or (chosen is live and chosen.needs_review and not any(v.state in OPEN_STATES for v in versions)),
    )  # fmt: skip


ROUTES = (get("/content/items/{code}", show, ANYBODY),)
