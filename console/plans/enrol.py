"""Putting a cohort on a plan: who could be put on it and who not, then the order, then how far it has come."""

from collections import Counter
from dataclasses import dataclass, replace

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.reach import number, reach
from console.desk import DESK, SEAT
from console.form import number as number_in
from console.page import by_htmx, get, post, render, see_other
from console.plans.common import ID, Shelf, anchors_given, asked_anchors, note_shown, page, say, template_asked, without_trace, words
from plans.cohort_enrolment import begin, stop
from plans.enrol_many import Refusal, check_many
from plans.guard import QUIET
from plans.schedule import Anchors
from plans.template import PlanTemplate, anchor_kinds
from records.cohort import Cohort
from records.cohort_enrolment import CohortEnrolment
from records.patient import AccessRefused, Patient
from records.staff import Staff
from tagging.cohort.preview import LONGEST_PAGE, Page
from tagging.cohort.saved import access_cohort, cohorts_for, member_count, members, query_of
from tagging.cohort.scope import Scope

RIGHT = "plan.enrol"
# A preview looks at so many; the order itself takes all.
MOST, NAMED = 1000, 50


@dataclass(frozen=True)
class Wish:
    """What a form asks for. `wrong` is the sentence against it."""

    cohort: Cohort
    given: Anchors
    hour: int | None
    whoever: bool
    wrong: str | None = None


async def show(request: web.Request) -> web.StreamResponse:
    """The form, and the orders that were given lately."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        template, shelf = await _newest(tx, request)
        cohorts = await cohorts_for(tx, seat.staff)
        mine = select(CohortEnrolment, Cohort.name).outerjoin(Cohort, Cohort.id == CohortEnrolment.cohort_id)
        mine = mine.where(CohortEnrolment.template == template.id, CohortEnrolment.staff_id == seat.staff.id)
        orders = (await tx.execute(mine.order_by(CohortEnrolment.id.desc()).limit(10))).all()
    kinds = anchor_kinds()
    dates = [(name, title, kinds[name].several, name in template.later) for name, title in asked_anchors(template).items()]
    return page(request, "console/plans/enrol.html", template, shelf, cohorts=cohorts,
        orders=orders, dates=dates,
        hours=QUIET.open_hours, chosen=request.query.get("cohort", ""),
    )  # fmt: skip


async def preview(request: web.Request) -> web.StreamResponse:
    """Who could be put on the plan now, and who not and why. Nothing is written but who was read."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        template, _ = await _newest(tx, request)
        wish = await _wish(tx, request, template)
        if wish.wrong:
            return render(request, "console/plans/_enrol_preview.html", wrong=wish.wrong)
        scope = await reach(tx, request, RIGHT)
        people = await member_count(tx, wish.cohort, scope)
        ids, part = list[int](), Page(seat.staff, desk.clock(), limit=LONGEST_PAGE)
        while len(ids) < MOST and (found := await members(tx, wish.cohort, scope, part)):
            ids += [each.patient_id for each in found]
            part = replace(part, after=ids[-1])
    ready, refused = await without_trace(desk.db, lambda tx: _checked(tx, request, template, ids, wish))
    reasons = Counter(each.code for each in refused)
    return render(
        request, "console/plans/_enrol_preview.html", wrong=None, plan=template, wish=wish, people=people, ready=ready,
        refused=refused[:NAMED], reasons=reasons, refusals=words("enrol")["refusals"],
        cut=say("enrol.too_many", count=MOST) if people > MOST else None,
        form={name: str(value) for name, value in (await request.post()).items() if name != "csrf"},
    )  # fmt: skip


async def _checked(tx: AsyncSession, request: web.Request, template: PlanTemplate, ids: list[int], wish: Wish) -> tuple[int, list[Refusal]]:
    desk, ready, refused = request.app[DESK], 0, list[Refusal]()
    for first in range(0, len(ids), 100):
        some = (await tx.scalars(select(Patient).where(Patient.id.in_(ids[first : first + 100])).order_by(Patient.id))).all()
        found = await check_many(
            tx, some, template, now=desk.clock(), zone=desk.zone, given=wish.given, hour=wish.hour, whoever=wish.whoever
        )
        ready += len(found.ready)
        refused += found.refused
    return ready, refused


