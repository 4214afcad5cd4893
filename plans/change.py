"""What a clinician or a rule changed for one patient, applied to the template and to its days. Pure.

Kinds of CarePlanChange, and what their `detail` holds:
- `skip`: one follow-up (`day`, `slot`; None for all of that day), or without a day the whole step from `from` on;
- `move`: one follow-up, to `day` and `hour`;
- `add`: one more follow-up of a step on `day` at `hour`; with `body` it is a step of its own, of that one day;
- `hours`: the clock `hours` of a step from `from` on (step `*`: of all that name none);
- `text`: `title`, `text`, or the wording `ask` of the `question`;
- `frequency`: every so many days (`every`) `from` a day `until` another, instead of the template's days.
Rules, ranges, questions and what they mean are the template's alone: no kind reaches them.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from plans.clock import at_hour
from plans.schedule import Due, useful_until
from plans.template import PlanTemplate, Step

EVERY_STEP = "*"
# Follow-ups that were added or moved to a day have numbers of their own there, so that they never meet the template's.
OWN_SLOTS = 1000


class Change(Protocol):
    """What is read of a records.care_plan.CarePlanChange."""

    id: Any
    kind: Any
    step: Any
    day: Any
    slot: Any
    detail: Any


def personal(template: PlanTemplate, changes: Sequence[Change]) -> PlanTemplate:
    """The template as this patient has it: with the steps and wordings that were changed for him."""
    steps = {step.id: step for step in template.steps}
    for change in changes:
        if change.kind == "add" and "body" in change.detail:
            steps[change.step] = Step.model_validate(change.detail["body"] | {"id": change.step})
        elif change.kind == "text" and change.step in steps:
            steps[change.step] = _reworded(steps[change.step], change.detail)
    return template.model_copy(update={"steps": tuple(steps.values())})


def _reworded(step: Step, detail: dict[str, Any]) -> Step:
    if "question" not in detail:
        return step.model_copy(update={name: detail[name] for name in ("title", "text") if name in detail})
    asked = (
        each.model_copy(update={"ask": detail["ask"], "context": detail["ask"]}) if each.id == detail["question"] else each
        for each in step.questions
    )
    return step.model_copy(update={"questions": tuple(asked)})


def adjusted(
    dues: Sequence[Due], template: PlanTemplate, changes: Sequence[Change], *, hour: int, zone: ZoneInfo, start: date, end: date
) -> list[Due]:
    """The follow-ups from `start` to `end` after the changes, in order of time. `template` is the patient's own, `dues` are its days of
    that span, `hour` is the family's. A change of a step that there is no longer does nothing."""
    steps = {step.id: step for step in template.steps}
    # A step of the patient's own has the days that were said with it, and no schedule.
    own = {change.step for change in changes if change.kind == "add" and "body" in change.detail}
    found = [due for due in dues if due.step not in own]
    for change in sorted(changes, key=lambda each: int(each.id)):
        if change.step not in steps and change.step != EVERY_STEP:
            continue
        match change.kind:
            case "skip":
                found = [due for due in found if not _meant(due, change)]
            case "move":
                found = [due for due in found if not _meant(due, change)] + [_own(change, steps[change.step], hour, zone)]
            case "add":
                found.append(_own(change, steps[change.step], hour, zone))
            case "hours":
                found = _at_hours(found, change, steps, zone)
            case "frequency":
                found = _as_often(found, change, steps[change.step], hour, zone, start, end)
    kept = [due for due in found if start <= due.day <= end]
    return sorted(kept, key=lambda due: (due.due_at, due.step, due.slot))


def _day(change: Change, name: str) -> date:
    return date.fromisoformat(change.detail[name])


def _meant(due: Due, change: Change) -> bool:
    if due.step != change.step:
        return False
    if change.day is None:
        return due.day >= _day(change, "from")
    return due.day == change.day and change.slot in (None, due.slot)


def _due(step: Step, day: date, clock: int, zone: ZoneInfo, slot: int) -> Due:
    due_at = at_hour(day, clock, zone)
    return Due(step.id, day, due_at, useful_until(step, due_at, day, zone), slot)


def _own(change: Change, step: Step, hour: int, zone: ZoneInfo) -> Due:
    return _due(step, _day(change, "day"), change.detail.get("hour", hour), zone, OWN_SLOTS + int(change.id))


def _at_hours(dues: list[Due], change: Change, steps: dict[str, Step], zone: ZoneInfo) -> list[Due]:
    """Those of the step from the day on, at other hours; one that was moved or added keeps its own."""

    def is_meant(due: Due) -> bool:
        of_step = due.step == change.step or (change.step == EVERY_STEP and not steps[due.step].hours)
        return of_step and due.slot < OWN_SLOTS and due.day >= _day(change, "from")

    days = {(due.step, due.day) for due in dues if is_meant(due)}
    again = [_due(steps[step], day, clock, zone, slot) for step, day in days for slot, clock in enumerate(change.detail["hours"])]
    return [due for due in dues if not is_meant(due)] + again


def _as_often(dues: list[Due], change: Change, step: Step, hour: int, zone: ZoneInfo, start: date, end: date) -> list[Due]:
    first, last, every = _day(change, "from"), _day(change, "until"), int(change.detail["every"])
    others = [due for due in dues if due.step != step.id or due.slot >= OWN_SLOTS or not first <= due.day <= last]
    skipped = max(0, -((first - start).days // every))
    days = range(skipped * every, (min(last, end) - first).days + 1, every)
    clocks = step.hours or (hour,)
    return others + [_due(step, first + timedelta(days=n), clock, zone, slot) for n in days for slot, clock in enumerate(clocks)]
