"""Clinical notes: DocumentReference with its text inside, Composition (a document's sections), ClinicalImpression."""

import base64
import binascii
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from integrations.event import Coded, Noted
from integrations.fhir.coded import coded
from integrations.fhir.document import FhirError, dig, items, moment, text
from integrations.fhir.person import Source, Within, called, relative, subject
from integrations.hl7.charset import decode, known
from integrations.narrative import plain_text

# A note of 200 000 characters takes 600 kB in UTF-8; more is a picture or a mistake. Sections nest two or three deep.
MAX_BYTES, MAX_SECTIONS = 1 << 20, 6
Key = Callable[[dict[str, Any], Source], str]
DOC_STATUS = {"preliminary": "preliminary", "final": "final", "amended": "amended", "entered-in-error": "entered-in-error"}
IMPRESSION = {"in-progress": "preliminary", "completed": "final", "entered-in-error": "entered-in-error"}


def document(resource: dict[str, Any], source: Source, within: Within, *, key_of: Key, at: datetime | None) -> Iterator[Noted]:
    """A DocumentReference, and what it says of the one that it replaces. Raises FhirError (no_patient, too_large, bad_shape)."""
    person, status = subject(resource, source, within), text(resource, "status")
    kind, attachment = _kind(resource), dig(resource, "content", "attachment")
    if status not in ("entered-in-error", "superseded"):
        status = DOC_STATUS.get(text(resource, "docStatus") or "", "final")
    yield Noted(
        person=person, at=at, key=key_of(resource, source), kind=kind,
        title=text(attachment, "title") or text(resource, "description") or kind.text, text=_attached(resource),
        author=_author(resource, within), written_at=moment(resource, "date", zone=source.zone),
        visit=_visit(dig(resource, "context", "encounter"), resource, within), status=str(status),
    )  # fmt: skip
    for related in items(resource, "relatesTo"):
        target = dig(related, "target")
        if text(related, "code") == "replaces" and (address := text(target, "reference")):
            found = within.find(target, resource)
            older = key_of(found, source) if found is not None else relative(address)
            yield Noted(person=person, at=at, key=older, status="superseded")


def composition(resource: dict[str, Any], source: Source, within: Within, *, key: str, at: datetime | None) -> Noted:
    """A Composition: its title, and the words of its sections under their titles."""
    kind = _kind(resource)
    words = "\n".join(_sections(resource, 0)) or plain_text(_div(resource))
    return Noted(
        person=subject(resource, source, within), at=at, key=key, kind=kind, title=text(resource, "title") or kind.text,
        text=words or None, author=_author(resource, within), written_at=moment(resource, "date", zone=source.zone),
        visit=_visit(dig(resource, "encounter"), resource, within), status=DOC_STATUS.get(text(resource, "status") or "", "final"),
    )  # fmt: skip


def impression(resource: dict[str, Any], source: Source, within: Within, *, key: str, at: datetime | None) -> Noted | None:
    """A ClinicalImpression's summary; None where it has none."""
    words = "\n".join(each for name in ("description", "summary") if (each := text(resource, name, most=MAX_BYTES)))
    kind = coded(dig(resource, "code"))
    if not words:
        return None
    written = moment(resource, "effectiveDateTime", zone=source.zone) or moment(resource, "date", zone=source.zone)
    return Noted(
        person=subject(resource, source, within), at=at, key=key, kind=kind, title=kind.text, text=words,
        author=called(dig(resource, "assessor"), resource, within), written_at=written,
        visit=_visit(dig(resource, "encounter"), resource, within), status=IMPRESSION.get(text(resource, "status") or "", "final"),
    )  # fmt: skip


def _kind(resource: dict[str, Any]) -> Coded:
    kind = coded(dig(resource, "type"))
    return kind if kind.code or kind.text else coded(dig(resource, "category"))


def _attached(resource: dict[str, Any]) -> str | None:
    """The text that is in the resource itself; what is behind an address, a PDF or a picture is not read."""
    for place, content in enumerate(items(resource, "content")):
        attachment, path = dig(content, "attachment"), f"DocumentReference.content[{place}].attachment.data"
        media, _, rest = (text(attachment, "contentType") or "").partition(";")
        data = attachment.get("data") if isinstance(attachment, dict) else None
        if media.strip().lower() not in ("text/plain", "text/html", "application/xhtml+xml") or not isinstance(data, str):
            continue
        # Four characters of base64 are three bytes.
        if len(data) > MAX_BYTES * 3 // 2:
            raise FhirError("too_large", path=path)
        try:
            whole = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError) as err:
            raise FhirError("bad_shape", path=path) from err
        if len(whole) > MAX_BYTES:
            raise FhirError("too_large", path=path)
        declared = rest.lower().partition("charset=")[2].strip(" \"'")
        words = decode(whole, known(declared) if declared else None).text
        words = words if media.strip().lower() == "text/plain" else plain_text(words)
        if words.strip():
            return words.strip()
    return None


def _sections(node: dict[str, Any], depth: int) -> Iterator[str]:
    for section in items(node, "section"):
        title, words = text(section, "title") or coded(dig(section, "code")).text or "", plain_text(_div(section))
        if title or words:
            yield f"{title}：{words}" if title and words else title + words
        if depth < MAX_SECTIONS:
            yield from _sections(section, depth + 1)


def _div(node: dict[str, Any]) -> str:
    """The XHTML of a narrative, as far as it is not larger than a note may be."""
    narrative = node.get("text")
    found = narrative.get("div") if isinstance(narrative, dict) else None
    if not isinstance(found, str):
        return ""
    if len(found) > MAX_BYTES:
        raise FhirError("too_large", path="Composition.section.text.div")
    return found


def _author(resource: dict[str, Any], within: Within) -> str | None:
    return next((name for each in items(resource, "author") if (name := called(each, resource, within))), None)


def _visit(reference: Any, owner: dict[str, Any], within: Within) -> str | None:
    """The number of the Encounter meant: what `read` calls it when it is told itself."""
    found = within.find(reference, owner)
    if found is not None:
        logical = text(found, "id")
        return text(found, "identifier", "value") or (f"Encounter/{logical}" if logical else None)
    return text(reference, "identifier", "value") or relative(text(reference, "reference") or "") or None