async def order(request: web.Request) -> web.StreamResponse:
    """Give the order; the worker carries it out in the background."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        template, _ = await _newest(tx, request)
        wish = await _wish(tx, request, template)
        scope = await reach(tx, request, RIGHT)
        people = await member_count(tx, wish.cohort, scope)
        wrong = wish.wrong or (None if people else say("enrol.nobody"))
        if wrong:
            return render(request, "console/plans/_enrol_preview.html", status=422, wrong=wrong)
        row = await begin(
            tx, seat.staff, template, query_of(wish.cohort), wish.cohort, scope=scope, people=people, given=wish.given, hour=wish.hour,
            whoever=wish.whoever, now=desk.clock(),
        )  # fmt: skip
    return see_other(request, f"/plans/{template.id}/enrolments/{row.id}", said="enrolment_began")


async def _newest(tx: AsyncSession, request: web.Request) -> tuple[PlanTemplate, Shelf]:
    """The version on which people are enrolled, whatever version was looked at before. Raises HTTPNotFound where there is none."""
    template, shelf = await template_asked(tx, request, "")
    if shelf.newest is None:
        raise web.HTTPNotFound
    return template, shelf


async def _wish(tx: AsyncSession, request: web.Request, template: PlanTemplate) -> Wish:
    form = await request.post()
    cohort = await access_cohort(tx, request[SEAT].staff, number(str(form.get("cohort", ""))))
    said, wrong, given = str(form.get("hour", "")), None, {}
    try:
        given = dict(anchors_given(template, form))
    except ValueError:
        wrong = say("enrol.date_wrong")
    hour = number_in(said) if len(said) < 3 else None
    if hour is not None and hour not in QUIET.open_hours:
        wrong = say("enrol.hour")
    return Wish(cohort, given, hour, bool(form.get("whoever")), wrong)


async def _order_of(tx: AsyncSession, request: web.Request) -> CohortEnrolment:
    """An order that somebody of the asker's teams gave for none but their patients. Raises AccessRefused."""
    scope: Scope = await reach(tx, request)
    row = await tx.get(CohortEnrolment, number(request.match_info["order"]))
    if row is None or row.template != request.match_info["id"] or not set(row.team_ids) <= set(scope.teams or ()):
        raise AccessRefused(f"cohort_enrolment {request.match_info['order']}")
    return row


async def progress(request: web.Request) -> web.StreamResponse:
    """How far an order has come; the page asks again by itself until it is done."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request, "")
        row = await _order_of(tx, request)
        cohort = await tx.get(Cohort, row.cohort_id) if row.cohort_id is not None else None
        staff = await tx.get_one(Staff, row.staff_id)
    if row.state != "running":
        await note_shown(request, {id for id, _, _ in row.named if id})
    done = row.enrolled + sum(row.refused.values())
    part = by_htmx(request)
    name = "console/plans/_order.html" if part else "console/plans/order.html"
    return page(request, name, template, shelf, order=row, cohort=cohort, staff=staff, done=done, refusals=words("enrol")["refusals"])


async def do_stop(request: web.Request) -> web.StreamResponse:
    """Go no further with an order."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        row = await _order_of(tx, request)
        for team in row.team_ids:
            seat.rights.check(RIGHT, team)
        await stop(tx, row, by=seat.staff.userid, now=desk.clock())
    return see_other(request, f"/plans/{row.template}/enrolments/{row.id}", said="enrolment_stopped")


ROUTES = (
    get(f"/plans/{ID}/enrol", show, RIGHT),
    post(f"/plans/{ID}/enrol/preview", preview, RIGHT),
    post(f"/plans/{ID}/enrol", order, RIGHT),
    get(f"/plans/{ID}/enrolments/{{order:\\d+}}", progress, RIGHT),
    post(f"/plans/{ID}/enrolments/{{order:\\d+}}/stop", do_stop, RIGHT),
)
