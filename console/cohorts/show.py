"""The list of kept cohorts, and one of them: what it asks, who is in it, who came and went, its versions, and the list as a file."""

import csv
import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.reach import cohort_of, in_words, number, page_of, reach, say, text_of_cohort
from console.counted import Counted, counted
from console.desk import DESK, SEAT
from console.page import get, render, today
from records.cohort import Cohort, CohortVersion
from records.patient import access_patient
from records.staff import Team, names_of
from tagging.cohort.builder import read
from tagging.cohort.explain import explain
from tagging.cohort.movement import Day, days, movement, sizes
from tagging.cohort.preview import LONGEST_PAGE, Page
from tagging.cohort.rows import rows_of, text_of
from tagging.cohort.saved import cohorts_for, member_count, members, query_of
from tagging.cohort.scope import Scope

# How far back comings and goings are counted in the list, and shown day by day on a cohort's page.
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
# A list longer than this is no list to work with, and is fetched by an export of the whole hospital instead.
MOST_EXPORTED = 20_000


@dataclass(frozen=True)
class Listed:
    """One row of the list; numbers are of the patients within the asker's reach."""

    cohort: Cohort
    team: str
    text: str
    size: int | None
    joined: int
    left: int
    own: bool


async def show_all(request: web.Request) -> web.StreamResponse:
    """All kept cohorts that the asker may see."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        cohorts = await cohorts_for(tx, seat.staff)
        ids = [cohort.id for cohort in cohorts]
        names = {id: name for name, id in scope.team_names.items()}

    async def count(tx: AsyncSession) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
        return await sizes(tx, ids, scope), await movement(tx, ids, scope, desk.clock() - WEEK)

    people = await counted(request, ("cohorts", ids, sorted(scope.teams or ())), count)
    size, moved = people.what or ({}, {})
    rows = [
        Listed(
            each, names[each.team_id], text_of_cohort(each, scope), size.get(each.id, 0) if people.what else None,
            *moved.get(each.id, (0, 0)), each.team_id in seat.teams,
        )
        for each in cohorts
    ]  # fmt: skip
    return render(request, "console/cohorts/list.html", rows=rows, people=people, can_write=seat.rights.has("cohort.write"))


async def show(request: web.Request) -> web.StreamResponse:
    """One cohort with a page of its members; under htmx the page of members alone."""
    desk, seat = request.app[DESK], request[SEAT]
    page = page_of(request)
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        cohort = await cohort_of(tx, request)
        found = await members(tx, cohort, scope, page)
        team = await tx.get_one(Team, cohort.team_id)
    people, moved = await _counted(request, cohort, scope)
    after = found[-1].patient_id if len(found) == page.limit else None
    own = cohort.team_id in seat.teams
    return render(
        request, "console/cohorts/show.html", cohort=cohort, text=text_of_cohort(cohort, scope), team=team, people=people, found=found,
        after=after, first=page.after == 0, today=today(desk), moved=moved,
        can_write=own and seat.rights.has("cohort.write", cohort.team_id), can_export=seat.rights.has("data.export"),
    )  # fmt: skip


async def _counted(request: web.Request, cohort: Cohort, scope: Scope) -> tuple[Counted[int], Counted[list[Day]]]:
    """How many members are within reach, and who came and went in a month."""
    since, about = request.app[DESK].clock() - MONTH, (cohort.id, cohort.version, sorted(scope.teams or ()))
    size = await counted(request, ("cohort", *about), lambda tx: member_count(tx, cohort, scope))
    return size, await counted(request, ("movement", *about), lambda tx: days(tx, cohort.id, scope, since))


async def why(request: web.Request) -> web.StreamResponse:
    """Why one patient is in the cohort or not: every term with what it rests on."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        cohort = await cohort_of(tx, request)
        patient = await access_patient(tx, seat.staff, number(request.match_info["patient"]), now=desk.clock(), why="cohort")
        seat.rights.check("care.read", patient.team_id)
        found = await explain(tx, scope.known(query_of(cohort)), patient.id, scope)
    return render(request, "console/cohorts/why.html", cohort=cohort, patient=patient, found=found, today=today(desk))


@dataclass(frozen=True)
class Version:
    """One version of a cohort: what it asks, and which of its lines the one before had not, or had besides."""

    number: int
    at: datetime
    by: str
    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


async def history(request: web.Request) -> web.StreamResponse:
    """All versions, the newest first, with what changed."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        cohort = await cohort_of(tx, request)
        chosen = select(CohortVersion).where(CohortVersion.cohort_id == cohort.id).order_by(CohortVersion.version)
        kept = (await tx.scalars(chosen)).all()
        names = await names_of(tx, (each.by for each in kept))
    versions, before = list[Version](), list[str]()
    for each in kept:
        query = read(each.definition)
        lines = text_of(rows_of(query, scope.name_of)).splitlines()
        added = tuple(line for line in lines if line not in before) if before else ()
        removed = tuple(line for line in before if line not in lines)
        versions.append(Version(each.version, each.at, names.get(each.by, each.by), in_words(query, scope), added, removed))
        before = lines
    can_write = cohort.team_id in seat.teams and seat.rights.has("cohort.write", cohort.team_id)
    return render(request, "console/cohorts/history.html", cohort=cohort, versions=versions[::-1], can_write=can_write)


async def export(request: web.Request) -> web.StreamResponse:
    """The members as a table for Excel: those of the teams in which the asker may export; each is noted as read."""
    desk, seat = request.app[DESK], request[SEAT]
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(say("export.head").split("、"))
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request, "data.export")
        cohort = await cohort_of(tx, request)
        page, written = Page(seat.staff, desk.clock(), limit=LONGEST_PAGE), 0
        while written < MOST_EXPORTED and (found := await members(tx, cohort, scope, page)):
            for one in found:
                sex = {"M": say("sex.M"), "F": say("sex.F")}.get(one.sex or "", "")
                cells = (one.record_number, one.name, sex, one.birth_date.isoformat(), "、".join(one.tags))
                table.writerow([_plain(cell) for cell in cells])
            written += len(found)
            page = replace(page, after=found[-1].patient_id)
    headers = {"Content-Disposition": f'attachment; filename="cohort-{cohort.id}-v{cohort.version}.csv"'}
    # Excel reads a table as Chinese only where it begins with this mark.
    return web.Response(body=("\ufeff" + out.getvalue()).encode(), content_type="text/csv", charset="utf-8", headers=headers)


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


ROUTES = (
    get("/cohorts", show_all, "care.read"),
    get("/cohorts/{id:\\d+}", show, "care.read"),
    get("/cohorts/{id:\\d+}/why/{patient:\\d+}", why, "care.read"),
    get("/cohorts/{id:\\d+}/history", history, "care.read"),
    get("/cohorts/{id:\\d+}/export", export, "data.export"),
)
