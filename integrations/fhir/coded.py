"""Codes and identifiers as FHIR writes them, under the names that our events use."""

import re
from collections.abc import Mapping
from typing import Any

from integrations.event import Coded, Identifier
from integrations.fhir.document import items, text
from integrations.hl7.identifiers import AUTHORITIES, NATIONAL_ID, OF_VISITS, TYPES, looks_national

# Code systems by the names that HL7 v2 has for them, so that a code looks alike from either road.
SYSTEMS = {
    "http://loinc.org": "LN",
    "http://snomed.info/sct": "SCT",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://www.whocc.no/atc": "ATC",
}
# Where a concept has several codings, the one that most readers know.
PREFERRED = ("ICD-10", "LN", "CVX", "SCT")

MAX_IDENTIFIERS = 20
LONGEST = 200
# What is written where there is no number; everybody would have it.
NOTHING = re.compile(r"[0\W_]*|无|未知|不详|null|none|n/?a|unknown", re.IGNORECASE)


def coded(concept: Any) -> Coded:
    """A CodeableConcept: its best coding and its text."""
    found = [
        Coded(code=text(each, "code"), text=text(each, "display"), system=SYSTEMS.get(text(each, "system") or "", text(each, "system")))
        for each in items(concept, "coding")
    ]
    found = [each for each in found if each.code] or found
    found.sort(key=lambda each: PREFERRED.index(each.system) if each.system in PREFERRED else len(PREFERRED))
    best = found[0] if found else Coded()
    return Coded(code=best.code, text=text(concept, "text") or best.text, system=best.system)


def codes(concept: Any) -> frozenset[str]:
    """All codes of a CodeableConcept, whatever their system."""
    return frozenset(code for each in items(concept, "coding") if (code := text(each, "code")))


def identifiers(resource: Any, *, feed: str, systems: Mapping[str, str]) -> tuple[Identifier, ...]:
    """The resource's business identifiers, under the platform's names: `systems` maps `address:type` (`http://his/mrn:MR`), an address
    or a type alone to it; without it types and object identifiers mean what they mean in HL7 messages; what stands in no map is
    `feed:address:type`. Old ones, and the numbers of visits, are left out."""
    found = []
    for each in items(resource, "identifier"):
        value = text(each, "value")
        if value is None or text(each, "use") == "old" or len(value) > LONGEST or NOTHING.fullmatch(value):
            continue
        address, kind = text(each, "system") or "", text(each, "type", "coding", "code") or text(each, "type", "text") or ""
        if (name := _numbering(value, address, kind, feed, systems)) is not None:
            found.append(Identifier(name, value))
    return tuple(dict.fromkeys(found))[:MAX_IDENTIFIERS]


def _numbering(value: str, address: str, kind: str, feed: str, systems: Mapping[str, str]) -> str | None:
    for key in (f"{address}:{kind}", address, kind):
        if key and (name := systems.get(key)):
            return name
    if looks_national(value):
        return NATIONAL_ID
    if kind.upper() in OF_VISITS:
        return None
    meant = AUTHORITIES.get(address.removeprefix("urn:oid:")) or TYPES.get(kind.upper())
    # What is called a national id and is not one (a passport, a typing slip) names somebody within this feed only.
    return meant if meant is not None and meant != NATIONAL_ID else f"{feed}:{address}:{kind}"


def own_id(feed: str, resource_id: str) -> Identifier:
    """A patient's logical id on the server that the feed reads: another server has another one under the same number."""
    return Identifier(f"{feed}:fhir:id", resource_id)
