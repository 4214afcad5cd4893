"""OBX: results and vital signs, each with the report (OBR, or a document's TXA) above it."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from integrations.event import Coded, Observed
from integrations.hl7.about import About
from integrations.hl7.coded import coded, told
from integrations.hl7.fields import unit_of
from integrations.hl7.segment import Segment
from integrations.hl7.timestamp import iso

TEXTS = frozenset({"TX", "FT", "ST"})
# Curves, pictures and documents: nothing that could be told in a line.
WITHOUT_WORDS = frozenset({"ED", "RP", "NA", "MA"})
# Table 0085.
STATUS = frozenset("ABCDFINOPRSUVWX")
# Result status of a report (table 0123) where a result has none of its own (table 0085).
REPORT_STATUS = {"P": "P", "R": "R", "S": "S", "A": "P", "I": "I", "O": "I", "C": "C", "X": "X"}


def results(about: About, *, of_vaccines: bool = True, words: bool = True) -> Iterator[Observed]:
    """Every observation. Lines of a free text under one code are one observation with several values; other repeats get a number.

    Without `of_vaccines` those behind an RXA are left out: they are the vaccine's papers, not findings. Without `words` so are texts,
    which are the document itself (see note.py).
    """
    report: Segment | None = None
    vaccine = False
    found: dict[str, tuple[Observed, list[str]]] = {}
    times: dict[str, int] = {}
    for segment in about.segments:
        if segment.name in ("OBR", "TXA"):
            report, vaccine = segment, False
        elif segment.name == "RXA":
            vaccine = True
        elif segment.name == "OBX" and (of_vaccines or not vaccine) and (words or not is_words(segment)):
            one = _observed(about, segment, report)
            if one is None:
                continue
            if one.key in found and segment.get(2) in TEXTS:
                found[one.key][1].extend(one.values)
                continue
            times[one.key] = time = times.get(one.key, 0) + 1
            key = one.key if time == 1 else f"{one.key}#{time}"
            found[key] = replace(one, key=key), list(one.values)
    for observed, values in found.values():
        yield replace(observed, values=tuple(values)) if len(values) > len(observed.values) else observed


def is_words(obx: Segment) -> bool:
    """Whether an OBX is part of a text: of a text's type, or a document that is plain text."""
    return obx.get(2) in TEXTS or (obx.get(2) == "ED" and obx.get(5, 2).upper() == "TEXT")


def _observed(about: About, obx: Segment, report: Segment | None) -> Observed | None:
    """None where neither the result nor its report says what was looked at."""
    names = _report(report)
    code = coded(obx, 3)
    if not told(code):
        code = names
    if not told(code):
        return None
    of_order = report is not None and report.name == "OBR"
    drawn = about.moment(report, 7) if of_order else about.moment(report, 4)
    written = obx.raw(14) or (report.raw(7) if report is not None else "")
    number = _number(report) or f"{about.visit or ''}@{written}"
    return Observed(
        person=about.person,
        at=about.at,
        # A correction comes under the same order, code and sub-id.
        key="|".join((number, code.code or code.text or "", obx.get(4))).rstrip("|"),
        code=code,
        values=tuple(value for raw in obx.repetitions(5) if (value := _value(obx, raw)) and value != '""'),
        unit=unit_of(obx) or None,
        reference_range=obx.text(obx.raw(7)) or None,
        flag=obx.get(8) or None,
        status=_status(obx, report if of_order else None),
        report=names if told(names) else None,
        effective_at=about.moment(obx, 14) or drawn,
        document=_document(obx),
    )


def _status(obx: Segment, report: Segment | None) -> str:
    """The result's own; analysers write numbers there, or nothing: then the report's, and without one it is final."""
    own = obx.get(11).upper()
    if own in STATUS:
        return own
    return (REPORT_STATUS.get(report.get(25).upper()) if report is not None else None) or "F"


def _report(report: Segment | None) -> Coded:
    if report is None:
        return Coded()
    return coded(report, 4 if report.name == "OBR" else 2)


def _number(report: Segment | None) -> str:
    """The laboratory's number of an order, else the orderer's; a document's own."""
    if report is None:
        return ""
    return (report.get(3) or report.get(2)) if report.name == "OBR" else report.get(12)


def _value(obx: Segment, raw: str) -> str:
    """As it is written, in one line of words."""
    kind = obx.get(2)
    if kind in WITHOUT_WORDS:
        return ""
    match kind:
        case "CE" | "CWE" | "CNE" | "CF":
            return obx.part(raw, 2) or obx.part(raw) or obx.part(raw, 5) or obx.part(raw, 9)
        case "SN":  # >^100, ^1^:^128, ^182
            return "".join(obx.part(raw, component) for component in (1, 2, 3, 4))
        case "CQ" | "MO":
            return obx.part(raw)
        case "DT" | "TS" | "DTM":
            return iso(obx.part(raw))
    return obx.text(raw)


def _document(obx: Segment) -> str | None:
    """The SHA-256 of an embedded document, of its bytes where they can be had."""
    data = embedded(obx)
    return hashlib.sha256(data).hexdigest() if data else None


def embedded(obx: Segment) -> bytes:
    """What an ED holds, decoded where that can be done; empty where it holds nothing."""
    told = obx.get(5, 5) if obx.get(2) == "ED" else ""
    data = told.encode()
    if obx.get(5, 4).upper() == "BASE64":
        with suppress(binascii.Error):
            data = base64.b64decode(data)
    elif obx.get(5, 4).upper() == "HEX":
        with suppress(ValueError):
            data = bytes.fromhex(told)
    return data
