"""Steps and days of a template in Chinese."""

from collections.abc import Iterable
from typing import Any

import yaml

from console.plans.common import say, words
from plans.template import Phase, PlanTemplate, Step, anchor_title
from plans.template.diff import difference
from plans.template.written import body_of


def days_text(step: Step) -> str:
    """When a step is done: “出院日期后第1、3、5天”."""
    return "；".join(_phase(phase, anchor_title(step.anchor)) for phase in step.schedule)


def hours_text(step: Step) -> str:
    """At which hours; the family's own where none is named."""
    return "、".join(f"{hour}:00" for hour in step.hours) or say("when.family_hour")


def kind_text(kind: str) -> str:
    """What people call a kind of step."""
    return str(words("kinds").get(kind, kind))


def asks(step: Step) -> list[str]:
    """What the family reads of a step."""
    return [question.ask for question in step.questions] or [each for each in (step.text,) if each]


def _phase(phase: Phase, anchor: str) -> str:
    weekdays = "、".join(str(words("weekdays")[day]) for day in phase.weekdays)
    until = ""
    if phase.until is not None:
        months = say("when.months_long", months=phase.until.months) if phase.until.months else ""
        days = say("when.days_long", days=phase.until.day) if phase.until.day else ""
        until = say("when.until", anchor=anchor_title(phase.until.anchor), long=months + days or say("when.same_day"))
    match phase.kind:
        case "days":
            return say("when.days", anchor=anchor, days=_numbers(phase.days))
        case "months":
            shift = say("when.shift", days=_numbers(phase.shift)) if phase.shift and phase.shift != (0,) else ""
            return say("when.months", anchor=anchor, months=_listed(phase.months)) + shift
        case "daily":
            text = say(
                "when.weekly_span" if weekdays else "when.daily", anchor=anchor, first=phase.first, last=phase.last, weekdays=weekdays
            )
        case "every" if len(phase.every) == 1:
            text = say("when.every", anchor=anchor, after=phase.after, every=phase.every[0])
        case "every":
            text = say("when.every_turn", anchor=anchor, after=phase.after, every=_listed(phase.every))
        case "cycle" if phase.cycle is not None:
            text = say("when.cycle", anchor=anchor, length=phase.cycle.length, first=phase.cycle.first, last=phase.cycle.last)
        case _:
            text = say("when.weekly", anchor=anchor, after=phase.after, weekdays=weekdays)
    return text + until


def _numbers(days: Iterable[int]) -> str:
    before = [-day for day in days if day < 0]
    after = [day for day in days if day >= 0]
    said = [say("when.before", days=_listed(before))] if before else []
    said += [say("when.after", days=_listed(after))] if after else []
    return "，".join(said)


def _listed(numbers: Iterable[int]) -> str:
    return "、".join(map(str, numbers))


class Changed:
    """What differs between two versions: titles of steps, and for each field what stood there and what stands there now."""

    def __init__(self, old: PlanTemplate, new: PlanTemplate) -> None:
        found = difference(old, new)
        titles = old.titles | new.titles
        before, after = ({step["id"]: step for step in body_of(each)["steps"]} for each in (old, new))
        self.same = found.same
        self.added = [(titles[id], _written(after[id])) for id in found.added]
        self.removed = [(titles[id], _written(before[id])) for id in found.removed]
        self.changed = [
            (titles[id], [(_field(name), _written(before[id].get(name)), _written(after[id].get(name))) for name in fields])
            for id, fields in found.changed.items()
        ]
        heads = [body_of(each) for each in (old, new)]
        self.head = [(_field(name), _written(heads[0].get(name)), _written(heads[1].get(name))) for name in found.head]


def _field(name: str) -> str:
    return str(words("fields").get(name, name))


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100)
    return text.rstrip()
