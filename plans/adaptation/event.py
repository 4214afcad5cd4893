"""One thing that happened to a patient, as the rules see it; and what of it is a number."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from tagging.cohort.measure import Measure, lab_measure, measure_of
from tagging.cohort.query import Span, ValueTerm
from tagging.cohort.words import fold

# Kinds of results that a hospital sends: a few hundred items, each in a unit or two.
_known = lru_cache(maxsize=5000)(lab_measure)


@dataclass(frozen=True)
class Event:
    """A row of `patient_event`; see there."""

    id: int
    patient_id: int
    kind: str
    at: datetime
    recorded_at: datetime
    ref_kind: str | None
    ref_id: int | None
    fact: dict[str, Any]
    cause_id: int | None = None
    depth: int = 0

    def kept(self) -> dict[str, Any]:
        """What a firing keeps of it."""
        times = {"at": self.at.isoformat(), "recorded_at": self.recorded_at.isoformat()}
        return {"kind": self.kind, **times, "ref_kind": self.ref_kind, "ref_id": self.ref_id, "fact": self.fact}


@dataclass(frozen=True)
class Number:
    """A measured value under the code and in the unit in which cohorts keep it."""

    code: str
    value: float
    unit: str | None
    at: datetime
    known_at: datetime
    ref_kind: str
    ref_id: int


def number_of(event: Event) -> Number | None:
    """The number of a reading or a result; None where there is none, or none that can be compared."""
    fact, ref = event.fact, (event.ref_kind or "", event.ref_id or 0)
    if event.kind == "reading":
        return Number(fact["code"], float(fact["value"]), fact.get("unit"), event.at, event.recorded_at, *ref)
    if event.kind == "lab" and fact.get("value") is not None:
        return lab_number(
            fact["item"], fact.get("loinc"), fact.get("report"), float(fact["value"]), fact.get("unit"), event.at, event.recorded_at, ref[1]
        )
    return None


def lab_number(
    item: str, loinc: str | None, report: str | None, value: float, unit: str | None, at: datetime, known_at: datetime, id: int
) -> Number | None:
    """A laboratory result as a number; None for a unit that does not measure its item, and for a known item without one."""
    measure: Measure = _known(item, code=loinc, unit=unit, report=report)
    kept = value if measure.unit is None else None if unit is None else measure.kept(value, unit)
    return None if kept is None else Number(measure.code, kept, measure.unit or unit, at, known_at, "lab_result", id)


def fits(term: ValueTerm, number: Number) -> bool:
    """Whether a number is of the term's measure and within its span; a term without bounds takes every number of its measure."""
    what = measure_of(term.measure)
    if what.code != number.code or term.span is None:
        return False
    if term.span == Span():
        return True
    if fold(number.unit or "") != fold(what.unit or term.unit or ""):
        return False
    return what.span(term.span, term.unit).holds(number.value)
