"""All templates, and one of them: what it does when, its versions, its change log, and the template as a file."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from console.counted import counted
from console.desk import DESK, SEAT
from console.page import ANYBODY, get, post, render, see_other
from console.plans.common import ID, OUT, Shelf, page, say, shelves, teams_with, template_asked, words
from console.plans.told import Changed, asks, days_text, hours_text, kind_text
from plans.progress import running
from plans.publishing import DefinitionRefused, draft_or_version, publish, references, retire
from plans.template import PlanTemplate, anchor_title
from plans.template.fhir import to_fhir
from plans.template.written import to_yaml
from records.auto_enrolment import AutoEnrolment
from records.care_plan import CarePlan
from records.cohort import Cohort
from records.cohort_enrolment import CohortEnrolment
from records.patient import Patient
from records.plan_definition import PlanDefinition
from records.staff import Staff, names_of
from records.state import StateChange

# As many entries of the log as anybody reads.
LOGGED = 100


@dataclass(frozen=True)
class OnShelf:
    """One template of the list."""

    id: str
    plan: PlanTemplate
    shelf: Shelf
    state: str


async def show_all(request: web.Request) -> web.StreamResponse:
    """Every template in its newest version, and the drafts that wait for approval."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        found = await shelves(tx)
        rows = []
        for id, shelf in found.items():
            template = await draft_or_version(tx, id, shelf.shown)
            if template is not None:
                rows.append(OnShelf(id, template, shelf, shelf.versions[shelf.shown].state))
        drafts = [each for shelf in found.values() for each in shelf.drafts]
        names = await names_of(tx, (each.author for each in drafts))
    teams = teams_with(request, "care.read")
    people = await counted(request, ("plans", teams), lambda tx: running(tx, teams))
    rows.sort(key=lambda row: (row.state == "retired", row.plan.department, row.plan.title))
    return render(
        request, "console/plans/list.html", rows=rows, people=people, drafts=drafts, names=names, states=words("states"),
        can_write=seat.rights.has("plan.write"), can_approve=seat.rights.has("plan.approve"),
    )  # fmt: skip


async def show(request: web.Request) -> web.StreamResponse:
    """One version: for whom, from which dates, and its steps; of a draft also what differs, and who may publish it."""
    async with request.app[DESK].db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
        return render(request, "console/plans/show.html", **await _shown(tx, request, template, shelf), refused=None)


async def _shown(tx: AsyncSession, request: web.Request, template: PlanTemplate, shelf: Shelf) -> dict[str, Any]:
    desk, seat, here = request.app[DESK], request[SEAT], shelf.versions[template.version]
    before = max((number for number, each in shelf.versions.items() if each.state in OUT and number != here.version), default=None)
    old = await draft_or_version(tx, template.id, before) if here.state == "draft" and before is not None else None
    return {
        "plan": template,
        "shelf": shelf,
        "here": here,
        "states": words("states"),
        "anchor_title": anchor_title,
        "days_text": days_text,
        "hours_text": hours_text,
        "kind_text": kind_text,
        "asks": asks,
        "changed": Changed(old, template) if old is not None else None,
        "old": before,
        "names": await names_of(tx, (here.author, here.reviewer)),
        "wrong": await references(tx, template, now=desk.clock(), zone=desk.zone) if here.state == "draft" else [],
        "can_write": seat.rights.has("plan.write"),
        "can_approve": seat.rights.has("plan.approve"),
        "can_enrol": seat.rights.has("plan.enrol"),
        "own": here.author == seat.staff.userid,
    }


async def do_publish(request: web.Request) -> web.StreamResponse:
    """Let patients be enrolled on a draft that somebody else wrote."""
    return await _move(request, "plan_published")


async def do_retire(request: web.Request) -> web.StreamResponse:
    """Enrol nobody new on a version."""
    return await _move(request, "plan_retired")


async def _move(request: web.Request, said: str) -> web.StreamResponse:
    desk, seat = request.app[DESK], request[SEAT]
    version = request.match_info["version"]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request, version)
        try:
            async with tx.begin_nested():
                if said == "plan_published":
                    await publish(tx, template.id, template.version, by=seat.staff.userid, now=desk.clock(), zone=desk.zone)
                else:
                    await retire(tx, template.id, template.version, by=seat.staff.userid, now=desk.clock())
        except DefinitionRefused as err:
            shown = await _shown(tx, request, template, shelf)
            return render(request, "console/plans/show.html", status=422, **shown, refused=str(err))
    return see_other(request, f"/plans/{template.id}", said=said, version=str(template.version))


async def diff(request: web.Request) -> web.StreamResponse:
    """What differs between two versions, field by field."""
    async with request.app[DESK].db.transaction() as tx:
        old, shelf = await template_asked(tx, request, request.query.get("old", "0"))
        new, _ = await template_asked(tx, request, request.query.get("new", "0"))
    return page(request, "console/plans/diff.html", new, shelf, old=old.version, changed=Changed(old, new))


