"""The list, and writing: the text, whom it goes to, and at once how many that are."""

from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import number
from console.form import words as typed
from console.mass.reach import WRITE, mark_of, mass_of, may_read, say, teams_of, words
from console.page import ANYBODY, get, post, render, see_other
from plans.mass_message import write
from plans.mass_message.audience import Chosen, choose, count
from plans.mass_message.compose import MOST_BYTES, check_text
from plans.mass_message.errors import MassRefused
from plans.mass_message.words import words as states
from records.mass_message import MassMessage
from records.patient import AccessRefused
from records.role import RightMissing
from records.staff import Staff
from tagging.cohort.saved import cohorts_for
from tagging.cohort.words import CohortError
from tagging.particulars import record_key

MOST_NUMBERS = 5000


@dataclass(frozen=True)
class Form:
    """What stands in the form. `by` says which of `query`, `cohort` and `numbers` counts."""

    team: str = ""
    title: str = ""
    text: str = ""
    by: str = "query"
    query: str = ""
    cohort: str = ""
    numbers: str = ""
    mark: str = ""


def form_in(sent: MultiDictProxy[Any]) -> Form:
    """The form that was sent."""
    return Form(**{each.name: typed(sent, each.name, 60_000) for each in fields(Form)})


def form_of(message: MassMessage) -> Form:
    """The form filled with a draft."""
    kept = message.audience
    return Form(
        team=str(message.team_id),
        title=message.title,
        text=message.text,
        by="query" if "query" in kept else "cohort" if "cohort" in kept else "numbers",
        query=message.audience_text if "query" in kept else "",
        cohort=str(kept.get("cohort", "")),
        numbers="\n".join(kept.get("patients", ())),
        mark=mark_of(message),
    )


async def listed(request: web.Request) -> web.StreamResponse:
    """The messages of his teams, the newest first."""
    desk, seat = request.app[DESK], request[SEAT]
    if not may_read(seat):
        raise RightMissing(WRITE)
    async with desk.db.transaction() as tx:
        rows = [each for each in await write.masses_for(tx, seat.staff) if may_read(seat, each.team_id)]
        writers = select(Staff.id, Staff.name).where(Staff.id.in_({each.created_by for each in rows}))
        names = dict((await tx.execute(writers)).all())
    return render(
        request, "console/mass/list.html", rows=rows, names=names, states=states("states"), words=words, may_write=bool(teams_of(seat))
    )


async def new(request: web.Request) -> web.StreamResponse:
    """An empty form; from a cohort's page it is chosen already."""
    seat = request[SEAT]
    mine = teams_of(seat)
    cohort = request.query.get("cohort", "")
    return await _editor(request, Form(team=str(mine[0]) if mine else "", by="cohort" if cohort else "query", cohort=cohort), None)


async def edit(request: web.Request) -> web.StreamResponse:
    """The form with a draft."""
    async with request.app[DESK].db.transaction() as tx:
        message = await mass_of(tx, request, needs=WRITE)
        form = form_of(message)
    return await _editor(request, form, message.id)


async def counted(request: web.Request) -> web.StreamResponse:
    """How the message reads and how many it goes to, while it is being written."""
    desk, seat, form = request.app[DESK], request[SEAT], form_in(await request.post())
    wrong, found = list[str](), None
    try:
        check_text(form.text)
    except MassRefused as err:
        wrong += [str(err)] if form.text else []
    if form.query or form.cohort or form.numbers:
        try:
            async with desk.db.transaction() as tx:
                chosen = await _chosen(tx, request, form)
                found = await count(tx, seat.staff, chosen.definition, now=desk.clock(), zone=desk.zone, teams=teams_of(seat))
        except (MassRefused, CohortError) as err:
            wrong.append(str(err))
    return render(
        request, "console/mass/_count.html", wrong=wrong, found=found, four_eyes=write.FOUR_EYES,
        text=form.text.replace("{name}", say("example.name")), left=MOST_BYTES - len(form.text.encode()),
    )  # fmt: skip


async def save(request: web.Request) -> web.StreamResponse:
    """Keep it as a new draft, or change the draft of the address; what is refused stays in the form."""
    desk, seat, form = request.app[DESK], request[SEAT], form_in(await request.post())
    message: MassMessage | None = None
    try:
        async with desk.db.transaction() as tx:
            if "id" in request.match_info:
                message = await mass_of(tx, request, needs=WRITE, lock=True)
                if form.mark != mark_of(message):
                    raise MassRefused("changed")
            else:
                seat.rights.check(WRITE, _team(request, form))
            audience = await _chosen(tx, request, form)
            if message is not None:
                await write.edit(tx, message, title=form.title, text=form.text, audience=audience)
            else:
                team = seat.teams[_team(request, form)]
                message = await write.draft(
                    tx, seat.staff, team=team, title=form.title, text=form.text, audience=audience, now=desk.clock()
                )  # fmt: skip
            number = message.id
    except (MassRefused, CohortError) as err:
        return await _editor(request, form, int(request.match_info["id"]) if "id" in request.match_info else None, str(err))
    return see_other(request, f"/mass/{number}", said="mass_saved")


def _team(request: web.Request, form: Form) -> int:
    """The team in whose name it is written. Raises AccessRefused."""
    team = number(form.team)
    if team not in request[SEAT].teams:
        raise AccessRefused(f"mass message of team {form.team[:20]}")
    return team


async def _chosen(tx: AsyncSession, request: web.Request, form: Form) -> Chosen:
    """Whom the form means. Raises MassRefused, CohortError, AccessRefused."""
    desk, seat = request.app[DESK], request[SEAT]
    query = form.query if form.by == "query" and form.query else None
    cohort = number(form.cohort) if form.by == "cohort" else None
    numbers = form.numbers.replace("、", " ").replace("，", " ").replace(",", " ").split() if form.by == "numbers" else []
    if len(numbers) > MOST_NUMBERS:
        raise MassRefused("many_numbers", most=MOST_NUMBERS)
    numbers = [each for each in numbers if record_key(each)]
    return await choose(
        tx, seat.staff, query=query, cohort=cohort, record_numbers=numbers, now=desk.clock(), zone=desk.zone, teams=teams_of(seat)
    )


async def _editor(request: web.Request, form: Form, number: int | None, refused: str = "") -> web.Response:
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        cohorts = {each.id: each.name for each in await cohorts_for(tx, seat.staff)}
    teams = {id: seat.teams[id] for id in teams_of(seat)}
    return render(
        request, "console/mass/edit.html", status=422 if refused else 200, form=form, number=number, refused=refused, teams=teams,
        cohorts=cohorts, four_eyes=write.FOUR_EYES,
    )  # fmt: skip


_ID = r"{id:\d{1,18}}"
ROUTES = (
    get("/mass", listed, ANYBODY),
    get("/mass/new", new, WRITE),
    get(f"/mass/{_ID}/edit", edit, WRITE),
    post("/mass/draft/count", counted, WRITE),
    post("/mass", save, WRITE),
    post(f"/mass/{_ID}", save, WRITE),
)
