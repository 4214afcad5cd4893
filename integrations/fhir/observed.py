"""Observation: one event for its value and one for each component (blood pressure has two and no value of its own)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from integrations.event import Coded, Observed
from integrations.fhir.coded import coded
from integrations.fhir.document import FhirError, dig, items, moment, number, text
from integrations.fhir.person import Source, Within, subject

# FHIR's observation status as HL7 table 0085, which our events use.
STATUS = {
    "registered": "I", "preliminary": "P", "final": "F", "amended": "C", "corrected": "C", "cancelled": "D", "entered-in-error": "W",
    "unknown": "P",
}  # fmt: skip


def observed(resource: dict[str, Any], source: Source, within: Within, *, key: str, at: datetime | None) -> Iterator[Observed]:
    """The values of an Observation. Raises FhirError (no_code, no_patient)."""
    person, status = subject(resource, source, within), STATUS.get(text(resource, "status") or "", "P")
    code = coded(dig(resource, "code"))
    if not code.code and not code.text:
        raise FhirError("no_code", path="Observation.code")
    effective, released = _effective(resource, source), _released_at(resource, source, status)
    parts = list(items(resource, "component"))
    values, unit = value_of(resource)
    if values or not (parts or dig(resource, "hasMember")):
        yield Observed(
            person=person, at=at, key=key, code=code, values=values, unit=unit, reference_range=range_of(resource),
            flag=flag_of(resource), status=status, report=_report(resource, within), effective_at=effective,
            released_at=released,
        )  # fmt: skip
    for place, part in enumerate(parts):
        what = coded(dig(part, "code"))
        values, unit = value_of(part)
        if (what.code or what.text) and values:
            yield Observed(
                person=person, at=at, key=f"{key}#{what.code or place}", code=what, values=values, unit=unit,
                reference_range=range_of(part), flag=flag_of(part), status=status, report=code, effective_at=effective,
                released_at=released,
            )  # fmt: skip


def value_of(node: dict[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """The value[x] as written, and its unit; nothing where the sender has none or one that no family could be told (a curve)."""
    if quantity := dig(node, "valueQuantity"):
        written = number(quantity, "value")
        return ((f"{text(quantity, 'comparator') or ''}{written}",) if written else ()), text(quantity, "code") or text(quantity, "unit")
    if span := dig(node, "valueRange"):
        ends = [number(span, each, "value") or "" for each in ("low", "high")]
        return (("-".join(ends),) if any(ends) else ()), text(span, "low", "code") or text(span, "low", "unit")
    if ratio := dig(node, "valueRatio"):
        ends = [number(ratio, each, "value") or "" for each in ("numerator", "denominator")]
        return ((":".join(ends),) if all(ends) else ()), None
    if concept := dig(node, "valueCodeableConcept"):
        found = coded(concept)
        return tuple(each for each in [found.text or found.code] if each), None
    if isinstance(truth := dig(node, "valueBoolean"), bool):
        return ("true" if truth else "false",), None
    plain = [text(node, each) for each in ("valueString", "valueDateTime", "valueTime")] + [number(node, "valueInteger")]
    return tuple(each for each in plain if each)[:1], None


def range_of(node: dict[str, Any]) -> str | None:
    """The first reference range in words: its text, else `low-high`, `>=low`, `<=high`."""
    span = dig(node, "referenceRange")
    if words := text(span, "text"):
        return words[:200]
    low, high = (number(span, each, "value") for each in ("low", "high"))
    if low and high:
        return f"{low}-{high}"
    return f">={low}" if low else f"<={high}" if high else None


def flag_of(node: dict[str, Any]) -> str | None:
    """The sender's own interpretation (H, LL, A …): its first code."""
    return text(node, "interpretation", "coding", "code")


def _effective(resource: dict[str, Any], source: Source) -> datetime | None:
    paths = (("effectiveDateTime",), ("effectiveInstant",), ("effectivePeriod", "end"), ("effectivePeriod", "start"), ("issued",))
    return next((at for path in paths if (at := moment(resource, *path, zone=source.zone))), None)


def _released_at(resource: dict[str, Any], source: Source, status: str) -> datetime | None:
    """When the family may see it: FHIR has no word for this, so that it is for the feed to say that what is final is released."""
    if not source.releases or status not in ("F", "C"):
        return None
    return moment(resource, "issued", zone=source.zone) or moment(resource, "meta", "lastUpdated", zone=source.zone) or source.received_at


def _report(resource: dict[str, Any], within: Within) -> Coded | None:
    """The report of the same document that lists this result."""
    report = within.reports.get(id(resource))
    return coded(dig(report, "code")) if report is not None else None
