"""What can be measured: vitals by id or name, laboratory items by whatever name, and in which units."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from tagging.cohort.query import Span
from tagging.cohort.words import fold
from tagging.content import DATA
from tagging.folder import read_yaml
from tagging.terms.convert import convert
from tagging.terms.lab import find_lab


@dataclass(frozen=True)
class Measure:
    """`code` is that of PatientValue, whose readings are in `unit`; of an item that no table knows (`unit` None) as it was reported.

    `units` are a vital's lay units with their factors, `analyte` names an item's own conversions.
    """

    code: str
    name: str
    unit: str | None = None
    units: Mapping[str, float | Literal["F"]] | None = None
    analyte: str | None = None

    def kept(self, number: float, unit: str | None) -> float | None:
        """`number`, given in `unit` (None: in that of the readings), as readings are kept; None where the unit does not fit."""
        if unit is None or unit == self.unit:
            return number
        factor = (self.units or {}).get(fold(unit))
        if factor is not None:
            return round((number - 32) * 5 / 9, 4) if factor == "F" else round(number * factor, 6)
        return None if self.unit is None else convert(number, unit, self.unit, analyte=self.analyte)

    def span(self, span: Span, unit: str | None) -> Span:
        """`span` in the unit in which readings are kept."""
        if self.unit is None:
            return span
        low, high = (None if number is None else self.kept(number, unit) for number in (span.low, span.high))
        return replace(span, low=low, high=high)


@cache
def _vitals() -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for id, entry in read_yaml(DATA / "vitals.yml")["vitals"].items():
        units = {fold(name): factor for name, factor in entry["lay_units"].items()}
        measure = Measure(id, entry["name"], entry["unit"], {fold(entry["unit"]): 1, **units})
        found |= {fold(id): measure, fold(entry["name"]): measure}
    return found


@cache
def measure_of(said: str) -> Measure:
    """The measure of this name: a vital, a laboratory item, else an item that only this hospital knows."""
    return _vitals().get(fold(said.strip())) or lab_measure(said)


def lab_measure(name: str, *, code: str | None = None, unit: str | None = None, report: str | None = None) -> Measure:
    """The measure of a laboratory item, however it is called. Some are vitals too, and are kept with them."""
    match = find_lab(name, code=code, unit=unit, report=report)
    if match.item is None:
        return Measure(f"lab:{fold(name.strip())}", name)
    if match.item.vital:
        return replace(_vitals()[match.item.vital], analyte=match.item.conversion)
    return Measure(f"lab:{match.id}", match.item.name, match.item.unit, None, match.item.conversion)


def unit_mistake(measure: Measure, unit: str | None) -> tuple[str, dict[str, object]] | None:
    """What is wrong with comparing in `unit`, as a mistake's code and values; None when nothing is."""
    if unit is None:
        # A number alone is safe for what families measure, not for what comes as mmol/L here and mg/dL there.
        return None if measure.units else ("unit_missing", {"name": measure.name, "example": measure.unit or "mmol/L"})
    if measure.unit is None or measure.kept(1.0, unit) is not None:
        return None
    known = dict.fromkeys((measure.unit, *(measure.units or {})))
    return "unit_unknown", {"name": measure.name, "unit": unit, "units": "、".join(known)}
