"""The steps of a content: reviewed or sent back, published, taken back, dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession

from console.content_centre.reach import item_of, mark_of
from console.desk import BASE, DESK, SEAT, Desk
from console.form import words
from console.page import Handler, post, render, see_other
from plans.content import lifecycle
from plans.content.catalogue import newest_of, versions_of
from plans.content.check import check_content
from plans.content.kept import content_of
from plans.content.words import ContentRefused
from plans.content.words import say as tell
from records.content import ContentVersion
from records.patient import AccessRefused
from records.staff import Staff


async def review(request: web.Request) -> web.StreamResponse:
    """Say that it may be published, or send it back with a note. What was looked at must still be what is there."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    code, back, note = request.match_info["code"], form.get("do") == "back", words(form, "note", 300)
    async with desk.db.transaction() as tx:
        item = await item_of(tx, request, needs="content.approve")
        version = newest_of(await versions_of(tx, item))
    if version is None:
        raise AccessRefused(f"content {code}")
    checked = await asyncio.to_thread(check_content, content_of(version))
    try:
        async with desk.db.transaction() as tx:
            await lifecycle.find_item(tx, seat.staff, code, lock=True)
            if form.get("mark") != mark_of(newest_of(await versions_of(tx, item))):
                raise ContentRefused("moved", code=code)
            await lifecycle.review(tx, code, by=seat.staff, now=desk.clock(), checked=checked, approve=not back, note=note)
    except ContentRefused as err:
        return _refused(request, err)
    return see_other(request, f"/content/items/{code}", said="content_sent_back" if back else "content_reviewed")


Act = Callable[[AsyncSession, str, Staff, datetime, MultiDictProxy[Any], Desk], Awaitable[ContentVersion]]


def _act(needs: str, said: str, act: Act) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        desk, seat, form = request.app[DESK], request[SEAT], await request.post()
        code = request.match_info["code"]
        try:
            async with desk.db.transaction() as tx:
                await item_of(tx, request, needs=needs)
                await act(tx, code, seat.staff, desk.clock(), form, desk)
        except ContentRefused as err:
            return _refused(request, err)
        return see_other(request, f"/content/items/{code}", said=said)

    return handler


async def _publish(tx: AsyncSession, code: str, by: Staff, now: datetime, _: MultiDictProxy[Any], desk: Desk) -> ContentVersion:
    return await lifecycle.publish(tx, code, by=by, now=now, zone=desk.zone)


async def _take_back(tx: AsyncSession, code: str, by: Staff, now: datetime, form: MultiDictProxy[Any], _: Desk) -> ContentVersion:
    return await lifecycle.take_back(tx, code, by=by, now=now, reason=words(form, "reason", 300), wrong=form.get("wrong") == "1")


async def _drop(tx: AsyncSession, code: str, by: Staff, now: datetime, form: MultiDictProxy[Any], _: Desk) -> ContentVersion:
    if not (reason := words(form, "reason", 300)):
        raise ContentRefused("reason")
    return await lifecycle.drop(tx, code, by=by, now=now, reason=reason)


def _refused(request: web.Request, err: ContentRefused) -> web.Response:
    back = f"{BASE}/content/items/{request.match_info['code']}"
    return render(request, "console/content_centre/refused.html", status=422, said=str(err) or tell("refused.moved"), back=back)


ROUTES = (
    post("/content/items/{code}/review", review, "content.approve"),
    post("/content/items/{code}/publish", _act("content.approve", "content_published", _publish), "content.approve"),
    # Whoever sees that something is wrong can stop it.
    post("/content/items/{code}/withdraw", _act("content.write", "content_withdrawn", _take_back), "content.write"),
    post("/content/items/{code}/drop", _act("content.write", "content_dropped", _drop), "content.write"),
)
