"""The models: which is in use, how a candidate reads beside it, publishing, going back, and what came of it."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.train import program
from bot.retraining import versions
from bot.retraining.compare import gates
from bot.retraining.limits import limits
from bot.retraining.texts import RetrainingError
from bot.retraining.trainer import ask_to_compare
from bot.retraining.watch import watch
from console.desk import DESK, SEAT
from console.form import words as typed
from console.page import get, post, render, see_other
from console.retraining.words import PUBLISH, ROOT, WRITE, context, mistake
from records.model_version import ModelComparison, ModelVersion, Publication, TrainingSet
from records.staff import names_of

SHOWN = 30
LONGEST = 200


async def show(request: web.Request) -> web.StreamResponse:
    """All models, what was published when and why, and how it does."""
    async with request.app[DESK].db.transaction() as tx:
        return await _list(tx, request)


async def one(request: web.Request) -> web.StreamResponse:
    """A model beside the one in use."""
    async with request.app[DESK].db.transaction() as tx:
        return await _one(tx, request)


async def state(request: web.Request) -> web.StreamResponse:
    """The comparison as it is now, while one waits for it."""
    async with request.app[DESK].db.transaction() as tx:
        return await _one(tx, request, part=True)


async def compare(request: web.Request) -> web.StreamResponse:
    """Let a worker compare it again: with what is in use now, on the messages of the last month."""
    return await _do(request, "compare", "nlu_comparing")


async def publish(request: web.Request) -> web.StreamResponse:
    """Let all workers answer with it."""
    return await _do(request, "publish", "nlu_published")


async def discard(request: web.Request) -> web.StreamResponse:
    """Nobody wants it."""
    return await _do(request, "discard", "nlu_discarded")


async def roll_back(request: web.Request) -> web.StreamResponse:
    """Back to the model before, at once."""
    desk, form = request.app[DESK], await request.post()
    try:
        async with desk.db.transaction() as tx:
            await versions.roll_back(tx, by=request[SEAT].staff.userid, now=desk.clock(), reason=typed(form, "reason", LONGEST) or None)
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _list(tx, request, wrong=mistake(err))
    return see_other(request, "/nlu/versions", said="nlu_rolled_back")


async def _do(request: web.Request, what: str, said: str) -> web.Response:
    desk, by, form = request.app[DESK], request[SEAT].staff.userid, await request.post()
    version_id, reason, now = int(request.match_info["id"]), typed(form, "reason", LONGEST) or None, desk.clock()
    try:
        async with desk.db.transaction() as tx:
            if what == "compare":
                await ask_to_compare(tx, version_id, by=by, now=now)
            elif what == "publish":
                await versions.publish(tx, ROOT, version_id, by=by, now=now, reason=reason)
            else:
                await versions.reject(tx, version_id, by=by, now=now, reason=reason)
    except RetrainingError as err:
        async with desk.db.transaction() as tx:
            return await _one(tx, request, wrong=mistake(err))
    return see_other(request, "/nlu/versions" if what == "publish" else f"/nlu/versions/{version_id}", said=said)


async def _list(tx: AsyncSession, request: web.Request, *, wrong: str = "") -> web.Response:
    rows = (await versions.versions(tx))[:SHOWN]
    sets = {row.id: row for row in await tx.scalars(select(TrainingSet).where(TrainingSet.id.in_([each.training_set_id for each in rows])))}
    history = list(await tx.scalars(select(Publication).order_by(Publication.id.desc()).limit(SHOWN)))
    people = await names_of(tx, [*(each.by for each in rows), *(each.by for each in history)])
    current = await versions.live(tx)
    return render(
        request, "console/nlu/versions.html", status=422 if wrong else 200, wrong=wrong, rows=rows, sets=sets, history=history,
        people=people, live=current.version_id if current is not None else None, watched=await watch(tx, now=request.app[DESK].clock()),
        may_publish=_may_publish(request), **context(),
    )  # fmt: skip


async def _one(tx: AsyncSession, request: web.Request, *, wrong: str = "", part: bool = False) -> web.Response:
    found = await tx.get(ModelVersion, int(request.match_info["id"]))
    if found is None:
        raise web.HTTPNotFound
    current = await versions.live(tx)
    live = current.version_id if current is not None else None
    comparison = await versions.newest_comparison(tx, found.id)
    people = await names_of(tx, [found.by, comparison.by if comparison else None])
    return render(
        request, "console/nlu/_compared.html" if part else "console/nlu/version.html", status=422 if wrong else 200, wrong=wrong,
        version=found, data=await tx.get_one(TrainingSet, found.training_set_id), live=live, comparison=comparison,
        gates=_gates(found, comparison), stale=comparison is not None and comparison.state == "done" and comparison.against_id != live,
        protected=limits().protected, days=limits().traffic_days, people=people,
        may_publish=_may_publish(request), **context(),
    )  # fmt: skip


def _gates(found: ModelVersion, comparison: ModelComparison | None) -> dict[str, list[str]]:
    """What it must pass, each with why it does not."""
    if comparison is None or comparison.state != "done" or not comparison.result:
        return {}
    # What the domain or the code is now, not what it was when the comparison was made.
    fits: list[str] = [] if found.program == program(ROOT) else ["other"]
    return gates(comparison.result) | {"other_program": fits}


def _may_publish(request: web.Request) -> Any:
    return request[SEAT].rights.has(PUBLISH, whole=True)


ONE = r"/nlu/versions/{id:\d{1,18}}"
ROUTES = (
    get("/nlu/versions", show, WRITE),
    get(ONE, one, WRITE),
    get(f"{ONE}/state", state, WRITE),
    post(f"{ONE}/compare", compare, WRITE),
    post(f"{ONE}/publish", publish, PUBLISH),
    post(f"{ONE}/discard", discard, WRITE),
    post("/nlu/rollback", roll_back, PUBLISH),
)
