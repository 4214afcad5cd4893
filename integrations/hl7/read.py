"""A message's bytes → its segments, or only its header, which is all that storing and answering it need."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from string import punctuation

from integrations.hl7.charset import Decoded, decode, known
from integrations.hl7.errors import HL7Error
from integrations.hl7.segment import Segment, Separators, separators_of
from integrations.hl7.split import LARGEST, split

# Beyond these it is no message but an attack. The widest standard segment has 89 fields; the longest real messages have some thousand
# segments, and the longest tables in a field some hundred repetitions.
MOST_SEGMENTS, MOST_FIELDS, MOST_REPETITIONS = 50_000, 5_000, 10_000
_COMMENT = ("#", "//", "--", ";", "/*", "<!--")


@dataclass(frozen=True)
class Header:
    """MSH. `charset` is the codec in which the message is written, whatever it declares; `note` see charset.Decoded."""

    segment: Segment
    charset: str
    note: str | None = None

    @property
    def sender(self) -> str:
        return self.segment.get(3)

    @property
    def facility(self) -> str:
        return self.segment.get(4)

    @property
    def type(self) -> str:
        """`ADT^A01`: type and event of MSH-9; EVN-1 is often another and is not asked."""
        return "^".join(part for part in (self.segment.get(9), self.segment.get(9, 2)) if part)

    @property
    def control_id(self) -> str:
        return self.segment.get(10)

    @property
    def processing_id(self) -> str:
        return self.segment.get(11)

    @property
    def version(self) -> str:
        return self.segment.get(12)

    @property
    def enhanced(self) -> bool:
        """Whether the sender asks for enhanced acknowledgement: MSH-15 or MSH-16 is of table 0155. Analysers write other things there."""
        return bool({self.segment.get(15).upper(), self.segment.get(16).upper()} & {"AL", "NE", "ER", "SU"})


@dataclass(frozen=True)
class Message:
    """One message. Its segments stand in the sender's order; `notes` tell in codes what was odd about its bytes."""

    header: Header
    segments: tuple[Segment, ...]
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Its control id, or where it has none the SHA-256 of what it says."""
        if self.header.control_id:
            return self.header.control_id
        told = "\r".join(segment.separators.field.join(segment.fields) for segment in self.segments)
        return f"sha256:{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()}"

    @cached_property
    def by_name(self) -> dict[str, list[Segment]]:
        found: dict[str, list[Segment]] = {}
        for segment in self.segments:
            found.setdefault(segment.name, []).append(segment)
        return found

    def all(self, name: str) -> list[Segment]:
        return self.by_name.get(name, [])

    def first(self, name: str) -> Segment | None:
        found = self.by_name.get(name)
        return found[0] if found else None


def read(data: bytes, charset: str | None = None) -> Message:
    """One message, from its MSH on; `charset` overrides what it says of itself. Raises HL7Error and nothing else, whatever the bytes."""
    decoded, separators = _decoded(data, charset)
    lines = _lines(decoded.text, separators.field)
    segments = tuple(_segment(line, separators) for line in lines)
    return Message(Header(segments[0], decoded.charset, decoded.note), segments, (decoded.note,) if decoded.note else ())


def read_header(data: bytes, charset: str | None = None) -> Header:
    """Only MSH, of the first message in these bytes. Raises HL7Error."""
    decoded, separators = _decoded(data, charset)
    line = decoded.text.replace("\n", "\r", 1).split("\r", 1)[0]
    return Header(_segment(line, separators), decoded.charset, decoded.note)


def _decoded(data: bytes, override: str | None) -> tuple[Decoded, Separators]:
    if len(data) > LARGEST:
        raise HL7Error("too_large")
    if not data.startswith(b"MSH"):
        data = split(data)[0]
    codec = known(override) if override is not None else None
    if override is not None and codec is None:
        raise HL7Error("charset_unknown")
    decoded = decode(data, _declared(data), codec)
    # A byte order mark or the like may have gone; what is left begins with MSH.
    if len(decoded.text) < 5 or not decoded.text.startswith("MSH") or decoded.text[3] not in punctuation:
        raise HL7Error("not_hl7")
    return decoded, separators_of(decoded.text, decoded.charset)


def _declared(data: bytes) -> str | None:
    """The charset of MSH-18, or of MSH-17, where a Chinese vendor's off-by-one puts it."""
    line = decode(data[:4000].replace(b"\n", b"\r").split(b"\r", 1)[0]).text
    if len(line) < 5:
        return None
    fields = line.split(line[3], 19)
    for number in (17, 16):  # MSH-18 and MSH-17: here the separator is not counted.
        if len(fields) > number and fields[number]:
            # "~" and "^" in practice; whoever uses other separators declares one charset only.
            codec = known(fields[number].split("~", 1)[0].split("^", 1)[0])
            if codec is not None:
                return codec
    return None


def _segment(line: str, separators: Separators) -> Segment:
    if line.count(separators.field) > MOST_FIELDS or line.count(separators.repetition) > MOST_REPETITIONS:
        raise HL7Error("depth")
    return Segment(line, separators)


def _lines(text: str, field: str) -> list[str]:
    """One string a segment. A line that begins no segment goes on with the field before it (free text in OBX-5). Blank lines are left out,
    since some senders end every line twice; what stands behind one at the end, and comments there, belong to nobody."""
    text = text.replace("\x0b", "\r").replace("\x1c", "\r").replace("\r\n", "\r").replace("\n", "\r")
    if text.count("\r") > MOST_SEGMENTS:
        raise HL7Error("depth")
    lines: list[list[str]] = []
    pending: list[str] = []
    for line in text.split("\r"):
        name = line[:3]
        if len(line) <= 3 or line[3] != field or not _is_name(name):
            bare = line.lstrip()
            if not (len(bare) > 3 and bare[3] == field and _is_name(bare[:3])):
                pending.append(line)
                continue
            line = bare
        if lines:
            lines[-1].extend(filter(str.strip, pending))
        pending = []
        lines.append([line])
    lines[-1].extend(_without_comment(lines[-1][0], pending, field))
    return ["\n".join(parts) if len(parts) > 1 else parts[0] for parts in lines]


def _is_name(name: str) -> bool:
    return name.isascii() and name.isalnum() and name[0].isalpha() and name.upper() == name


def _without_comment(last: str, trailing: list[str], field: str) -> list[str]:
    """Of the lines behind the last segment those that belong to it. A text in OBX-5 goes on over blank lines until OBX-11 is there."""
    fields = last.count(field)
    found: list[str] = []
    for line in trailing:
        within_text = last.startswith("OBX") and fields < 11
        if line.lstrip().startswith(_COMMENT) or not (line.strip() or within_text):
            break
        fields += line.count(field)
        found.append(line)
    return [line for line in found if line.strip()]
