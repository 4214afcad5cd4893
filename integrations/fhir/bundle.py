"""A document as messages: a Bundle of a transaction or a message is one, all of it or nothing; of a batch or a search, one an entry."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from integrations.event import Event, Message, PatientMerge, PatientUpsert
from integrations.fhir.document import FhirError, dig, items, moment, text
from integrations.fhir.document import resource as bounded
from integrations.fhir.person import Source, Within, relative
from integrations.fhir.read import digest, read

MAX_ENTRIES = 5_000
MAX_EVENTS = 20_000
WHOLE = ("transaction", "message", "document")
SEVERAL = ("batch", "searchset", "collection", "history")
# HL7 v3 ActReason: test data, not about anybody.
TEST = "HTEST"


@dataclass(frozen=True)
class Entry:
    """One resource of a document: where it stands, how it was sent (POST, PUT or nothing) and whereto, and what it is."""

    path: str
    method: str
    resource: dict[str, Any]
    url: str | None = None
    full_url: str | None = None

    @property
    def kind(self) -> str:
        """Its resource type."""
        return str(self.resource["resourceType"])


@dataclass(frozen=True)
class Part:
    """One message of a document with the entries that it came from, or the reason why there is none. In a batch, one for each entry."""

    entries: tuple[Entry, ...]
    message: Message | None = None
    error: FhirError | None = None


def entries_of(document: dict[str, Any]) -> list[Entry]:
    """The resources of a Bundle, or the one that stands alone. Raises FhirError (too_many, not_a_resource, not_supported …)."""
    if document["resourceType"] != "Bundle":
        return [Entry(document["resourceType"], "", document)]
    return [_entry(number, each) for number, each in enumerate(_given(document))]


def _given(document: dict[str, Any]) -> list[Any]:
    given = document.get("entry", [])
    if not isinstance(given, list):
        raise FhirError("bad_shape", path="Bundle.entry")
    if len(given) > MAX_ENTRIES:
        raise FhirError("too_many", path="Bundle.entry")
    return given


def _entry(number: int, given: Any) -> Entry:
    path = f"Bundle.entry[{number}]"
    method = text(given, "request", "method") or ""
    if method not in ("", "POST", "PUT"):
        raise FhirError("not_supported", path=f"{path}.request.method")
    try:
        return Entry(f"{path}.resource", method, bounded(dig(given, "resource")), text(given, "request", "url"), text(given, "fullUrl"))
    except FhirError as err:
        raise FhirError(err.code, path=f"{path}.resource") from err


def messages(document: dict[str, Any], source: Source) -> list[Part]:
    """What `document` says. A part of several carries its own error; a whole raises FhirError for any of its entries, path included."""
    kind = text(document, "type") if document["resourceType"] == "Bundle" else None
    if document["resourceType"] == "Bundle" and kind not in (*WHOLE, *SEVERAL):
        raise FhirError("not_supported", path="Bundle.type")
    if kind in WHOLE or kind is None:
        entries = entries_of(document)
        within = together(entries)
        return [Part(tuple(entries), _message(document, entries, source, within))]
    read: list[Entry | FhirError] = []
    for number, given in enumerate(_given(document)):
        try:
            read.append(_entry(number, given))
        except FhirError as err:
            read.append(err)
    within = together([each for each in read if isinstance(each, Entry)])
    return [_part(each, source, within) for each in read]


def _part(entry: Entry | FhirError, source: Source, within: Within) -> Part:
    if isinstance(entry, FhirError):
        return Part((), error=entry)
    try:
        return Part((entry,), _message(entry.resource, [entry], source, within))
    except FhirError as err:
        return Part((entry,), error=err)


def together(entries: list[Entry]) -> Within:
    """The entries by every address that may mean them: `fullUrl`, and `Type/id`."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if full := entry.full_url:
            found.setdefault(full, entry.resource)
            found.setdefault(relative(full), entry.resource)
        if logical := text(entry.resource, "id"):
            found.setdefault(f"{entry.kind}/{logical}", entry.resource)
    within = Within(found, tuple(entry.resource for entry in entries if entry.kind == "RelatedPerson"))
    reports = {}
    for entry in entries:
        if entry.kind == "DiagnosticReport":
            for result in items(entry.resource, "result"):
                if (listed := within.find(result, entry.resource)) is not None:
                    reports[id(listed)] = entry.resource
    return Within(found, within.related, reports)


