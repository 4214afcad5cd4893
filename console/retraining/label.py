"""Labelling: one group of messages after the other, without a page load between them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import workers_alive
from bot.retraining import labelling, queue
from bot.retraining.collector import ask_to_collect, is_collecting
from bot.retraining.data import base, content_of, domain_intents
from bot.retraining.texts import RetrainingError
from console.desk import DESK, SEAT, Desk
from console.form import number, plain
from console.form import words as typed
from console.page import by_htmx, get, post, render, see_other, today
from console.retraining.words import ROOT, WRITE, context, mistake, name, words
from records.staff import names_of

SHOWN = 30
LONGEST = 200


@dataclass(frozen=True)
class Done:
    """What was just done with a group, and whether it can be taken back."""

    group_id: int
    said: str
    undo: bool = True


Act = Callable[[AsyncSession, int, MultiDictProxy[Any], str, datetime], Awaitable[Done | None]]


async def show(request: web.Request) -> web.StreamResponse:
    """The next group, or the one that is asked for."""
    async with request.app[DESK].db.transaction() as tx:
        return await _page(tx, request, asked=number(request.query.get("group", "")), after=number(request.query.get("after", "")))


async def progress(request: web.Request) -> web.StreamResponse:
    """How far the work is, when something has changed."""
    async with request.app[DESK].db.transaction() as tx:
        return render(request, "console/nlu/_progress.html", progress=await _progress(tx, request), **context())


async def listed(request: web.Request) -> web.StreamResponse:
    """All groups in a state, the biggest first; what was decided can be opened again."""
    state = request.query.get("state", "labelled")
    state = state if state in words()["states"] else "labelled"
    async with request.app[DESK].db.transaction() as tx:
        views = await queue.groups(tx, state=state, limit=SHOWN, newest=state != "open")
        people = await names_of(tx, (view.by for view in views))
    return render(request, "console/nlu/groups.html", views=views, state=state, people=people | words()["by"], **context())


async def collect(request: web.Request) -> web.StreamResponse:
    """Let a worker look through the last month now."""
    async with request.app[DESK].db.transaction() as tx:
        await ask_to_collect(tx, request[SEAT].staff.userid)
    return see_other(request, "/nlu", said="nlu_collecting")


def _act(act: Act) -> Any:
    """Decide something about a group; the next one comes, or this one again when it could not be done."""

    async def handler(request: web.Request) -> web.StreamResponse:
        desk, by, form = request.app[DESK], request[SEAT].staff.userid, await request.post()
        group_id, done, wrong = int(request.match_info["id"]), None, ""
        try:
            async with desk.db.transaction() as tx:
                done = await act(tx, group_id, form, by, desk.clock())
        except RetrainingError as err:
            async with desk.db.transaction() as tx:
                wrong = await _why(tx, err, group_id)
        again = done is None and not (wrong and await _decided(desk, group_id))
        if not by_htmx(request):
            return see_other(request, "/nlu", **({"group": str(group_id)} if again else {"after": str(group_id)}))
        async with desk.db.transaction() as tx:
            asked, after = (group_id, None) if again else (None, group_id)
            return await _page(tx, request, asked=asked, after=after, why=typed(form, "why"), done=done, wrong=wrong)

    return handler


async def _label(tx: AsyncSession, group_id: int, form: MultiDictProxy[Any], by: str, now: datetime) -> Done:
    intent, other = typed(form, "intent"), typed(form, "words", LONGEST)
    chosen = {each for item in form.getall("item", []) if (each := number(item)) is not None}
    made = await labelling.label(tx, ROOT, group_id, intent, by=by, now=now, mark=typed(form, "mark"), chosen=chosen, words=other or None)
    counts = {
        "learned": len(made.examples),
        "known": sum(problem.kind == "duplicate" for problem in made.problems),
        "left": sum(problem.refused and problem.kind != "duplicate" for problem in made.problems),
    }
    told = [str(text).format(**counts, name=name(intent)) for what, text in words()["labelled"].items() if counts.get(what, 1)]
    return Done(group_id, "，".join(told))


async def _reject(tx: AsyncSession, group_id: int, form: MultiDictProxy[Any], by: str, now: datetime) -> Done:
    await labelling.check_seen(tx, group_id, typed(form, "mark"))
    await queue.reject(tx, group_id, by=by, now=now)
    return Done(group_id, words()["done"]["rejected"])


async def _erase(tx: AsyncSession, group_id: int, form: MultiDictProxy[Any], by: str, now: datetime) -> Done:
    await labelling.check_seen(tx, group_id, typed(form, "mark"))
    await queue.erase(tx, group_id, by=by, now=now)
    return Done(group_id, words()["done"]["erased"], undo=False)


async def _mask(tx: AsyncSession, group_id: int, form: MultiDictProxy[Any], by: str, now: datetime) -> None:
    await queue.mask(tx, group_id, typed(form, "part", LONGEST), by=by, now=now)


async def reopen(request: web.Request) -> web.StreamResponse:
    """Take a decision back."""
    desk, group_id = request.app[DESK], int(request.match_info["id"])
    try:
        async with desk.db.transaction() as tx:
            await queue.reopen(tx, group_id, by=request[SEAT].staff.userid, now=desk.clock())
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _page(tx, request, wrong=mistake(err))
    if not by_htmx(request):
        return see_other(request, "/nlu", said="nlu_reopened", group=str(group_id))
    async with desk.db.transaction() as tx:
        return await _page(tx, request, asked=group_id, again=True)


async def _page(
    tx: AsyncSession, request: web.Request, *, asked: int | None = None, after: int | None = None, why: str | None = None,
    done: Done | None = None, wrong: str = "", again: bool = False,
) -> web.Response:  # fmt: skip
    """The group that is asked for, else the next behind `after`."""
    desk, who = request.app[DESK], request[SEAT].staff.userid
    now = desk.clock()
    chosen = plain(request.query.get("why", "")) if why is None else why
    chosen = chosen if chosen in words()["why"] else ""
    held = False
    if asked is not None:
        try:
            seen: labelling.Seen | None = await labelling.look_at(tx, asked)
        except RetrainingError as err:
            seen, wrong = None, wrong or mistake(err)
        else:
            held = seen is not None and seen.group.state == "open" and not await labelling.take(tx, asked, who=who, now=now)
    else:
        seen = await labelling.take_next(tx, who=who, now=now, why=chosen or None, after=after)
    people = await names_of(tx, [seen.group.decided_by, seen.group.held_by]) if seen is not None else {}
    return render(
        request, "console/nlu/_label.html" if by_htmx(request) else "console/nlu/label.html",
        seen=seen, progress=await _progress(tx, request), why=chosen, after=after, done=done, wrong=wrong, held=held, again=again,
        people=people | words()["by"], collecting=await is_collecting(tx, who), workers=await workers_alive(tx),
        examples=await asyncio.to_thread(first_examples), **context(),
    )  # fmt: skip


async def _progress(tx: AsyncSession, request: web.Request) -> labelling.Progress:
    desk = request.app[DESK]
    midnight = datetime.combine(today(desk), time(), tzinfo=desk.zone)
    return await labelling.progress(tx, who=request[SEAT].staff.userid, now=desk.clock(), since=midnight)


async def _why(tx: AsyncSession, err: RetrainingError, group_id: int) -> str:
    if err.code != "not_open":
        return mistake(err)
    group = (await labelling.look_at(tx, group_id)).group
    who = (await names_of(tx, [group.decided_by])).get(group.decided_by or "", group.decided_by or "")
    what = name(group.intent) if group.intent else words()["states"][group.state]
    return mistake(err, who=who, state=what)


async def _decided(desk: Desk, group_id: int) -> bool:
    async with desk.db.transaction() as tx:
        try:
            return (await labelling.look_at(tx, group_id)).group.state != "open"
        except RetrainingError:
            return True


@cache
def first_examples() -> dict[str, str]:
    """An example of each intent, for who wonders what it means."""
    content = content_of(base(ROOT))
    return {intent: next((text for text in content.get(intent, ()) if len(text) > 4), "") for intent in domain_intents(ROOT)}


ONE = r"/nlu/groups/{id:\d{1,18}}"
ROUTES = (
    get("/nlu", show, WRITE),
    get("/nlu/progress", progress, WRITE),
    get("/nlu/groups", listed, WRITE),
    post("/nlu/collect", collect, WRITE),
    post(f"{ONE}/label", _act(_label), WRITE),
    post(f"{ONE}/reject", _act(_reject), WRITE),
    post(f"{ONE}/erase", _act(_erase), WRITE),
    post(f"{ONE}/mask", _act(_mask), WRITE),
    post(f"{ONE}/reopen", reopen, WRITE),
)
