"""The dry run: every message that a plan would send, to a family made up, to a patient's family, or to everybody in a cohort."""

from dataclasses import replace

from aiohttp import web
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from console.cohorts.reach import number, patient_numbered, reach
from console.desk import DESK, SEAT
from console.page import ANYBODY, get, post, render, today
from console.plans.calendar import SPANS, span_of
from console.plans.common import ID, note_shown, page, say, teams_with, template_asked, without_trace, words
from plans.dry_run import Contact, Wanted, collisions
from plans.dry_run_people import NAMED, Summary, contacts_of_template, families_of
from plans.template import PlanTemplate
from plans.wording import words as plan_words
from records.patient import Patient, PatientCarer
from tagging.cohort.preview import Page
from tagging.cohort.saved import access_cohort, cohorts_for, members

# A request looks at so many; the others are as these are.
MOST, AT_ONCE = 300, 20


async def show(request: web.Request) -> web.StreamResponse:
    """What is looked at, and for how long."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
        cohorts = await cohorts_for(tx, seat.staff) if seat.rights.has("care.read") else []
    return page(request, "console/plans/dry_run.html", template, shelf, cohorts=cohorts,
        spans=SPANS,
    )  # fmt: skip


async def run(request: web.Request) -> web.StreamResponse:
    """The messages, day by day, or for a cohort the sums. Nothing is written but who was read."""
    desk, form = request.app[DESK], await request.post()
    days, whom = span_of(str(form.get("days", ""))), str(form.get("whom", "family"))
    async with desk.db.transaction() as tx:
        template, _ = await template_asked(tx, request, str(form.get("version", "")) or None)
        ids, known = await _people(tx, request, whom, str(form.get("record_number", ""))[:60], str(form.get("cohort", "")))
    reasons = plan_words("undeliverable")
    if whom == "family":
        async with desk.db.transaction() as tx:
            found = await contacts_of_template(tx, template, days, today=today(desk), zone=desk.zone)
        made_up = [("answers" if answers else "silent", each, collisions(each, desk.zone)) for answers, each in found.items()]
        return render(request, "console/plans/_contacts.html", families=made_up, reasons=reasons, summary=None, days=days)
    summary = Summary()
    families, named = await without_trace(desk.db, lambda tx: _families(tx, request, template, ids, days, summary, keep=whom == "patient"))
    if whom == "patient":
        await note_shown(request, named)
        return render(request, "console/plans/_contacts.html", families=families, reasons=reasons, summary=summary, days=days)
    busiest = max(summary.by_day.values(), default=0)
    return render(
        request, "console/plans/_summary.html", summary=summary, reasons=reasons, refusals=words("enrol")["refusals"], days=days,
        known=known,
        most=MOST, fullest=sorted(summary.fullest, reverse=True)[:NAMED], busiest=busiest,
    )  # fmt: skip


async def _people(tx: AsyncSession, request: web.Request, whom: str, record_number: str, cohort: str) -> tuple[list[int], int]:
    """Who is meant, each noted as read; and whether there are more than are looked at."""
    desk, seat = request.app[DESK], request[SEAT]
    if whom == "family":
        return [], 0
    scope = await reach(tx, request)
    if whom == "patient":
        return [(await patient_numbered(tx, request, record_number, why="plan")).id], 1
    kept = await access_cohort(tx, seat.staff, number(cohort))
    found = await members(tx, kept, scope, Page(seat.staff, desk.clock(), limit=MOST + 1))
    return [each.patient_id for each in found[:MOST]], len(found)


async def _families(
    tx: AsyncSession, request: web.Request, template: PlanTemplate, ids: list[int], days: int, summary: Summary, *, keep: bool
) -> tuple[list[tuple[str, list[Contact], object]], set[int]]:
    """The families (with `keep`, each as it is shown) and which children are named in them."""
    desk, seen, kept, named = request.app[DESK], set[int](), list[tuple[str, list[Contact], object]](), set[int]()
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        for family in await families_of(tx, some, template, days=days, now=desk.clock(), zone=desk.zone, seen=seen, summary=summary):
            summary.add(family, desk.zone)
            if keep:
                own = await _own_children(tx, request, ids, family.carer_id)
                named.update(own)
                kept.append((family.name, _titled(family.contacts, set(own.values())), collisions(family.contacts, desk.zone)))
    return kept, named


async def _own_children(tx: AsyncSession, request: web.Request, ids: list[int], carer_id: int | None) -> dict[int, str]:
    """Those children of a family whom the asker's teams follow, by id with their names."""
    theirs = select(PatientCarer.patient_id).where(PatientCarer.carer_id == carer_id)
    chosen = select(Patient.id, Patient.name).where(
        or_(Patient.id.in_(ids), Patient.id.in_(theirs)), Patient.team_id.in_(teams_with(request, "care.read"))
    )
    return dict((await tx.execute(chosen)).all())


def _titled(contacts: list[Contact], own: set[str]) -> list[Contact]:
    """With the child named in each title, as a family may have several; of another team's child only that there is something."""

    def shown(item: Wanted) -> Wanted:
        if item.child not in own:
            return replace(item, title=say("dry.sibling"), text="")
        return replace(item, title=f"{item.child}·{item.title}")

    return [replace(each, items=tuple(shown(item) for item in each.items)) for each in contacts]


ROUTES = (
    get(f"/plans/{ID}/dry-run", show, ANYBODY),
    post(f"/plans/{ID}/dry-run", run, ANYBODY),
)
