"""Moving people to another version: what differs, what would become of each, and then the move."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.plans.common import ID, Shelf, note_shown, page, teams_with, template_asked, without_trace
from console.plans.told import Changed
from plans.enrolment import RUNNING
from plans.progress import people_on
from plans.publishing import draft_or_version
from plans.template import PlanTemplate
from plans.version_move import MovedAll, move_all, plans_below
from records.care_plan import CarePlan
from records.patient import Patient

RIGHT = "plan.enrol"
# So many in one go: some seconds. Who is left is moved by the next.
AT_ONCE, NAMED = 300, 50


@dataclass(frozen=True)
class Person:
    """One line of the preview: what becomes of a patient's follow-ups, and how many of his own changes have no step any more."""

    name: str
    added: int
    withdrawn: int
    kept: int
    lost: int


async def show(request: web.Request) -> web.StreamResponse:
    """Who of one's own patients is on other versions, and what differs."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        template, shelf = await _target(tx, request)
        others = await _others(tx, request, template)
        changes = []
        for version in sorted(others):
            old = await draft_or_version(tx, template.id, version)
            if old is not None:
                changes.append((version, others[version], Changed(old, template)))
    return page(request, "console/plans/move.html", template, shelf, changes=changes,
        people=sum(others.values()), at_once=AT_ONCE,
    )  # fmt: skip


async def preview(request: web.Request) -> web.StreamResponse:
    """What would become of each; nothing is written."""
    desk = request.app[DESK]

    async def work(tx: AsyncSession) -> tuple[PlanTemplate, MovedAll, list[Person]]:
        template, _ = await _target(tx, request)
        done = await _moved(tx, request, template)
        people = []
        for one in done.moved[:NAMED]:
            name = (await tx.get_one(Patient, one.patient_id)).name
            became = one.became
            people.append(Person(name, became.added, became.withdrawn, became.kept + became.moved, len(one.lost)))
        return template, done, people

    template, done, people = await without_trace(desk.db, work)
    await note_shown(request, {each.patient_id for each in done.moved[:NAMED]} | {each.patient_id for each in done.refused})
    return render(request, "console/plans/_move_preview.html", plan=template, done=done, people=people)


async def do_move(request: web.Request) -> web.StreamResponse:
    """Move them."""
    async with request.app[DESK].db.transaction() as tx:
        template, _ = await _target(tx, request)
        await _moved(tx, request, template)
    return see_other(request, f"/plans/{template.id}/move", said="plans_moved", version=str(template.version))


async def _target(tx: AsyncSession, request: web.Request) -> tuple[PlanTemplate, Shelf]:
    """The version to which they are moved: one that is out. Raises HTTPNotFound."""
    asked = (await request.post()).get("version") if request.method == "POST" else request.query.get("version")
    template, shelf = await template_asked(tx, request, str(asked) if asked else None)
    if shelf.versions[template.version].state not in ("shipped", "active"):
        raise web.HTTPNotFound
    return template, shelf


async def _others(tx: AsyncSession, request: web.Request, template: PlanTemplate) -> dict[int, int]:
    found: dict[int, int] = {}
    for each in await people_on(tx, template.id, teams_with(request, RIGHT)):
        if each.version != template.version and each.state in RUNNING:
            found[each.version] = found.get(each.version, 0) + each.people
    return found


async def _moved(tx: AsyncSession, request: web.Request, template: PlanTemplate) -> MovedAll:
    desk, seat = request.app[DESK], request[SEAT]
    plans = await plans_below(tx, template, teams_with(request, RIGHT), limit=AT_ONCE)

    async def each() -> AsyncIterator[CarePlan]:
        for plan in plans:
            yield plan

    return await move_all(tx, each(), template, by=seat.staff.userid, now=desk.clock(), zone=desk.zone)


ROUTES = (
    get(f"/plans/{ID}/move", show, RIGHT),
    post(f"/plans/{ID}/move/preview", preview, RIGHT),
    post(f"/plans/{ID}/move", do_move, RIGHT),
)
