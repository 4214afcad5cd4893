"""Orders: what a doctor prescribed or asked for, in the order's own words. Nothing is computed."""

from datetime import datetime
from typing import Any

from integrations.event import Ordered
from integrations.fhir.coded import coded, codes
from integrations.fhir.document import FhirError, dig, items, moment, number, text
from integrations.fhir.person import Source, Within, subject

# FHIR's states of requests and statements by the four that our events know; a draft or a wish is no order.
STATUS = {
    "active": "active", "intended": "active", "unknown": "active", "on-hold": "on-hold", "completed": "completed", "stopped": "stopped",
    "cancelled": "stopped", "revoked": "stopped", "not-taken": "stopped", "entered-in-error": "stopped",
}  # fmt: skip
NO_ORDERS = ("proposal", "plan", "option")
# Category codes of orders for the laboratory and for pictures (SNOMED CT, and the names that servers use).
TESTS = frozenset({"108252007", "363679005", "laboratory", "imaging", "LAB", "RAD"})


def medicine(resource: dict[str, Any], source: Source, within: Within, *, key: str, at: datetime | None) -> Ordered | None:
    """A MedicationRequest or MedicationStatement; None where it orders nothing. Raises FhirError (no_code, no_patient)."""
    status = STATUS.get(text(resource, "status") or "unknown")
    if status is None or text(resource, "intent") in NO_ORDERS:
        return None
    concept = dig(resource, "medicationCodeableConcept") or dig(within.find(dig(resource, "medicationReference"), resource) or {}, "code")
    what = coded(concept or {"text": text(resource, "medicationReference", "display")})
    if not what.code and not what.text:
        raise FhirError("no_code", path=f"{resource['resourceType']}.medicationCodeableConcept")
    use = dig(resource, "dosageInstruction") or dig(resource, "dosage")
    starts, ends = (
        moment(use, "timing", "repeat", "boundsPeriod", each, zone=source.zone)
        or moment(resource, "effectivePeriod", each, zone=source.zone)
        for each in ("start", "end")
    )
    return Ordered(
        person=subject(resource, source, within), at=at, key=key, kind="medicine", code=what, status=status,
        dose=_dose(use), frequency=_frequency(use), route=coded(dig(use, "route")).text, starts_at=starts, ends_at=ends,
    )  # fmt: skip


def test(resource: dict[str, Any], source: Source, within: Within, *, key: str, at: datetime | None) -> Ordered | None:
    """A ServiceRequest; None where it orders nothing. Raises FhirError (no_code, no_patient)."""
    status = STATUS.get(text(resource, "status") or "unknown")
    if status is None or text(resource, "intent") in NO_ORDERS or resource.get("doNotPerform") is True:
        return None
    what = coded(dig(resource, "code"))
    if not what.code and not what.text:
        raise FhirError("no_code", path="ServiceRequest.code")
    return Ordered(
        person=subject(resource, source, within), at=at, key=key, code=what, status=status,
        kind="test" if any(TESTS & codes(each) for each in items(resource, "category")) else "other",
        starts_at=moment(resource, "occurrenceDateTime", zone=source.zone)
        or moment(resource, "occurrencePeriod", "start", zone=source.zone),
        ends_at=moment(resource, "occurrencePeriod", "end", zone=source.zone),
    )  # fmt: skip


def _dose(use: Any) -> str | None:
    quantity = dig(use, "doseAndRate", "doseQuantity") or dig(use, "doseQuantity")
    written = number(quantity, "value")
    return f"{written} {text(quantity, 'unit') or text(quantity, 'code') or ''}".strip() if written else None


# HL7's own abbreviations (GTSAbbreviation) of what structured timings mean: how often in how many of which unit.
RHYTHMS = {("1", "1", "d"): "QD", ("2", "1", "d"): "BID", ("3", "1", "d"): "TID", ("4", "1", "d"): "QID", ("1", "2", "d"): "QOD"}


def _frequency(use: Any) -> str | None:
    """The order's own words: of the rhythm, else of the whole use; else what the structured rhythm says."""
    timing = coded(dig(use, "timing", "code"))
    if words := timing.text or timing.code or text(use, "text") or text(use, "patientInstruction"):
        return words
    repeat = dig(use, "timing", "repeat")
    times, period, unit = number(repeat, "frequency"), number(repeat, "period"), text(repeat, "periodUnit")
    if not times or not period or not unit:
        return None
    return RHYTHMS.get((times, period, unit), f"Q{period}{unit.upper()}" if times == "1" else f"{times}/{period}{unit}")
