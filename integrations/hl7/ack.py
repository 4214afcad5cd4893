"""The answer to a message. AA says that it is stored, not that it is applied; AR that it never will be; AE that a later try may succeed.

Reading is tolerant, writing is strict: whatever the sender's message looks like, its answer is a well-formed one.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from integrations.hl7.errors import HL7Error
from integrations.hl7.read import Header, Message, read_header

Code = Literal["AA", "AE", "AR"]

# Message types that carry what we know how to use, or keep for later; queries and master files are other services.
TYPES = frozenset(
    "ADT BAR MDM OMD OMG OMI OML OMN OMP OMS ORL ORM ORR ORU OUL PGL PPG PPR RAS RDE RDS REF RGV RRI SIU VXU".split()  # noqa: SIM905
)
# P production, T training, D debugging: HL7 table 0103. What T and D bring never reaches patients.
PROCESSING_IDS = frozenset("PTD")
_VERSION = re.compile(r"[Vv]?2\.\d(?:\.\d)?[A-Z]?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# Our reason → HL7 table 0357's code and text, and the field it lies in.
_REASONS = {
    "not_hl7": ("100", "Segment sequence error", "MSH^1"),
    "no_control_id": ("101", "Required field missing", "MSH^1^10"),
    "no_type": ("101", "Required field missing", "MSH^1^9"),
    "unknown_type": ("200", "Unsupported message type", "MSH^1^9"),
    "unknown_processing_id": ("202", "Unsupported processing id", "MSH^1^11"),
    "unknown_version": ("203", "Unsupported version id", "MSH^1^12"),
    "unknown_sender": ("204", "Unknown key identifier", "MSH^1^3"),
}
_INTERNAL = ("207", "Application internal error", "")


@dataclass(frozen=True)
class Policy:
    """What a feed takes. `senders` are MSH-3 (`HIS`) or MSH-3 with MSH-4 (`HIS|总院`), None: any; a message without MSH-10 is refused
    unless the feed is known to send none (then its bytes are its identity)."""

    types: frozenset[str] = TYPES
    senders: frozenset[str] | None = None
    without_control_id: Literal["refuse", "accept"] = "refuse"
    charset: str | None = None


ANYONE = Policy()


@dataclass(frozen=True)
class Verdict:
    """How a message is to be answered once it is stored: AA, or AR with the reason. `header` is None if it has none."""

    code: Code
    error: str | None = None
    header: Header | None = None


def judge(data: bytes, policy: Policy = ANYONE) -> Verdict:
    """Whether these bytes are a message that this feed takes; never raises. MSH-11 or MSH-12 left out are taken for P and any 2.x."""
    try:
        header = read_header(data, policy.charset)
    except HL7Error as err:
        return Verdict("AR", err.code)
    kind = header.segment.get(9)
    told_version, told_processing = header.version, header.processing_id
    error = None
    if policy.senders is not None and not policy.senders & {header.sender, f"{header.sender}|{header.facility}"}:
        error = "unknown_sender"
    elif not kind:
        error = "no_type"
    elif kind.upper() not in policy.types:
        error = "unknown_type"
    elif told_version and not _VERSION.fullmatch(told_version):
        error = "unknown_version"
    elif told_processing and told_processing.upper() not in PROCESSING_IDS:
        error = "unknown_processing_id"
    elif not header.control_id and policy.without_control_id == "refuse":
        error = "no_control_id"
    return Verdict("AR" if error else "AA", error, header)


# The longest field of a header that is told back: HL7's own bound is 250, and a sender's reader may have a small one.
LONGEST_ECHO = 1_000


def ack(message: Message | Header | None, code: Code, error: str | None = None, *, now: datetime, new_id: str) -> bytes:
    """The acknowledgement of a message, in the charset it was received in, without MLLP framing.

    None answers bytes that were no message. `error` is a code of judge, of HL7Error or of our own (ASCII), told unless `code` is AA;
    a sender that asks for enhanced acknowledgement gets CA, CE or CR. `now` is aware, `new_id` the answer's MSH-10 (at most 20 characters).
    """
    header = message.header if isinstance(message, Message) else message
    asked = header.segment if header is not None else None
    signs = asked.separators if asked is not None else None
    sep, comp, sub = (signs.field, signs.component, signs.subcomponent) if signs else ("|", "^", "&")
    encoding = f"{signs.component}{signs.repetition}{signs.escape}{signs.subcomponent}" if signs else "^~\\&"

    def echo(number: int) -> str:
        return _CONTROL.sub("", asked.raw(number)[:LONGEST_ECHO]).strip() if asked is not None else ""

    event = _CONTROL.sub("", asked.get(9, 2)) if asked is not None else ""
    version = echo(12) or "2.5"
    kind = comp.join(("ACK", event, "ACK")) if event else "ACK"
    stamp = now.strftime("%Y%m%d%H%M%S%z")
    head = ["MSH", encoding, echo(5), echo(6), echo(3), echo(4), stamp, "", kind, new_id, echo(11) or "P", version]
    if echo(18):
        head += ["", "", "", "", "", echo(18)]
    answer = f"C{code[1]}" if header is not None and header.enhanced else code
    segments = [sep.join(head), sep.join(("MSA", answer, echo(10)))]
    if code != "AA":
        segments.append(_err(error, version, sep, comp, sub))
    return ("\r".join(segments) + "\r").encode(header.charset if header is not None else "utf-8", "replace")


def _err(error: str | None, version: str, sep: str, comp: str, sub: str) -> str:
    number, text, where = _REASONS.get(error or "", _INTERNAL)
    if re.match(r"[Vv]?2\.[1-4]", version):  # ERR-2 and on came with 2.5.
        place = [*where.split("^"), "", "", ""][:3] if where else ["", "", ""]
        return sep.join(("ERR", comp.join((*place, sub.join((number, text, "HL70357"))))))
    ours = _CONTROL.sub("", error or "")[:60]
    own = [comp.join((ours, "", "L"))] if ours.isascii() and ours.replace("_", "").isalnum() else [""]
    return sep.join(("ERR", "", where.replace("^", comp), comp.join((number, text, "HL70357")), "E", *own)).rstrip(sep)
