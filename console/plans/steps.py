"""A template's steps as rows of a form, beside its YAML: what is changed in a row is changed in the text, the rest stays as it is."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import yaml

from console.form import number
from console.page import TEMPLATES
from console.plans.common import words

Body = dict[str, Any]
# The longest template that is shipped has 18.
MOST = 60


@dataclass(frozen=True)
class StepRow:
    """One step as typed. `mode` says how its days are given (words.yml `schedule_modes`), by `a` and `b`; `other` is left to the text."""

    title: str = ""
    kind: str = ""
    anchor: str = ""
    mode: str = "other"
    a: str = ""
    b: str = ""
    hours: str = ""
    text: str = ""


NAMES = tuple(each.name for each in fields(StepRow))


def rows_of(body: Any) -> list[StepRow]:
    """The rows of a template's text, however unfinished it is."""
    return [_row(step) for step in _steps(body)]


def patched(body: Body, rows: Sequence[StepRow]) -> Body:
    """The template with what was changed in the rows; rows are those of its steps in order."""
    made = deepcopy(body)
    for step, row in zip(_steps(made), rows, strict=False):
        before = _row(step)
        for name in ("title", "kind", "anchor"):
            if getattr(row, name) != getattr(before, name):
                step[name] = getattr(row, name)
        if row.mode != "other" and (row.mode, row.a, row.b) != (before.mode, before.a, before.b):
            step["schedule"] = [_phase(row) | {"src": _source(step)}]
        if row.hours != before.hours:
            _put(step, "hours", _numbers(row.hours))
        if row.text != before.text:
            questions = step.get("questions")
            if isinstance(questions, list) and questions and isinstance(questions[0], dict):
                questions[0]["ask"] = row.text
            else:
                _put(step, "text", row.text)
    return made


def changed(body: Body, do: str) -> Body:
    """The template after a click: `add:message`, `remove:2`, `up:2` or `down:2`."""
    made = deepcopy(body)
    what, _, which = do.partition(":")
    steps = made.setdefault("steps", [])
    if not isinstance(steps, list):
        return body
    if what == "add" and which in snippets() and len(steps) < MOST:
        anchors = made.get("anchors")
        ids = {step.get("id") for step in _steps(made)}
        id = next(name for n in range(1, MOST + 2) if (name := f"{which}_{n}") not in ids)
        anchor = anchors[0] if isinstance(anchors, list) and anchors else "enrolment"
        steps.append({"id": id, "kind": which, "anchor": anchor} | deepcopy(snippets()[which]))
    elif (at := number(which)) is not None and at < len(steps):
        if what == "remove":
            del steps[at]
        elif what in ("up", "down") and 0 <= (to := at + (1 if what == "down" else -1)) < len(steps):
            steps[at], steps[to] = steps[to], steps[at]
    return made


def written(body: Body) -> str:
    """A template's text."""
    text: str = yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=140)
    return text


@cache
def snippets() -> Mapping[str, Body]:
    """What a new step of each kind begins with."""
    found: dict[str, Body] = yaml.safe_load((TEMPLATES / "console" / "plans" / "snippets.yml").read_text("utf-8"))
    return found


def _steps(body: Any) -> list[Body]:
    steps = body.get("steps") if isinstance(body, dict) else None
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _row(step: Body) -> StepRow:
    questions, hours = step.get("questions"), step.get("hours")
    asked = questions[0].get("ask") if isinstance(questions, list) and questions and isinstance(questions[0], dict) else step.get("text")
    mode, a, b = _when(step.get("schedule"))
    return StepRow(
        title=_text(step.get("title")),
        kind=_text(step.get("kind", "vital")),
        anchor=_text(step.get("anchor")),
        mode=mode,
        a=a,
        b=b,
        hours="、".join(map(str, hours)) if isinstance(hours, list) else "",
        text=_text(asked),
    )


def _when(schedule: Any) -> tuple[str, str, str]:
    phase = schedule[0] if isinstance(schedule, list) and len(schedule) == 1 and isinstance(schedule[0], dict) else {}
    match {name: value for name, value in phase.items() if name != "src"}:
        case {"days": list(days), **rest} if not rest:
            return "days", "、".join(map(str, days)), ""
        case {"months": list(months), **rest} if not rest:
            return "months", "、".join(map(str, months)), ""
        case {"first": first, "last": last, **rest} if not rest:
            return "daily", str(first), str(last)
        case {"after": after, "every": [every], **rest} if not rest:
            return "every", str(after), str(every)
    return "other", "", ""


def _phase(row: StepRow) -> Body:
    a, b = _numbers(row.a), _numbers(row.b)
    match row.mode:
        case "months":
            return {"months": a}
        case "daily":
            return {"first": a[0] if a else 1, "last": b[0] if b else (a[0] if a else 1)}
        case "every":
            return {"after": a[0] if a else 1, "every": [b[0] if b else 7]}
    return {"days": a}


def _source(step: Body) -> str:
    schedule = step.get("schedule")
    phase = schedule[0] if isinstance(schedule, list) and schedule and isinstance(schedule[0], dict) else {}
    return _text(phase.get("src")) or str(words("kept")["src"])


def _put(step: Body, name: str, value: Any) -> None:
    if value:
        step[name] = value
    else:
        step.pop(name, None)


def _numbers(said: str) -> list[int]:
    return [int(each) for each in re.findall(r"-?\d{1,6}", said)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
