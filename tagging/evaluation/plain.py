"""Measurement lines in the plain form that an author writes by hand, as the full form that the evaluation compares.

A plain line is `{"text", "patient"?: {"age_days"}, "question"?: vital, "expect": …}`: `expect` is a list of `{"vital", "value", "unit",
"approximate"?}` (empty: nothing may be found) or the word `"ask"` (a question must come back, and no value). `question` is the vital that
was asked for just before. `vital` and `unit` are those of vitals.yml, or any unit listed there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tagging.content import Content
from tagging.errors import InputError
from tagging.measurement import Measurement
from tagging.vitals import convert, get_vital

# Rounded by hand: half a unit of large numbers, half a tenth of small ones, and never more than half a per cent.
SHARE, LARGE, LARGE_STEP, SMALL_STEP = 0.005, 50.0, 0.5, 0.05
# Urine is told in wet nappies, which are a vital of their own here.
_SAME = {("urine_output", "wet_diapers"): "wet_diapers", ("urine_output", None): "wet_diapers"}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Value(_Line):
    vital: str
    value: float
    unit: str | None = None
    approximate: bool | None = None


class _Plain(_Line):
    id: str | int | None = None
    text: str
    patient: dict[str, Any] | None = None
    question: str | None = None
    now: str | None = None
    expect: list[_Value] | Literal["ask"]


def is_plain(row: Mapping[str, Any]) -> bool:
    """Whether a line is in the plain form: what it expects is no table."""
    return not isinstance(row.get("expect"), Mapping)


def full_form(row: Mapping[str, Any], number: int, content: Content) -> dict[str, Any]:
    """The plain line `number` in the full form. Raises InputError (`bad_line`, `unknown_vital`, `unknown_unit`) naming line and place."""
    try:
        line = _Plain.model_validate(dict(row))
        wanted = [_wanted(value, content) for value in line.expect] if line.expect != "ask" else []
        context = f"{get_vital(content, _SAME.get((line.question, None), line.question)).name}是多少？" if line.question else None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "literal['ask']")
        text = 'a list of {vital, value, unit, approximate?}, or "ask"' if place.startswith("expect.list") else first["msg"]
        raise InputError("bad_line", f"line {number}: {place.split('.')[0]}: {text}") from error
    except InputError as error:
        raise InputError(error.code, f"line {number}: {error}") from error
    expect = {"measurements": wanted, "question": line.expect == "ask"}
    return {"id": line.id or number, "text": line.text, "context": context, "patient": line.patient, "now": line.now, "expect": expect}


def _wanted(value: _Value, content: Content) -> dict[str, Any]:
    vital = _SAME.get((value.vital, value.unit))
    wanted: dict[str, Any] = {
        "vital": vital or value.vital,
        "value": convert(content, value.vital, value.value, value.unit) if vital is None else value.value,
        "unit": get_vital(content, vital or value.vital).unit,
        "rounded": True,
    }
    return wanted if value.approximate is None else wanted | {"about": value.approximate}


def as_found(wanted: Mapping[str, Any], found: Iterable[Measurement]) -> Mapping[str, Any]:
    """`wanted` with the value that was found where the two differ by no more than rounding."""
    if not wanted.get("rounded"):
        return wanted
    value = float(wanted["value"])
    step = min(SHARE * value, LARGE_STEP if value >= LARGE else SMALL_STEP) + 1e-6
    same = (m.value for m in found if m.vital == wanted["vital"] and abs(m.value - value) <= step)
    return {**wanted, "value": min(same, key=lambda near: abs(near - value), default=value)}
