"""Automatic enrolment: whoever joins a kept cohort is put on the plan by itself."""

from typing import cast, get_args

from aiohttp import web
from sqlalchemy import select

from console.cohorts.reach import number
from console.desk import DESK, SEAT
from console.page import get, post, see_other
from console.plans.common import ID, page, template_asked, words
from plans.auto_enrolment import OnLeft, set_auto
from records.auto_enrolment import AutoEnrolment
from records.cohort import Cohort
from records.staff import names_of
from tagging.cohort.saved import access_cohort, cohorts_for

RIGHT = "plan.enrol"


async def show(request: web.Request) -> web.StreamResponse:
    """The cohorts of one's own teams with what holds for each."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
        own = [each for each in await cohorts_for(tx, seat.staff) if each.team_id in seat.teams and seat.rights.has(RIGHT, each.team_id)]
        rules = select(AutoEnrolment).where(AutoEnrolment.template == template.id, AutoEnrolment.cohort_id.in_([each.id for each in own]))
        by_cohort = {rule.cohort_id: rule for rule in await tx.scalars(rules)}
        names = await names_of(tx, (rule.by for rule in by_cohort.values()))
    return page(request, "console/plans/auto.html", template, shelf, cohorts=own, rules=by_cohort,
        names=names, on_left=words("on_left"),
    )  # fmt: skip


async def change(request: web.Request) -> web.StreamResponse:
    """Turn it on or off for one cohort, or change what happens when somebody leaves."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    on_left = str(form.get("on_left", "nothing"))
    if on_left not in get_args(OnLeft):
        raise web.HTTPBadRequest
    async with desk.db.transaction() as tx:
        template, _ = await template_asked(tx, request)
        cohort: Cohort = await access_cohort(tx, seat.staff, number(str(form.get("cohort", ""))), lock=True)
        seat.rights.check(RIGHT, cohort.team_id)
        on = form.get("on") == "1"
        await set_auto(tx, cohort, template.id, on=on, on_left=cast(OnLeft, on_left), by=seat.staff.userid, now=desk.clock())
    return see_other(request, f"/plans/{template.id}/auto", said="auto_on" if on else "auto_off")


ROUTES = (get(f"/plans/{ID}/auto", show, RIGHT), post(f"/plans/{ID}/auto", change, RIGHT))
