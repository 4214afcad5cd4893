"""How a plan goes: who is on it, what became of its follow-ups, as a funnel and step by step; of one's own teams' patients."""

from datetime import timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.counted import counted
from console.desk import DESK
from console.form import number
from console.page import get
from console.plans.common import ID, page, say, teams_with, template_asked, words
from plans.enrolment import RUNNING
from plans.progress import OnPlan, StepProgress, people_on, steps_of

SPANS = (7, 30, 90, 365)
FUNNEL = ("due", "reached", "answered", "done")


async def show(request: web.Request) -> web.StreamResponse:
    """The numbers of a span of days up to now."""
    desk = request.app[DESK]
    days = number(request.query.get("days", "")) or 0
    days = days if days in SPANS else SPANS[1]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
        teams = teams_with(request, "care.read")

    async def count(tx: AsyncSession) -> tuple[list[OnPlan], list[StepProgress]]:
        now = desk.clock()
        return await people_on(tx, template.id, teams), await steps_of(tx, template.id, teams, since=now - timedelta(days=days), now=now)

    found = await counted(request, ("progress", template.id, teams, days), count)
    people, steps = found.what or ([], [])
    titles = template.titles
    order = {id: place for place, id in enumerate(titles)}
    steps = sorted(steps, key=lambda each: order.get(each.step, len(order)))
    total = {name: sum(getattr(each, name) for each in steps) for name in (*FUNNEL, "missed")}
    chart = {
        "kind": "funnel",
        "x": [say(f"progress.{name}") for name in FUNNEL],
        "series": [{"name": template.title, "values": [total[name] for name in FUNNEL]}],
        "unit": say("progress.unit"),
    }
    states = {state: sum(each.people for each in people if each.state == state) for state in words("plan_states")}
    versions: dict[int, int] = {}
    for each in people:
        if each.state in RUNNING:
            versions[each.version] = versions.get(each.version, 0) + each.people
    return page(request, "console/plans/progress.html", template, shelf, days=days, spans=SPANS,
        states=states, state_names=words("plan_states"), versions=versions, steps=steps, titles=titles, total=total, chart=chart,
        enrolled=sum(each.people for each in people), counted=found, asked=request.path_qs,
    )  # fmt: skip


ROUTES = (get(f"/plans/{ID}/progress", show, "care.read"),)
