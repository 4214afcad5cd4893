"""Resources as R4 wants them. A builder for each shape: what is not given is not there, because FHIR allows nothing that is empty."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

Json = dict[str, Any]


def made(kind: str, resource_id: str, changed_at: datetime | None, **elements: Any) -> Json:
    """A resource with its elements. Its version is its content's and its time's digest: any change of what it shows is a new version."""
    resource = {"resourceType": kind, "id": resource_id, **present(elements)}
    written = json.dumps([resource, instant(changed_at)], sort_keys=True, ensure_ascii=False)
    meta = present({"versionId": hashlib.sha256(written.encode()).hexdigest()[:16], "lastUpdated": instant(changed_at)})
    return {"resourceType": kind, "id": resource_id, "meta": {**meta, **resource.pop("meta", {})}, **resource}


def present(elements: Mapping[str, Any]) -> Json:
    """The elements that say something. A trailing `_` keeps a name from Python's own words (`class_`)."""
    return {
        name.rstrip("_"): value for name, value in elements.items() if value is not None and value != [] and value != {} and value != ""
    }


def instant(at: datetime | None) -> str | None:
    """A moment in UTC, to the millisecond; a naive one raises ValueError."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("a naive datetime says no moment")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(on: date | None) -> str | None:
    """A calendar day."""
    return on.isoformat() if on is not None else None


def coding(system: str, code: str, display: str | None = None) -> Json:
    """One code of one system."""
    return present({"system": system, "code": code, "display": display})


def concept(*codings: Json, text: str | None = None) -> Json:
    """A CodeableConcept."""
    return present({"coding": list(codings), "text": text})


def reference(kind: str, resource_id: str | None = None, *, display: str | None = None) -> Json:
    """A reference to one of our resources; without an id only its name."""
    return present({"reference": f"{kind}/{resource_id}" if resource_id else None, "type": kind, "display": display})


def quantity(value: float, unit: str | None, *, ucum: bool) -> Json:
    """A number with its unit; `ucum` says that the unit is a UCUM code and no word. A float is written as people write it."""
    number = int(value) if float(value).is_integer() and abs(value) < 1e15 else float(Decimal(repr(value)))
    known = ucum and bool(unit) and unit is not None and unit.isascii() and " " not in unit
    return present({"unit": unit, "system": UCUM if known else None, "code": unit if known else None}) | {"value": number}


def period(start: datetime | None, end: datetime | None) -> Json:
    """From when to when."""
    return present({"start": instant(start), "end": instant(end)})


def identifier(system: str, value: str, *, kind: str | None = None, use: str | None = None) -> Json:
    """A number of a numbering; `kind` is HL7's type of it (MR: medical record number)."""
    return present(
        {"use": use, "type": concept(coding(f"{TERMINOLOGY}/v2-0203", kind)) if kind else None, "system": system, "value": value}
    )


def bundle(kind: str, entries: Iterable[Json], *, links: Mapping[str, str] | None = None, total: int | None = None) -> Json:
    """A Bundle of entries that `entry` has made."""
    told = [{"relation": relation, "url": url} for relation, url in (links or {}).items()]
    return {
        "resourceType": "Bundle",
        "type": kind,
        **present({"link": told, "entry": list(entries)}),
        **({} if total is None else {"total": total}),
    }


def entry(resource: Json, base: str, mode: str) -> Json:
    """A resource in a searchset: `mode` is match, include or outcome."""
    address = {} if resource["resourceType"] == "OperationOutcome" else {"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}"}
    return {**address, "resource": resource, "search": {"mode": mode}}


def outcome(*issues: Json) -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def issue(severity: str, kind: str, *, code: str, text: str, path: str = "", system: str) -> Json:
    """One thing that is wrong: FHIR's `kind` of issue, our `code` of it, words for people, and the place as a FHIRPath."""
    details = concept(coding(system, code), text=text)
    return present({"severity": severity, "code": kind, "details": details, "expression": [path] if path else None})
