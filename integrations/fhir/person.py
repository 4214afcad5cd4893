"""Who a resource is about: Patient and RelatedPerson, and the references to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.event import Identifier, Person, Sex
from integrations.fhir.coded import codes, identifiers, own_id
from integrations.fhir.document import ID, FhirError, day, dig, items, moment, text

SEX: dict[str, Sex] = {"male": "M", "female": "F"}
# HL7 v3 RoleCode.
MOTHER = frozenset({"MTH", "NMTH", "GESTM"})
MAX_PHONES = 10


@dataclass(frozen=True)
class Source:
    """Where a document came from. `systems` names its identifiers (see `coded.identifiers`), `zone` is the time of what names none,
    `ids_last` that its logical ids are the sender's own and mean the same tomorrow (not so in what is posted as new), `releases` that
    what it calls final may be shown to the family."""

    feed: str
    zone: tzinfo
    received_at: datetime
    systems: Mapping[str, str]
    ids_last: bool = True
    releases: bool = False


@dataclass(frozen=True)
class Within:
    """The resources that stand together in one document, by every address under which others may refer to them. `related` are its
    RelatedPersons; `reports` its DiagnosticReports, by `id()` of each result that they list."""

    by_address: Mapping[str, dict[str, Any]]
    related: tuple[dict[str, Any], ...] = ()
    reports: Mapping[int, dict[str, Any]] = field(default_factory=dict)

    def find(self, reference: Any, owner: dict[str, Any]) -> dict[str, Any] | None:
        """The resource that `reference` of `owner` points to, if it stands in the document or inside `owner`."""
        address = text(reference, "reference")
        if address is None:
            return None
        if address.startswith("#"):
            return next((each for each in items(owner, "contained") if text(each, "id") == address[1:]), None)
        return self.by_address.get(address) or self.by_address.get(relative(address))


def relative(address: str) -> str:
    """`https://server/fhir/Patient/7/_history/2` as `Patient/7`; other words as they are."""
    if address.startswith("urn:"):
        return address
    path = urlsplit(address).path if address.startswith(("http://", "https://")) else address
    parts = re.sub(r"/_history/.*$", "", path).split("/")
    return "/".join(parts[-2:])


def person_of(patient: dict[str, Any], source: Source, within: Within) -> Person:
    """What a Patient says of a person. Raises FhirError no_identifier where nothing tells him from others."""
    known = list(identifiers(patient, feed=source.feed, systems=source.systems))
    if source.ids_last and (logical := text(patient, "id")) and ID.fullmatch(logical):
        known.append(own_id(source.feed, logical))
    if not known:
        raise FhirError("no_identifier", path="Patient.identifier")
    phones = [*_phones(patient)]
    mother: list[Identifier] = []
    for related in within.related:
        if within.find(related.get("patient"), related) is patient:
            phones += _phones(related)
            if any(MOTHER & codes(each) for each in items(related, "relationship")):
                mother += identifiers(related, feed=source.feed, systems=source.systems)
    for contact in items(patient, "contact"):
        phones += _phones(contact)
    born_as = dig(patient, "multipleBirthInteger")
    return Person(
        identifiers=tuple(known),
        name=name_of(patient),
        sex=SEX.get(text(patient, "gender") or ""),
        birth_date=day(patient, "birthDate"),
        phones=tuple(dict.fromkeys(phones))[:MAX_PHONES],
        birth_order=born_as if isinstance(born_as, int) and not isinstance(born_as, bool) and 0 < born_as < 20 else None,
        mother=tuple(dict.fromkeys(mother)),
        died_at=_died_at(patient, source),
    )


def subject(resource: dict[str, Any], source: Source, within: Within, *, element: str = "subject") -> Person:
    """Whom `resource` is about, by its reference in `element`. Raises FhirError no_patient."""
    return referred(dig(resource, element), resource, source, within, path=f"{resource['resourceType']}.{element}")


def referred(reference: Any, owner: dict[str, Any], source: Source, within: Within, *, path: str) -> Person:
    """The person whom `reference` means: one of the document, one by a business identifier, one by his id on the sender's server.

    Raises FhirError no_patient where it means nobody, or no patient, or one of a document that is not here.
    """
    found = within.find(reference, owner)
    if found is not None:
        if found.get("resourceType") != "Patient":
            raise FhirError("no_patient", path=path)
        return person_of(found, source, within)
    named = identifiers(_by_identifier(reference), feed=source.feed, systems=source.systems)
    if named:
        return Person(identifiers=named)
    kind, _, logical = relative(text(reference, "reference") or "").partition("/")
    if kind == "Patient" and ID.fullmatch(logical):
        return Person(identifiers=(own_id(source.feed, logical),))
    raise FhirError("no_patient", path=path)


def _by_identifier(reference: Any) -> Any:
    """A conditional reference (`Patient?identifier=system|value`) as the logical one that says the same; any other as it is."""
    kind, _, query = (text(reference, "reference") or "").partition("?")
    if kind != "Patient" or not query:
        return reference
    try:
        asked = parse_qsl(query, max_num_fields=5)
    except ValueError:
        return reference
    if [name for name, _ in asked] != ["identifier"]:
        return reference
    system, bar, value = asked[0][1].rpartition("|")
    return {"identifier": {"system": system, "value": value}} if bar or value else reference


def name_of(patient: dict[str, Any]) -> str | None:
    """The full name: the official one, else the usual one, else the first; a Chinese one without blanks."""
    names = [each for each in items(patient, "name") if text(each, "use") not in ("old", "maiden", "anonymous")]
    names.sort(key=lambda each: {"official": 0, "usual": 1}.get(text(each, "use") or "", 2))
    for each in names:
        given = each.get("given")
        first = [word for one in (given if isinstance(given, list) else []) if (word := text({"given": one}, "given"))]
        family = text(each, "family")
        joined = "".join([family or "", *first])
        if written := text(each, "text"):
            return written[:200]
        if joined:
            return (joined if not joined.isascii() else " ".join([*first, *([family] if family else [])]))[:200]
    return None


def called(reference: Any, owner: dict[str, Any], within: Within) -> str | None:
    """What a reference's target is called: by the reference, else by the target itself, where it stands in the document."""
    if (written := text(reference, "display")) is not None:
        return written
    found = within.find(reference, owner) or {}
    return text(found, "name") or name_of(found)


def _phones(resource: dict[str, Any]) -> list[str]:
    # A system that is left out is a telephone in most senders' data; an address with @ is not.
    told = [each for each in items(resource, "telecom") if text(each, "system") in ("phone", "sms", None) and text(each, "use") != "old"]
    return [value for each in told if (value := text(each, "value")) and "@" not in value and len(value) <= 40]


def _died_at(patient: dict[str, Any], source: Source) -> datetime | None:
    if (at := moment(patient, "deceasedDateTime", zone=source.zone)) is not None:
        return at
    if patient.get("deceasedBoolean") is True or text(patient, "deceasedDateTime"):
        # Nobody may ask after this child again, whether or not the day is known.
        return moment(patient, "meta", "lastUpdated", zone=source.zone) or source.received_at
    return None
