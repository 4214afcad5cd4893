"""The administrators' own examples: found, put right, taken out."""

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.retraining.labelling import reword
from bot.retraining.queue import withdraw_examples
from bot.retraining.texts import RetrainingError
from console.desk import DESK, SEAT
from console.form import number, plain
from console.form import words as typed
from console.page import get, post, render, see_other
from console.retraining.words import ROOT, WRITE, context, mistake, names
from records.labelled_example import LabelledExample
from records.staff import names_of

SHOWN = 50
LONGEST = 200
# Where a mended example was found, and where one goes on.
CAME_FROM = {"checks": "/nlu/checks", "examples": "/nlu/examples"}


async def show(request: web.Request) -> web.StreamResponse:
    """The examples of an intent, or those with some words in them, the newest first."""
    async with request.app[DESK].db.transaction() as tx:
        return await _page(tx, request)


async def mend(request: web.Request) -> web.StreamResponse:
    """Other words or another intent for an example."""
    desk, form = request.app[DESK], await request.post()
    try:
        async with desk.db.transaction() as tx:
            row = await _row(tx, request)
            words, intent = typed(form, "words", LONGEST), typed(form, "intent")
            forget = form.get("forget") == "1"
            await reword(tx, ROOT, row, words, intent, by=request[SEAT].staff.userid, now=desk.clock(), forget=forget)
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _page(tx, request, wrong=mistake(err))
    return see_other(request, CAME_FROM.get(typed(form, "from"), "/nlu/examples"), said="nlu_mended")


async def withdraw(request: web.Request) -> web.StreamResponse:
    """Take an example out; models that have learned from it stay as they are."""
    desk, form = request.app[DESK], await request.post()
    try:
        async with desk.db.transaction() as tx:
            row = await _row(tx, request)
            await withdraw_examples(tx, [row], by=request[SEAT].staff.userid, now=desk.clock(), reason="withdrawn")
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _page(tx, request, wrong=mistake(err))
    return see_other(request, CAME_FROM.get(typed(form, "from"), "/nlu/examples"), said="nlu_withdrawn")


async def _page(tx: AsyncSession, request: web.Request, *, wrong: str = "") -> web.Response:
    wanted, intent = plain(request.query.get("q", ""), 100), request.query.get("intent", "")
    page = max(number(request.query.get("page", "")) or 1, 1)
    mine = [LabelledExample.state == "accepted"]
    counts = dict((await tx.execute(select(LabelledExample.intent, func.count()).where(*mine).group_by(LabelledExample.intent))).all())
    if intent in names():
        mine.append(LabelledExample.intent == intent)
    if wanted:
        mine.append(LabelledExample.text.contains(wanted, autoescape=True))
    found = select(LabelledExample).where(*mine).order_by(LabelledExample.id.desc())
    rows = list(await tx.scalars(found.offset((min(page, 10_000) - 1) * SHOWN).limit(SHOWN + 1)))
    people = await names_of(tx, (row.by for row in rows))
    return render(
        request, "console/nlu/examples.html", status=422 if wrong else 200, rows=rows[:SHOWN], more=len(rows) > SHOWN, page=page,
        counts=counts, intent=intent if intent in names() else "", wanted=wanted, people=people, wrong=wrong, **context(),
    )  # fmt: skip


async def _row(tx: AsyncSession, request: web.Request) -> LabelledExample:
    """The accepted example of the address, locked. Raises RetrainingError when it was changed meanwhile."""
    row = await tx.get(LabelledExample, int(request.match_info["id"]), with_for_update=True)
    if row is None or row.state != "accepted":
        raise RetrainingError("no_example", text="", intent="")
    return row


ONE = r"/nlu/examples/{id:\d{1,18}}"
ROUTES = (get("/nlu/examples", show, WRITE), post(ONE, mend, WRITE), post(f"{ONE}/withdraw", withdraw, WRITE))
