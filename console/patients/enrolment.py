"""Putting a patient on a plan: first what the family would get, then the deed."""

from dataclasses import dataclass, field
from datetime import date

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.page import see_other
from console.patients.head import Head, mistake, open_patient, patient_page
from plans.anchor import known_anchors
from plans.condition import meant_for
from plans.definition import newest_templates
from plans.dry_run import Contact
from plans.dry_run_people import Summary, families_of
from plans.enrolment import EnrolmentError, check_can_enrol, enrol
from plans.template import PlanTemplate, anchor_kinds
from plans.template.anchor import anchor_title
from plans.wording import words

PREVIEW_DAYS = 28
Anchors = dict[str, date | list[date]]


@dataclass
class Preview:
    """What enrolling would do. `dates` are the plan's dates as the page asks for them: name, title, value, whether it is needed."""

    template: PlanTemplate
    dates: list[tuple[str, str, str, bool]] = field(default_factory=list)
    anchors: Anchors = field(default_factory=dict)
    hour: int | None = None
    mistake: str | None = None
    meant: bool | None = True
    contacts: list[Contact] = field(default_factory=list)
    held_by_conditions: int = 0


async def show(request: web.Request) -> web.StreamResponse:
    """Choosing a plan, and with `plan` in the address what it would send."""
    async with request.app[DESK].db.transaction() as tx:
        head = await open_patient(tx, request)
        request[SEAT].rights.check("plan.enrol", head.patient.team_id)
        known = await newest_templates(tx)
        template = known.get(request.query.get("plan", ""))
        preview = await _preview(tx, request, head, template, dict(request.query)) if template is not None else None
    return patient_page(
        request, head, "plan", template="enrol", templates=known, preview=preview, days=PREVIEW_DAYS, whys=words("undeliverable")
    )


async def do(request: web.Request) -> web.StreamResponse:
    """Enrol. What cannot be is said on the page of the preview."""
    desk, seat = request.app[DESK], request[SEAT]
    said = {name: str(value) for name, value in (await request.post()).items()}
    try:
        async with desk.db.transaction() as tx:
            head = await open_patient(tx, request, lock=True)
            seat.rights.check("plan.enrol", head.patient.team_id)
            known = await newest_templates(tx)
            if said.get("plan", "") not in known:
                raise web.HTTPBadRequest
            template = known[said["plan"]]
            anchors, hour = await _anchors(tx, request, head, template, said), _hour(said)
            await enrol(tx, head.patient, template, anchors=anchors, hour=hour, by=seat.staff.userid, now=desk.clock(), zone=desk.zone)
    except (EnrolmentError, ValueError) as err:
        async with desk.db.transaction() as tx:
            head = await open_patient(tx, request)
            known = await newest_templates(tx)
            preview = await _preview(tx, request, head, known[said["plan"]], said)
            preview.mistake = str(err) if isinstance(err, EnrolmentError) else mistake("day")
        return patient_page(
            request,
            head,
            "plan",
            template="enrol",
            status=422,
            templates=known,
            preview=preview,
            days=PREVIEW_DAYS,
            whys=words("undeliverable"),
        )
    return see_other(request, f"/patients/{head.patient.id}/plan", said="plan_enrolled")


async def _preview(tx: AsyncSession, request: web.Request, head: Head, template: PlanTemplate, said: dict[str, str]) -> Preview:
    desk = request.app[DESK]
    now, zone, patient = desk.clock(), desk.zone, head.patient
    found = Preview(template, meant=(await meant_for(tx, template, [patient.id], now, zone))[patient.id])
    try:
        found.anchors, found.hour = await _anchors(tx, request, head, template, said), _hour(said)
        check_can_enrol(patient, template, anchors=found.anchors, hour=found.hour, now=now, zone=zone)
        summary = Summary()
        families = await families_of(
            tx, [patient.id], template, days=PREVIEW_DAYS, now=now, zone=zone, seen=set(), summary=summary, given=found.anchors
        )
        found.contacts = [contact for family in families for contact in family.contacts]
        found.held_by_conditions = summary.conditions
    except EnrolmentError as err:
        found.mistake = str(err)
    except ValueError:
        found.mistake = mistake("day")
    for name in (*template.anchors, *template.later):
        known = found.anchors.get(name)
        value = said.get(name, "") or ("、".join(map(str, known)) if isinstance(known, list) else str(known or ""))
        found.dates.append((name, anchor_title(name), value, name in template.anchors))
    return found


async def _anchors(tx: AsyncSession, request: web.Request, head: Head, template: PlanTemplate, said: dict[str, str]) -> Anchors:
    """What the record knows, and what was said instead. Raises ValueError for what is no date."""
    desk, names = request.app[DESK], (*template.anchors, *template.later)
    known = (await known_anchors(tx, [head.patient], names, now=desk.clock(), zone=desk.zone)).get(head.patient.id, {})
    for name in names:
        days = [date.fromisoformat(day) for day in said.get(name, "").replace("，", "、").replace(",", "、").split("、") if day.strip()]
        if days:
            known[name] = days if anchor_kinds()[name].several else days[0]
    return known


def _hour(said: dict[str, str]) -> int | None:
    hour = said.get("hour", "")
    return int(hour) if hour.isascii() and hour.isdigit() and len(hour) <= 2 else None
