"""A training: begun, watched, cancelled. A worker does it, and compares what comes of it."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import workers_alive
from bot.retraining import training
from bot.retraining.data import accepted
from bot.retraining.texts import RetrainingError
from bot.retraining.trainer import ask_to_train
from bot.retraining.versions import newest_comparison
from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.retraining.words import ROOT, WRITE, context, mistake
from records.model_version import TrainingRun, TrainingSet
from records.staff import names_of

PAST = 10


async def show(request: web.Request) -> web.StreamResponse:
    """What would be learned now, the training that runs, and those before."""
    async with request.app[DESK].db.transaction() as tx:
        return await _page(tx, request)


async def run(request: web.Request) -> web.StreamResponse:
    """How far the training is. A run whose process is gone has failed."""
    async with request.app[DESK].db.transaction() as tx:
        return render(request, "console/nlu/_run.html", **await _run(tx, request), **context())


async def start(request: web.Request) -> web.StreamResponse:
    """Line a training up, unless the data or another one forbid it."""
    desk = request.app[DESK]
    try:
        async with desk.db.transaction() as tx:
            await ask_to_train(tx, ROOT, by=request[SEAT].staff.userid, now=desk.clock())
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _page(tx, request, wrong=mistake(err), code=err.code)
    return see_other(request, "/nlu/training", said="nlu_training")


async def cancel(request: web.Request) -> web.StreamResponse:
    """End the training, wherever it runs."""
    desk = request.app[DESK]
    try:
        async with desk.db.transaction() as tx:
            await training.cancel(tx, by=request[SEAT].staff.userid, now=desk.clock())
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _page(tx, request, wrong=mistake(err), code=err.code)
    return see_other(request, "/nlu/training", said="nlu_cancelled")


async def _page(tx: AsyncSession, request: web.Request, *, wrong: str = "", code: str = "") -> web.Response:
    past = list(await tx.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).offset(1).limit(PAST)))
    people = await names_of(tx, (each.by for each in past))
    return render(
        request, "console/nlu/training.html", status=422 if wrong else 200, wrong=wrong, code=code,
        past=past, past_people=people, **await _run(tx, request), **context(),
    )  # fmt: skip


async def _run(tx: AsyncSession, request: web.Request) -> dict[str, Any]:
    await training.bury_silent(tx, request.app[DESK].clock())
    last = await training.latest(tx)
    comparison = await newest_comparison(tx, last.version_id) if last is not None and last.version_id is not None else None
    people = await names_of(tx, [last.by, last.cancel_by]) if last is not None else {}
    idle = last is None or last.state not in training.OPEN
    counts = await _to_learn(tx) if idle else (0, 0)
    return {
        "run": last,
        "comparison": comparison,
        "people": people,
        "workers": await workers_alive(tx),
        "labelled": counts[0],
        "new": counts[1],
    }


async def _to_learn(tx: AsyncSession) -> tuple[int, int]:
    """How many examples administrators have labelled, and how many of them no data set holds yet."""
    mine = {(example.text, example.intent) for example in await accepted(tx)}
    last = await tx.scalar(select(TrainingSet).order_by(TrainingSet.id.desc()).limit(1))
    learned = {(text, intent) for intent, texts in last.content.items() for text in texts} if last is not None else set()
    return len(mine), len(mine - learned)


ROUTES = (
    get("/nlu/training", show, WRITE),
    get("/nlu/training/run", run, WRITE),
    post("/nlu/training/start", start, WRITE),
    post("/nlu/training/cancel", cancel, WRITE),
)