async def export(request: web.Request) -> web.StreamResponse:
    """The version as YAML or as a FHIR PlanDefinition, to be imported here or elsewhere."""
    async with request.app[DESK].db.transaction() as tx:
        template, shelf = await template_asked(tx, request, request.match_info["version"])
    if request.match_info["format"] == "json":
        status = {"shipped": "active"}.get(shelf.versions[template.version].state, shelf.versions[template.version].state)
        text, kind, ending = json.dumps(to_fhir(template, status=status), ensure_ascii=False, indent=1), "application/fhir+json", "json"
    else:
        text, kind, ending = to_yaml(template), "application/yaml", "yml"
    headers = {"Content-Disposition": f'attachment; filename="{template.id}-{template.version}.{ending}"'}
    return web.Response(text=text, content_type=kind, headers=headers)


@dataclass(frozen=True)
class Logged:
    """One thing that was done with a template."""

    at: datetime
    by: str
    text: str


async def log(request: web.Request) -> web.StreamResponse:
    """Who wrote, published and retired versions, who put cohorts on the plan, and who moved people; of patients only one's own teams'."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
        teams = teams_with(request, "care.read")
        found = await _of_definitions(tx, template.id)
        found += await _of_cohorts(tx, template.id, teams)
        found += await _of_moves(tx, template.id, teams)
        writers = (userid for each in shelf.versions.values() for userid in (each.author, each.reviewer))
        names = await names_of(tx, (*(each.by for each in found), *writers))
    found.sort(key=lambda each: each.at, reverse=True)
    return page(request, "console/plans/log.html", template, shelf, found=found[:LOGGED],
        names=names, states=words("states"),
    )  # fmt: skip


async def _of_definitions(tx: AsyncSession, id: str) -> list[Logged]:
    rows = await tx.execute(
        select(StateChange.at, StateChange.by, StateChange.new, PlanDefinition.version)
        .join(PlanDefinition, PlanDefinition.id == StateChange.entity_id)
        .where(StateChange.entity == "plan_definition", PlanDefinition.template == id)
    )
    return [Logged(at, by, say("log.definition", version=version, what=say(f"log.{new}"))) for at, by, new, version in rows]


async def _of_cohorts(tx: AsyncSession, id: str, teams: list[int]) -> list[Logged]:
    rules = await tx.execute(
        select(StateChange.at, StateChange.by, StateChange.new, StateChange.reason, Cohort.name)
        .join(AutoEnrolment, AutoEnrolment.id == StateChange.entity_id)
        .join(Cohort, Cohort.id == AutoEnrolment.cohort_id)
        .where(StateChange.entity == "auto_enrolment", AutoEnrolment.template == id, Cohort.team_id.in_(teams))
    )
    left = words("on_left")
    found = [
        Logged(at, by, say(f"log.auto_{new}", cohort=cohort, left=left.get(reason or "", ""))) for at, by, new, reason, cohort in rules
    ]
    orders = await tx.execute(
        select(CohortEnrolment, Staff.userid, Cohort.name)
        .join(Staff, Staff.id == CohortEnrolment.staff_id)
        .outerjoin(Cohort, Cohort.id == CohortEnrolment.cohort_id)
        .where(CohortEnrolment.template == id, CohortEnrolment.team_ids.overlap(teams))
    )
    for order, by, cohort in orders:
        what = f"“{cohort}”" if cohort else ""
        text = say("log.order", what=what, enrolled=order.enrolled, refused=sum(order.refused.values()))
        found.append(Logged(order.at, by, text))
    return found


async def _of_moves(tx: AsyncSession, id: str, teams: list[int]) -> list[Logged]:
    old, new = (StateChange.detail["version"][name].astext for name in ("from", "to"))
    rows = await tx.execute(
        select(StateChange.at, StateChange.by, old, new, func.count())
        .join(CarePlan, CarePlan.id == StateChange.entity_id)
        .join(Patient, Patient.id == CarePlan.patient_id)
        .where(StateChange.entity == "care_plan", StateChange.reason == "version", CarePlan.template == id, Patient.team_id.in_(teams))
        .group_by(StateChange.at, StateChange.by, old, new)
    )
    return [Logged(at, by, say("log.moved", people=people, old=before, new=after)) for at, by, before, after, people in rows]


ROUTES = (
    get("/plans", show_all, ANYBODY),
    get(f"/plans/{ID}", show, ANYBODY),
    get(f"/plans/{ID}/diff", diff, ANYBODY),
    get(f"/plans/{ID}/log", log, ANYBODY),
    get(f"/plans/{ID}/export/{{version:\\d+}}.{{format:yml|json}}", export, ANYBODY),
    post(f"/plans/{ID}/publish/{{version:\\d+}}", do_publish, "plan.approve"),
    post(f"/plans/{ID}/retire/{{version:\\d+}}", do_retire, "plan.approve"),
)