def _message(whole: dict[str, Any], entries: list[Entry], source: Source, within: Within) -> Message:
    events: list[Event] = []
    passed_over: set[str] = set()
    for entry in entries:
        sent = as_sent(source, entry)
        try:
            found = read(entry.resource, sent, within)
        except FhirError as err:
            raise FhirError(err.code, path=_place(entry, err.path), permanent=err.permanent) from err
        if found is None:
            passed_over.add(entry.kind)
        else:
            events += found
        if len(events) > MAX_EVENTS:
            raise FhirError("too_many", path=entry.path)
    # Persons first: what the same document says about them must find them.
    events.sort(key=lambda event: not isinstance(event, PatientUpsert | PatientMerge))
    return Message(
        id=message_id(whole),
        kind=_kind(whole, entries),
        at=moment(whole, "timestamp", zone=source.zone) or moment(whole, "meta", "lastUpdated", zone=source.zone) or _latest(events),
        events=tuple(events),
        test=any(_is_test(each) for each in [whole, *(entry.resource for entry in entries)]),
        notes=tuple(f"passed_over:{kind}" for kind in sorted(passed_over)),
    )


def message_id(resource: dict[str, Any]) -> str:
    """The sender's own id of this message: a Bundle's identifier, a resource's version (`Observation/7/3`), else its content's digest."""
    if resource["resourceType"] == "Bundle":
        return text(resource, "identifier", "value") or text(resource, "id") or digest(resource)
    logical, version = text(resource, "id"), text(resource, "meta", "versionId") or text(resource, "meta", "lastUpdated")
    return f"{resource['resourceType']}/{logical}/{version}" if logical and version else f"{resource['resourceType']}#{digest(resource)}"


def as_sent(source: Source, entry: Entry) -> Source:
    """The source as it counts for one entry. What is posted as new has no id yet: the one that it carries may be another's tomorrow."""
    if entry.method != "POST" or not source.ids_last:
        return source
    return replace(source, ids_last=False)


def _place(entry: Entry, path: str) -> str:
    """The path within a resource, seen from the whole document."""
    return entry.path + path.removeprefix(entry.kind) if path.startswith(entry.kind) else entry.path


def _kind(whole: dict[str, Any], entries: list[Entry]) -> str:
    if whole["resourceType"] != "Bundle":
        return str(whole["resourceType"])
    if text(whole, "type") == "message" and entries and entries[0].kind == "MessageHeader":
        return text(entries[0].resource, "eventCoding", "code") or text(entries[0].resource, "eventUri") or "Bundle/message"
    return f"Bundle/{text(whole, 'type')}"


def _latest(events: list[Event]) -> datetime | None:
    return max((event.at for event in events if event.at is not None), default=None)


def _is_test(resource: dict[str, Any]) -> bool:
    return any(text(each, "code") == TEST for name in ("tag", "security") for each in items(dig(resource, "meta"), name))


def counts(document: dict[str, Any]) -> dict[str, int]:
    """How many resources of each type a document holds. Raises FhirError."""
    found: dict[str, int] = {}
    for entry in entries_of(document):
        found[entry.kind] = found.get(entry.kind, 0) + 1
    return found


def next_link(document: dict[str, Any]) -> str | None:
    """Where a search goes on."""
    return next((text(each, "url") for each in items(document, "link") if text(each, "relation") == "next"), None)
