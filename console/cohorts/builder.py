"""The query builder: rows and text side by side, each following the other, with how many they find."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.reach import cohort_of, number, page_of, patient_numbered, reach, say, words
from console.desk import DESK, SEAT
from console.form import number as number_in
from console.form import plain
from console.form import words as typed
from console.page import get, post, render, today
from plans.definition import newest_templates
from records.cohort import CohortVersion
from records.encounter import departments
from tagging.cohort.builder import read
from tagging.cohort.explain import explain
from tagging.cohort.preview import count, listed
from tagging.cohort.query import MOST_TERMS, Query
from tagging.cohort.rows import OPS, Row, rows_of, text_of
from tagging.cohort.saved import query_of
from tagging.cohort.scope import Scope
from tagging.cohort.words import CohortError, sources, table
from tagging.cohort.write import write

BEFORE, AFTER = ("", "!", "(", "!(", "(!", "(("), ("", ")", "))")
# What the form for saving holds before anything is written into it.
EMPTY = dict.fromkeys(("id", "version", "name", "team", "shared"), "")
NAMES = tuple(each.name for each in fields(Row))
# A first query to begin with: what most cohorts begin with.
BLANK = (Row(),)


@dataclass(frozen=True)
class Draft:
    """What stands in the builder. Of a text that cannot be read the rows are those that stood there before."""

    text: str
    rows: tuple[Row, ...]
    query: Query | None = None
    wrong: str | None = None


def drafted(text: str, scope: Scope, rows: tuple[Row, ...] = BLANK) -> Draft:
    """A text, read. What it says becomes the rows; what is wrong is told with its place."""
    try:
        query = scope.read(text)
    except CohortError as err:
        return Draft(text, rows, wrong=str(err))
    return Draft(text, tuple(rows_of(query, scope.name_of)), query)


def rows_in(form: MultiDictProxy[Any]) -> tuple[Row, ...]:
    """The rows of a form whose fields stand in it once for each row, in order; none where some stand in it more often than others."""
    columns = [[plain(value) for value in form.getall(name, [])][:MOST_TERMS] for name in NAMES]
    if len({len(column) for column in columns}) != 1:
        return ()
    return tuple(Row(**dict(zip(NAMES, values, strict=True))) for values in zip(*columns, strict=True))


async def draft(request: web.Request) -> web.StreamResponse:
    """What was changed in the builder: rows become text or text becomes rows, and both are counted."""
    desk, form = request.app[DESK], await request.post()
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        by_rows = form.get("by") == "rows"
        rows, was = rows_in(form), [str(each) for each in form.getall("was", [])]
        if by_rows:
            changed = _changed(rows, typed(form, "do"), was)
            found = replace(drafted(text_of(changed), scope), rows=changed)
        else:
            changed = rows
            found = drafted(typed(form, "text", 5000), scope, rows)
        counted, found = await _counted(tx, found, scope)
        redraw = changed != rows or [_shape(row) for row in rows] != was if by_rows else found.query is not None
        shown = await _offered(tx, scope) if redraw else {}
    return render(
        request, "console/cohorts/_draft.html", draft=found, counted=counted, by_rows=by_rows, redraw=redraw,
        spoken=write(found.query, names=scope.name_of) if found.query is not None else "", **shown,
    )  # fmt: skip


async def _counted(tx: AsyncSession, found: Draft, scope: Scope) -> tuple[int | None, Draft]:
    if found.query is None:
        return None, found
    try:
        return await count(tx, found.query, scope), found
    except CohortError as err:
        return None, replace(found, wrong=str(err))


def _shape(row: Row) -> str:
    """What decides which boxes a row has."""
    return f"{row.field} {row.op if row.op in ('..', 'unknown') else ''}"


def _changed(rows: tuple[Row, ...], do: str, was: list[str]) -> tuple[Row, ...]:
    """The rows after what was clicked; a row whose field is another now begins anew."""
    known = [row if row.field in OPS else replace(row, field="tag") for row in rows]
    rows = tuple(
        row
        if was[number : number + 1] and was[number].split(" ")[0] == row.field
        else Row(row.join, row.before, row.field, op=OPS[row.field][0], after=row.after)
        for number, row in enumerate(known)
    )
    what, _, which = do.partition(":")
    if what == "add" and len(rows) < MOST_TERMS:
        return (*rows, Row(join="and" if rows else ""))
    if what == "remove" and (gone := number_in(which)) is not None:
        return tuple(row for place, row in enumerate(rows) if place != gone) or BLANK
    return rows


async def _offered(tx: AsyncSession, scope: Scope) -> dict[str, Any]:
    """What the boxes of the rows offer."""
    keywords = table("keywords")
    return {
        "fields": {name: say(f"fields.{name}") for name in OPS},
        "ops": {name: {op: _op(name, op) for op in OPS[name]} for name in OPS},
        "tags": sorted({entry.name for entry in scope.tags.values()}),
        "teams": sorted(scope.team_names),
        "departments": await departments(tx),
        "templates": {id: template.title for id, template in (await newest_templates(tx)).items()},
        "measures": words("measures"),
        "source_names": {code: names[0] for code, names in table("sources").items() if code in sources().values()},
        "words": {name: keywords[name][0] for name in ("and", "or", "not")},
        "shape": _shape,
        "befores": BEFORE,
        "afters": AFTER,
    }


def _op(field: str, op: str) -> str:
    if field in ("tag", "department", "team") or op in ("<=", ">=", "<", ">", "=", "..", "unknown"):
        return str(words("ops")[op])
    found: str = table("keywords")[op][0]
    return found


async def new(request: web.Request) -> web.StreamResponse:
    """The builder, empty or with the text of the address."""
    async with request.app[DESK].db.transaction() as tx:
        scope = await reach(tx, request)
        text = request.query.get("text", "")[:5000]
        return await page(tx, request, scope, drafted(text, scope) if text else Draft("", BLANK))


async def edit(request: web.Request) -> web.StreamResponse:
    """The builder with a kept cohort, in its newest version or an earlier one."""
    async with request.app[DESK].db.transaction() as tx:
        scope = await reach(tx, request)
        cohort = await cohort_of(tx, request, lock=True)
        query = query_of(cohort)
        if version := request.query.get("version"):
            same = (CohortVersion.cohort_id == cohort.id, CohortVersion.version == number(version))
            earlier = await tx.scalar(select(CohortVersion).where(*same))
            if earlier is None:
                raise web.HTTPNotFound
            query = read(earlier.definition)
        text = text_of(rows_of(query, scope.name_of))
        values = {"id": str(cohort.id), "name": cohort.name, "team": str(cohort.team_id), "version": str(cohort.version)}
        return await page(tx, request, scope, drafted(text, scope), values | ({"shared": "1"} if cohort.shared else {}))


async def page(
    tx: AsyncSession, request: web.Request, scope: Scope, found: Draft, values: Mapping[str, str] | None = None, wrong: str | None = None
) -> web.Response:
    """The builder with what was written so far, and `wrong`, what stands against saving it."""
    seat = request[SEAT]
    counted, found = await _counted(tx, found, scope)
    teams = {id: seat.teams[id] for id in seat.rights.teams_with("cohort.write", seat.teams)}
    return render(
        request, "console/cohorts/builder.html", status=422 if wrong else 200, draft=found, counted=counted, by_rows=False, redraw=True,
        spoken=write(found.query, names=scope.name_of) if found.query is not None else "",
        values=EMPTY | dict(values or {}), own_teams=teams, refused=wrong, **await _offered(tx, scope),
    )  # fmt: skip


async def who(request: web.Request) -> web.StreamResponse:
    """The first patients whom the draft finds; each is noted as read."""
    desk, form = request.app[DESK], await request.post()
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        found = drafted(typed(form, "text", 5000), scope)
        people, wrong = [], found.wrong
        if found.query is not None:
            try:
                people = await listed(tx, found.query, scope, page_of(request))
            except CohortError as err:
                wrong = str(err)
    return render(request, "console/cohorts/_who.html", found=people, wrong=wrong, today=today(desk))


async def why(request: web.Request) -> web.StreamResponse:
    """Why the patient of a record number is found by the draft, or is not."""
    desk, form = request.app[DESK], await request.post()
    asked = typed(form, "record_number", 60)
    async with desk.db.transaction() as tx:
        scope = await reach(tx, request)
        found = drafted(typed(form, "text", 5000), scope)
        if found.query is None or not asked:
            return render(request, "console/cohorts/_why.html", patient=None, found=None, wrong=found.wrong or say("builder.no_number"))
        patient = await patient_numbered(tx, request, asked, why="cohort")
        told = await explain(tx, found.query, patient.id, scope)
    return render(request, "console/cohorts/_why.html", patient=patient, found=told, wrong=None, today=today(desk))


ROUTES = (
    get("/cohorts/new", new, "care.read"),
    get("/cohorts/{id:\\d+}/edit", edit, "cohort.write"),
    post("/cohorts/draft", draft, "care.read"),
    post("/cohorts/draft/who", who, "care.read"),
    post("/cohorts/draft/why", why, "care.read"),
)
