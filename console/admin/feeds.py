"""The hospital's interfaces: what came, what could not be applied, and applying it again."""

from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select

from bot.intake.dead_letters import NoSuchMessage, Selection, find, look, replay
from bot.intake.overview import overview
from console.admin.fields import day_span
from console.desk import DESK, SEAT
from console.form import number, words
from console.page import get, post, render, see_other, today
from console.words import area_words
from integrations.hl7.charset import decode
from records.feed import Feed, FeedMessage
from records.patient import AccessRefused
from records.state import StateChange

RIGHT = "feed.manage"
SHOWN, DAYS = 50, 30
# A document in a message may be megabytes of base64.
MOST_SHOWN = 40_000


async def show(request: web.Request) -> web.StreamResponse:
    """Every feed, and the newest dead letters."""
    desk, query = request.app[DESK], request.query
    first, last, start, end = day_span(query, desk.zone, today(desk), days=DAYS)
    feed, code = query.get("feed") or None, query.get("code") or None
    async with desk.db.transaction() as tx:
        feeds = await overview(tx)
        letters = await find(tx, Selection(feed=feed, code=code, since=start, until=end), SHOWN)
        reasons = select(FeedMessage.error_code, func.count()).where(FeedMessage.state == "dead").group_by(FeedMessage.error_code)
        codes = dict((await tx.execute(reasons)).all())
    return render(
        request,
        "console/admin/feeds.html",
        feeds=feeds,
        letters=letters,
        codes=codes,
        feed=feed,
        code=code,
        first=first,
        last=last,
        shown=SHOWN,
        words=area_words("admin")["feeds"],
        wrong=area_words("admin")["mistakes"].get(query.get("wrong", "")),
    )


async def again(request: web.Request) -> web.StreamResponse:
    """Apply the chosen messages, or all that the filter finds."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    numbers = [found for each in form.getall("message", []) if (found := number(each)) is not None]
    which = Selection(numbers)
    if form.get("all") == "1":
        _, _, start, end = day_span(form, desk.zone, today(desk), days=DAYS)
        which = Selection(feed=words(form, "feed") or None, code=words(form, "code") or None, since=start, until=end)
    if which.open:
        return see_other(request, "/admin/feeds", wrong="nothing_chosen")
    async with desk.db.transaction() as tx:
        await replay(tx, which, by=seat.staff.userid, now=desk.clock())
    return see_other(request, "/admin/feeds", said="replayed")


async def message(request: web.Request) -> web.StreamResponse:
    """What is known of one message, without what it says."""
    return await _message(request, raw=False)


async def raw(request: web.Request) -> web.StreamResponse:
    """Its text too, which names the patient: that somebody looked is written down."""
    return await _message(request, raw=True)


async def switch(request: web.Request) -> web.StreamResponse:
    """Take a feed's messages, or no longer."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        feed = await tx.get(Feed, int(request.match_info["id"]), with_for_update=True)
        if feed is None:
            raise AccessRefused(f"feed {request.match_info['id']}")
        old, feed.active = feed.active, not feed.active
        names = {True: "on", False: "off"}
        change: dict[str, Any] = {"old": names[old], "new": names[feed.active], "at": desk.clock(), "by": seat.staff.userid}
        tx.add(StateChange(entity="feed", entity_id=feed.id, reason="set", **change))
    return see_other(request, "/admin/feeds", said="feed_switched")


async def _message(request: web.Request, *, raw: bool) -> web.StreamResponse:
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            name, found = await look(tx, int(request.match_info["id"]), raw=raw, by=seat.staff.userid, now=desk.clock())
    except NoSuchMessage as err:
        raise AccessRefused(str(err)) from err
    text = decode(found.raw).text.replace("\r\n", "\n").replace("\r", "\n") if raw else None
    facts: list[tuple[str, object]] = [
        (column, value) for column in area_words("admin")["message_facts"] if (value := getattr(found, column)) is not None
    ]
    return render(
        request,
        "console/admin/message.html",
        feed=name,
        message=found,
        facts=[(column, value, isinstance(value, datetime)) for column, value in facts],
        text=text[:MOST_SHOWN] if text is not None else None,
        cut=text is not None and len(text) > MOST_SHOWN,
        labels=area_words("admin")["message_facts"],
    )


ROUTES = (
    get("/admin/feeds", show, RIGHT),
    post("/admin/feeds/replay", again, RIGHT),
    get("/admin/feeds/messages/{id:\\d{1,18}}", message, RIGHT),
    post("/admin/feeds/messages/{id:\\d{1,18}}", raw, RIGHT),
    post("/admin/feeds/{id:\\d{1,18}}/switch", switch, RIGHT),
)
