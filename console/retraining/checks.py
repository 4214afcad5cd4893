"""What the checks find in the data, each with the examples that it is about, to be mended on the spot."""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import func, select

from bot.retraining.checks import Problem
from bot.retraining.inspection import Inspected, inspect_data
from bot.retraining.labelling import mask_examples
from bot.retraining.texts import RetrainingError
from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.retraining.words import ROOT, WRITE, context, mistake
from console.shelf import Shelf
from records.labelled_example import LabelledExample

# So many findings of a kind are shown; mended, the next ones come.
SHOWN = 30
CHECKS = web.AppKey("checks", Shelf[Inspected])


@dataclass(frozen=True)
class Finding:
    """A problem with the administrators' examples in it, and the texts that came with the program."""

    problem: Problem
    rows: list[LabelledExample]
    ours: list[str]


async def show(request: web.Request) -> web.StreamResponse:
    """The page; what is found takes seconds, and the page asks for it."""
    return render(request, "console/nlu/checks.html", **context())


async def found(request: web.Request) -> web.StreamResponse:
    """What is found, once it is; the page asks again until then."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        state = await tx.execute(select(func.count(), func.max(LabelledExample.id)).where(LabelledExample.state == "accepted"))
        key = repr(tuple(state.one()))

    async def inspect() -> Inspected:
        async with desk.db.transaction() as tx:
            return await inspect_data(tx, ROOT)

    kept, _ = await request.app[CHECKS].look(key, desk.clock(), inspect)
    if kept is None:
        return render(request, "console/nlu/_checking.html")
    async with desk.db.transaction() as tx:
        texts = {text for problem in kept.what.problems for text in problem.texts}
        mine = select(LabelledExample).where(LabelledExample.state == "accepted", LabelledExample.text.in_(texts))
        rows: dict[str, list[LabelledExample]] = {}
        for row in await tx.scalars(mine.order_by(LabelledExample.id)):
            rows.setdefault(row.text, []).append(row)
    findings = [_finding(problem, rows) for problem in kept.what.problems]
    theirs = [each for each in findings if each.rows or each.problem.kind == "imbalance"]
    rest = [each for each in findings if each not in theirs]
    kinds: dict[str, list[Finding]] = {}
    for each in theirs:
        kinds.setdefault(each.problem.kind, []).append(each)
    return render(request, "console/nlu/_checks.html", inspected=kept.what, at=kept.at, kinds=kinds, rest=rest, shown=SHOWN, **context())


def _finding(problem: Problem, rows: dict[str, list[LabelledExample]]) -> Finding:
    mine = [row for text in problem.texts for row in rows.get(text, ())]
    return Finding(problem, mine, [text for text in problem.texts if text not in rows])


async def mask_all(request: web.Request) -> web.StreamResponse:
    """Put placeholders into every example that still tells who somebody is."""
    desk = request.app[DESK]
    try:
        async with desk.db.transaction() as tx:
            await mask_examples(tx, ROOT, by=request[SEAT].staff.userid, now=desk.clock())
    except RetrainingError as err:
        return render(request, "console/nlu/checks.html", status=422, wrong=mistake(err), **context())
    return see_other(request, "/nlu/checks", said="nlu_all_masked")


ROUTES = (get("/nlu/checks", show, WRITE), get("/nlu/checks/found", found, WRITE), post("/nlu/checks/mask", mask_all, WRITE))
