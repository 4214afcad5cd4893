"""Two cohorts side by side: who is in both, only in the one, only in the other."""

from aiohttp import web

from console.cohorts.reach import number, page_of, reach, text_of_cohort
from console.desk import DESK, SEAT
from console.page import get, render, today
from tagging.cohort.preview import compare, listed
from tagging.cohort.query import All
from tagging.cohort.saved import access_cohort, cohorts_for, query_of
from tagging.cohort.words import CohortError

PARTS = ("both", "first", "second")


async def show(request: web.Request) -> web.StreamResponse:
    """The choice of two, and once they are chosen the numbers and a page of the part that is asked for."""
    desk, seat = request.app[DESK], request[SEAT]
    chosen = {name: request.query.get(name, "") for name in ("a", "b")}
    part = request.query.get("part", "both")
    if part not in PARTS:
        raise web.HTTPNotFound
    page, wrong, numbers, found, texts = page_of(request), None, None, [], {}
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        cohorts = await cohorts_for(tx, seat.staff)
        if chosen["a"] and chosen["b"]:
            pair = [await access_cohort(tx, seat.staff, number(each)) for each in chosen.values()]
            texts = {each.id: text_of_cohort(each, scope) for each in pair}
            try:
                first, second = (scope.known(query_of(each)) for each in pair)
                numbers = await compare(tx, first, second, scope)
                asked, but_not = {"both": (All((first, second)), None), "first": (first, second), "second": (second, first)}[part]
                found = await listed(tx, asked, scope, page, but_not=but_not)
            except CohortError as err:
                wrong = str(err)
    after = found[-1].patient_id if len(found) == page.limit else None
    return render(
        request, "console/cohorts/compare.html", cohorts=cohorts, chosen=chosen, part=part, numbers=numbers, found=found, after=after,
        texts=texts, wrong=wrong, today=today(desk),
    )  # fmt: skip


ROUTES = (get("/cohorts/compare", show, "care.read"),)
