"""What departments change in triage for their own patients: proposed, tried on a sentence, approved by another clinician."""

import asyncio
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT, Desk, Seat
from console.form import number
from console.form import words as typed
from console.page import get, post, render, see_other
from console.words import area_words
from plans.triage_overlays import OverlayError, approve, content_with, end, propose, read_overlay
from records.patient import AccessRefused
from records.staff import Team
from records.triage_overlay import TriageOverlay
from tagging.content import Content, default_content
from tagging.flags import Department
from tagging.patient import PatientFacts
from tagging.triage import triage_text

WRITE, APPROVE = "rule.write", "triage.approve"
LONGEST, SHOWN = 40_000, 50


@dataclass(frozen=True)
class Tried:
    """How a sentence is judged by the tables in force and by the proposed ones."""

    said: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One line of what would be different: the rule's category and name, and its level before and after (empty: not in use)."""

    name: str
    rule: str
    before: str
    after: str
    reason: str


async def show(request: web.Request) -> web.StreamResponse:
    """What is in force, what waits, and what was."""
    async with request.app[DESK].db.transaction() as tx:
        rows = list(await tx.scalars(select(TriageOverlay).order_by(TriageOverlay.id.desc()).limit(SHOWN)))
    words = area_words("admin")
    wrong = words["overlay_mistakes"].get(request.query.get("wrong", ""))
    return render(request, "console/admin/triage.html", rows=rows, states=words["overlay_states"], wrong=wrong)


async def write(request: web.Request) -> web.StreamResponse:
    """A change to be written, begun with a version's text if one is named."""
    desk, begun = request.app[DESK], number(request.query.get("from", ""))
    async with desk.db.transaction() as tx:
        row = await _find(tx, begun) if begun is not None else None
        given = {"department": row.department, "text": row.definition, "why": row.why} if row else {}
        return await _page(request, tx, given, row=row)


async def save(request: web.Request) -> web.StreamResponse:
    """Show what it changes and how a sentence would be judged (`try`), or propose it. What is wrong is told, and the text stays."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    given = {field: typed(form, field, LONGEST) for field in ("department", "why", "said", "months")}
    # Of YAML the space at the beginning counts.
    given["text"] = str(form.get("text", ""))[:LONGEST]
    try:
        if form.get("do") == "try":
            overlay, content = await _content(given, desk, seat)
            tried = await asyncio.to_thread(_try, given, content, desk)
            async with desk.db.transaction() as tx:
                return await _page(request, tx, given, changes=changes(overlay), tried=tried)
        async with desk.db.transaction() as tx:
            await propose(tx, given["department"], given["text"], given["why"][:500], author=seat.staff, now=desk.clock(), zone=desk.zone)
    except OverlayError as err:
        async with desk.db.transaction() as tx:
            return await _page(request, tx, given, wrong=err)
    return see_other(request, "/admin/triage", said="overlay_proposed")


async def agree(request: web.Request) -> web.StreamResponse:
    """Put a proposal in force; not one's own, and only in a team of one's own."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            row = await _mine(tx, request)
            await approve(tx, row, approver=seat.staff, now=desk.clock(), zone=desk.zone)
    except OverlayError as err:
        return see_other(request, "/admin/triage", wrong=err.code)
    return see_other(request, "/admin/triage", said="overlay_active")


async def drop(request: web.Request) -> web.StreamResponse:
    """Refuse a proposal, or take what is in force out of it."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            await end(tx, await _mine(tx, request), by=seat.staff, now=desk.clock())
    except OverlayError as err:
        return see_other(request, "/admin/triage", wrong=err.code)
    return see_other(request, "/admin/triage", said="overlay_ended")


def changes(overlay: Department) -> list[Change]:
    """What an overlay changes of the rules, for reading; bands and replies are read in its text."""
    house, found = default_content().redflags.categories, []
    for place, change in overlay.rules.items():
        category_id, _, rule_id = place.partition(".")
        category = house[category_id]
        before = next(rule for rule in category.rules if rule.id == rule_id)
        after = "" if change.disabled else change.level or before.level
        found.append(Change(category.name, place, before.level, after, change.reason or ""))
    found += [Change(house[new.category].name, f"{new.category}.{new.id}", "", new.level, new.source) for new in overlay.add]
    return found


async def _content(given: dict[str, str], desk: Desk, seat: Seat) -> tuple[Department, Content]:
    overlay = read_overlay(given["text"], given["department"], seat.staff.name, desk.clock(), desk.zone)
    return overlay, await content_with(overlay)


def _try(given: dict[str, str], content: Content, desk: Desk) -> Tried | None:
    said = given["said"].strip()[:500]
    if not said:
        return None
    months = number(given["months"])
    facts = PatientFacts(age_days=round(min(months, 216) * 30.44) if months is not None else None)
    before, after = (
        triage_text(said, context=None, patient=facts, now=desk.clock(), content=each).level for each in (default_content(), content)
    )
    return Tried(said, before, after)


async def _find(tx: AsyncSession, overlay_id: int, *, lock: bool = False) -> TriageOverlay:
    row = await tx.get(TriageOverlay, overlay_id, with_for_update=lock)
    if row is None:
        raise AccessRefused(f"triage overlay {overlay_id}")
    return row


async def _mine(tx: AsyncSession, request: web.Request) -> TriageOverlay:
    """The row of the address, if he may approve in its team. Raises AccessRefused and RightMissing."""
    row = await _find(tx, int(request.match_info["id"]), lock=True)
    team_id = await tx.scalar(select(Team.id).where(Team.name == row.department))
    request[SEAT].rights.check(APPROVE, team_id or 0)
    return row


async def _page(
    request: web.Request, tx: AsyncSession, given: dict[str, str], *, row: TriageOverlay | None = None, wrong: OverlayError | None = None,
    changes: list[Change] | None = None, tried: Tried | None = None,
) -> web.Response:  # fmt: skip
    words = area_words("admin")
    return render(
        request,
        "console/admin/overlay.html",
        status=422 if wrong is not None else 200,
        given={field: given.get(field, "") for field in ("department", "text", "why", "said", "months")},
        teams=list(await tx.scalars(select(Team.name).order_by(Team.name))),
        row=row,
        wrong=words["overlay_mistakes"][wrong.code] if wrong is not None else None,
        place=wrong.place.partition(":")[0] if wrong is not None else "",
        changes=changes,
        tried=tried,
        levels=words["levels"],
    )


ONE = "/admin/triage/{id:\\d{1,18}}"
ROUTES = (
    get("/admin/triage", show, WRITE),
    get("/admin/triage/new", write, WRITE),
    post("/admin/triage/new", save, WRITE),
    post(f"{ONE}/approve", agree, APPROVE),
    post(f"{ONE}/end", drop, APPROVE),
)
