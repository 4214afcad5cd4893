"""Keeping a cohort, changing it, and keeping it no longer."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.builder import drafted, page
from console.cohorts.reach import cohort_of, number, reach, say
from console.desk import DESK, SEAT
from console.form import plain
from console.page import post, see_other
from records.cohort import Cohort
from tagging.cohort import saved
from tagging.cohort.saved import CohortRefused, access_cohort
from tagging.cohort.words import CohortError


class _NotKept(Exception):
    """The sentence that the page shows beside what was written; nothing of it stays."""


async def save(request: web.Request) -> web.StreamResponse:
    """Keep what the builder holds, as a new cohort or as the next version of one."""
    desk, form = request.app[DESK], {name: plain(value) for name, value in (await request.post()).items()}
    try:
        async with desk.db.transaction() as tx:
            cohort = await _save(tx, request, form)
        return see_other(request, f"/cohorts/{cohort.id}", said="cohort_saved")
    except _NotKept as err:
        async with desk.db.transaction() as tx:
            scope = await reach(tx, request)
            return await page(tx, request, scope, drafted(form.get("text", "")[:5000], scope), form, str(err))


async def _save(tx: AsyncSession, request: web.Request, form: dict[str, str]) -> Cohort:
    desk, seat = request.app[DESK], request[SEAT]
    team_id, name = number(form.get("team", "")), " ".join(form.get("name", "").split())
    if form.get("id"):
        before = await access_cohort(tx, seat.staff, number(form["id"]), lock=True)
        team_id, name = before.team_id, before.name
        seat.rights.check("cohort.write", team_id)
        if form.get("version") != str(before.version):
            raise _NotKept(say("save.newer", version=before.version))
    else:
        if team_id not in seat.teams:
            raise CohortRefused(f"team {team_id}")
        seat.rights.check("cohort.write", team_id)
        if not name:
            raise _NotKept(say("save.no_name"))
        same = select(Cohort.id).where(Cohort.team_id == team_id, Cohort.name == name, Cohort.state == "active")
        if await tx.scalar(same) is not None:
            raise _NotKept(say("save.same_name", name=name))
    try:
        query = (await reach(tx, request)).read(form.get("text", ""))
        shared = bool(form.get("shared"))
        return await saved.save(tx, seat.staff, name, query, team=seat.teams[team_id], shared=shared, now=desk.clock(), zone=desk.zone)
    except CohortError as err:
        raise _NotKept(str(err)) from err


async def end(request: web.Request) -> web.StreamResponse:
    """Keep it no longer."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        cohort = await cohort_of(tx, request, lock=True)
        await saved.end(tx, cohort, now=desk.clock(), by=seat.staff.userid)
    return see_other(request, "/cohorts", said="cohort_ended")


ROUTES = (post("/cohorts", save, "cohort.write"), post("/cohorts/{id:\\d+}/end", end, "cohort.write"))
