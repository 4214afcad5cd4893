"""Changing a plan for one patient: single follow-ups, hours, words; a pause, its end, the end of all."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import number, words
from console.page import Handler, see_other
from console.patients.head import mistake, open_patient
from console.patients.plans import plan_page
from console.words import area_words
from plans.changing import Changer, ChangeRefused
from plans.enrolment import end_plan
from plans.hold import pause_plan, resume_plan
from plans.template import TemplateError
from records.care_plan import CarePlan, CarePlanChange
from records.patient import AccessRefused
from records.state import MoveRefused

LONGEST_REASON = 200


class Mistake(Exception):
    """What was asked for cannot be; the text is a key of words.yml `mistakes`."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Done = tuple[str, str | None]
Edit = Callable[[AsyncSession, web.Request, CarePlan, Any], Awaitable[Done]]


def edit(do: Edit) -> Handler:
    """The handler that does it to the plan of the address, the patient locked; a refusal is said on the page, and nothing is changed."""

    async def handler(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        try:
            async with request.app[DESK].db.transaction() as tx:
                plan = await _plan(tx, request)
                said, undo = await do(tx, request, plan, form)
        except ChangeRefused as err:
            return await plan_page(request, str(err), form)
        except Mistake as err:
            return await plan_page(request, mistake(err.code), form)
        except (MoveRefused, TemplateError) as err:
            return await plan_page(request, mistake("plan_moved" if isinstance(err, MoveRefused) else "plan_gone"))
        return see_other(request, f"/patients/{plan.patient_id}/plan", said=said, undo=undo)

    return handler


@edit
async def change(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Done:
    """Skip or move a follow-up, add one, other hours for a step, other words."""
    changer = _changer(tx, request, plan, form)
    kind, step = words(form, "kind"), words(form, "step")
    match kind:
        case "skip":
            row, _ = await changer.skip(step, _day(form, "day"), _number(form, "slot"))
        case "move":
            row, _ = await changer.move(
                step, _day(form, "day"), _day(form, "to"), slot=_number(form, "slot") or 0, hour=_number(form, "hour")
            )
        case "add" if step:
            row, _ = await changer.add_task(step, _day(form, "day"), hour=_number(form, "hour"))
        case "add":
            text = words(form, "text")
            body = {"kind": "message", "title": words(form, "title") or area_words("patients")["message"], "text": text}
            if not text:
                raise Mistake("text")
            row, _ = await changer.add_step(body, _day(form, "day"), hour=_number(form, "hour"))
        case "hours":
            row, _ = await changer.change_hours(step, _hours(form))
        case "text":
            # Of a step that asks the sentence is a question: `step/question`.
            step, _, asked = step.partition("/")
            said = {"question": asked, "ask": words(form, "text")} if asked else {"text": words(form, "text")}
            row, _ = await changer.change_text(step, title=words(form, "title") or None, **said)
        case _:
            raise Mistake("kind")
    return "plan_changed", f"/patients/{plan.patient_id}/plans/{plan.id}/changes/{row.id}/undo"


@edit
async def undo(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Done:
    """Take a change back."""
    chosen = (CarePlanChange.id == int(request.match_info["change"]), CarePlanChange.care_plan_id == plan.id)
    row = await tx.scalar(select(CarePlanChange).where(*chosen).with_for_update())
    if row is None:
        raise AccessRefused(f"plan change {request.match_info['change']}")
    await _changer(tx, request, plan, form).undo(row)
    return "plan_undone", None


@edit
async def pause(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Done:
    """Stop for a while, to a day or until somebody says so."""
    desk = request.app[DESK]
    until = _day(form, "until") if form.get("until") else None
    if until is not None and until <= desk.clock().astimezone(desk.zone).date():
        raise Mistake("until")
    await pause_plan(tx, plan, why="clinician", by=request[SEAT].staff.userid, now=desk.clock(), until=until)
    return "plan_paused", f"/patients/{plan.patient_id}/plans/{plan.id}/resume"


@edit
async def resume(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Done:
    """Go on."""
    desk = request.app[DESK]
    await resume_plan(tx, plan, by=request[SEAT].staff.userid, now=desk.clock(), zone=desk.zone)
    return "plan_resumed", None


@edit
async def end(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Done:
    """End the plan, with the reason."""
    reason = words(form, "reason", LONGEST_REASON)
    if not reason:
        raise Mistake("why")
    await end_plan(tx, plan, state="ended", by=request[SEAT].staff.userid, reason=reason, now=request.app[DESK].clock())
    return "plan_ended", None


async def _plan(tx: AsyncSession, request: web.Request) -> CarePlan:
    head = await open_patient(tx, request, lock=True)
    request[SEAT].rights.check("plan.enrol", head.patient.team_id)
    chosen = (CarePlan.id == int(request.match_info["number"]), CarePlan.patient_id == head.patient.id)
    plan: CarePlan | None = await tx.scalar(select(CarePlan).where(*chosen).with_for_update())
    if plan is None:
        raise AccessRefused(f"plan {request.match_info['number']}")
    return plan


def _changer(tx: AsyncSession, request: web.Request, plan: CarePlan, form: Any) -> Changer:
    desk, reason = request.app[DESK], words(form, "reason", LONGEST_REASON) or None
    return Changer(tx, plan, by=request[SEAT].staff.userid, now=desk.clock(), zone=desk.zone, reason=reason)


def _day(form: Any, name: str) -> date:
    try:
        return date.fromisoformat(words(form, name))
    except ValueError as err:
        raise Mistake("day") from err


def _number(form: Any, name: str) -> int | None:
    said = words(form, name)
    if not said:
        return None
    given = number(said)
    if given is None or len(said) > 6:
        raise Mistake("number")
    return given


def _hours(form: Any) -> list[int]:
    said = words(form, "hours").replace("，", ",").replace("、", ",").replace("点", "").replace(" ", ",")
    parts = [part for part in said.split(",") if part]
    if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in parts):
        raise Mistake("number")
    return sorted({int(part) for part in parts})
