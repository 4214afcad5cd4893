"""Results and vital signs: a vital sign becomes an Observation in the unit that the rules use, everything else a LabResult as written."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.apply.chart import cut, words
from bot.apply.rows import Told
from bot.apply.work import Work
from integrations.event import Coded, Event, Observed
from plans.clock import local_day
from records.lab_result import LabResult
from records.observation import Observation
from records.patient import Patient
from records.said import CLEARED
from tagging.content import default_content
from tagging.errors import InputError
from tagging.terms.convert import convert as in_unit
from tagging.terms.lab import find_lab, items
from tagging.terms.number import read_value
from tagging.terms.ucum import ucum
from tagging.vitals import convert, get_vital, plausible

# HL7 table 0085 in FHIR's words; what is not in it (a sender's own letter) is taken for preliminary.
STATUS: Mapping[str, str] = {
    "F": "final", "C": "final", "U": "final", "P": "preliminary", "R": "preliminary", "S": "preliminary", "B": "preliminary",
    "V": "preliminary", "I": "registered", "O": "registered", "N": "cancelled", "X": "cancelled", "D": "entered-in-error",
    "W": "entered-in-error",
}  # fmt: skip
# What a family is not shown, whatever was released before.
HIDDEN = ("registered", "cancelled", "entered-in-error")
_LOINC_NAMES = ("LN", "LOINC", "HTTP://LOINC.ORG")


PRESSURE = "blood_pressure"
# 120/80, 98/56 (72): the mean behind it is computed from both and is left out.
_BOTH = re.compile(r"(\d{2,3}(?:\.\d)?)\s*[/／]\s*(\d{2,3}(?:\.\d)?)\s*(?:mmhg)?\s*(?:[(（]\s*\d{2,3}\s*[)）])?", re.IGNORECASE)
_PARTS = (Coded("8480-6", "收缩压", "LN"), Coded("8462-4", "舒张压", "LN"))


def apart(event: Event) -> tuple[Event, ...]:
    """A blood pressure whose value is both pressures as two observations, so that each is a number; anything else as it is.

    One without a value (withdrawn) is two as well: their keys are those of the two that it takes back.
    """
    if not isinstance(event, Observed) or vital_of(event.code) != PRESSURE:
        return (event,)
    both = _BOTH.fullmatch(event.values[0].strip()) if len(event.values) == 1 else None
    if both is None and event.values:
        return (event,)
    values = [(number,) for number in both.groups()] if both is not None else [(), ()]
    told = replace(event, unit=event.unit or "mm[Hg]", reference_range=None, flag=None)
    return tuple(replace(told, key=f"{event.key}#{code.code}", code=code, values=value) for code, value in zip(_PARTS, values, strict=True))


def observed(work: Work, patient: Patient, event: Observed) -> Told:
    """The row that the event speaks of."""
    status = STATUS.get(event.status.strip().upper(), "preliminary")
    vital = vital_of(event.code)
    vital = None if vital == PRESSURE else vital
    return _result(work, event, status) if vital is None else _vital(work, patient, event, vital, status)


def vital_of(code: Coded) -> str | None:
    """The vital sign of vitals.yml that a code means."""
    by_loinc, by_name = _vitals()
    if code.code and (code.system or "").upper() in _LOINC_NAMES and code.code in by_loinc:
        return by_loinc[code.code]
    return by_name.get(_folded(code.text)) or by_name.get(_folded(code.code))


def number_in(values: tuple[str, ...]) -> float | None:
    """The value as a number, where it is one number and nothing else."""
    read = read_value(values[0]) if len(values) == 1 else None
    return read.value if read is not None and read.comparator is None and read.unit is None else None


def _vital(work: Work, patient: Patient, event: Observed, vital: str, status: str) -> Told:
    """The Observation. A value that cannot be (unit unknown, outside the plausible range of the age) is kept in its words alone."""
    content = default_content()
    written, at = "~".join(event.values), event.effective_at or work.at(event)
    value = number_in(event.values)
    if value is not None:
        try:
            value = convert(content, vital, value, event.unit or None)
        except InputError:
            # What families say is known there; what monitors and laboratories write, here.
            value = in_unit(value, event.unit or "", get_vital(content, vital).unit, analyte=vital)
    if value is not None and not plausible(content, vital, value, (local_day(at, work.zone) - patient.birth_date).days):
        value = None
    if value is None and status in ("final", "preliminary"):
        status = "unknown"
    fields: dict[str, Any] = {
        "code": vital,
        "value": value if value is not None else CLEARED if written else None,
        "unit": get_vital(content, vital).unit if value is not None else None,
        "text": cut(f"{written} {event.unit or ''}") if written else None,
        "status": status,
        "effective_at": event.effective_at,
    }
    return Told(Observation, event.key, fields, {"effective_at": at})


def _result(work: Work, event: Observed, status: str) -> Told:
    """The LabResult, its value as written."""
    written = cut("~".join(event.values))
    final = work.at(event) if work.releases and status == "final" else None
    released: datetime | Any = CLEARED if status in HIDDEN else event.released_at or final
    value = number_in(event.values)
    fields: dict[str, Any] = {
        "report": words(event.report) if event.report is not None else None,
        "item": words(event.code),
        "code": cut(event.code.code) if (event.code.system or "").upper() in _LOINC_NAMES else _loinc(event, work.settings.get("items")),
        "value": value if value is not None else CLEARED if written else None,
        "text": written,
        "unit": cut(event.unit),
        "reference_range": cut(event.reference_range),
        "flag": cut(event.flag),
        "status": status,
        "collected_at": event.effective_at,
        "released_at": released,
    }
    return Told(LabResult, event.key, fields, {"report": "", "item": event.key, "text": "", "collected_at": work.at(event)})


def _loinc(event: Observed, local: Mapping[str, str] | None) -> str | None:
    """The LOINC code that a name, or the feed's own code (`local`), means in the very unit of the result; only one that was compared with
    a published list."""
    code, report = event.code, words(event.report or Coded())
    found = find_lab(code.text, code=code.code, system=code.system, unit=event.unit, report=report, local=local)
    item = found.item
    return item.loinc if item is not None and item.verified and ucum(event.unit, like=item.unit) == item.unit else None


@cache
def _vitals() -> tuple[dict[str, str], dict[str, str]]:
    """The vital signs of lab.yml and of vitals.yml, by LOINC code and by name. Of lab.yml's abbreviations those of one or two letters are
    left out: without a nursing record around them they mean too much (T, PR)."""
    by_loinc, by_name = dict[str, str](), dict[str, str]()
    for item in items().values():
        vital = item.vital
        if vital is not None and vital in default_content().vitals.vitals and item.of == "body" and item.conversion is None:
            by_loinc |= {code: vital for code in (item.loinc, *item.also) if code}
            by_name |= {_folded(name): vital for name in (item.name, *item.say) if not name.isascii() or len(name) > 2}
    loaded = yaml.safe_load(Path(__file__).with_name("vitals.yml").read_text("utf-8"))
    by_loinc |= {str(code): vital for vital, entry in loaded.items() for code in entry["loinc"]}
    by_name |= {_folded(name): vital for vital, entry in loaded.items() for name in entry["names"]}
    return by_loinc, by_name


def _folded(name: str | None) -> str:
    return re.sub(r"[\s_（(].*$|\s+", "", (name or "").strip().lower()) if not (name or "").isascii() else (name or "").strip().lower()
