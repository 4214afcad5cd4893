"""Clinical notes: a document with its TXA (MDM), and reports whose result is a text (OBX of type TX or FT under an OBR)."""

from collections.abc import Iterator, Sequence

from integrations.event import Coded, Noted
from integrations.hl7.about import About
from integrations.hl7.charset import decode
from integrations.hl7.coded import coded, told
from integrations.hl7.person import name_of
from integrations.hl7.result import embedded, is_words
from integrations.hl7.segment import Segment

# HL7 table 0003: the document is taken back; an older one is replaced.
WITHDRAWN, REPLACED = "T11", frozenset({"T09", "T10"})
# Table 0271 (TXA-17): not finished yet. Table 0273 (TXA-19): deleted, obsolete.
UNFINISHED = frozenset({"DI", "IN", "IP"})
AVAILABILITY = {"CA": "entered-in-error", "OB": "superseded"}
EDITED = frozenset({"T07", "T08"})
# Table 0085 and 0123: what of a report is not, or no longer, to be read.
REPORT_STATUS = {
    **dict.fromkeys("DWX", "entered-in-error"), **dict.fromkeys("PRSIOAB", "preliminary"), "C": "amended",
}  # fmt: skip
# A text of fewer characters is a value in words (阴性, 少量白细胞), not a report.
SHORTEST_REPORT = 40


def documents(about: About, trigger: str) -> Iterator[Noted]:
    """The documents of an MDM. A replacement also says of the one that it replaces that it is superseded."""
    groups: list[tuple[Segment | None, list[Segment]]] = []
    for segment in about.segments:
        if segment.name == "TXA":
            groups.append((segment, []))
        elif segment.name == "OBX" and is_words(segment):
            if not groups:
                groups.append((None, []))
            groups[-1][1].append(segment)
    for txa, words in groups:
        note = _document(about, txa, words, trigger)
        if note is not None:
            yield note
        parent = txa.get(13) if txa is not None else ""
        if trigger in REPLACED and parent:
            yield Noted(person=about.person, at=about.at, key=parent, status="superseded")


def _document(about: About, txa: Segment | None, words: Sequence[Segment], trigger: str) -> Noted | None:
    text = _joined(words)
    if txa is None:
        kind = _name(words[0])
        written = about.moment(words[0], 14) or about.at
        key, author, status = f"{about.visit or ''}@{words[0].raw(14) or about.at}|{kind.code or kind.text or ''}", None, "final"
    else:
        kind = coded(txa, 2)
        number = txa.get(12)
        written = about.moment(txa, 4) or about.moment(txa, 6) or about.moment(txa, 7) or about.at
        key = number or f"{about.visit or ''}@{txa.raw(4)}|{kind.code or kind.text or ''}"
        author = _person(txa, 9) or _person(txa, 5) or _person(txa, 10)
        status = "preliminary" if txa.get(17).upper() in UNFINISHED else "amended" if trigger in EDITED else "final"
        status = AVAILABILITY.get(txa.get(19).upper(), status)
    if trigger == WITHDRAWN:
        status = "entered-in-error"
    if text is None and not told(kind) and status == "final":
        return None
    title = kind.text or (txa.get(16) if txa is not None else "") or (words[0].get(3, 2) if words else "")
    return Noted(
        person=about.person, at=about.at, key=key, kind=kind, title=title or None, text=text, author=author, written_at=written,
        visit=about.visit, status=status,
    )  # fmt: skip


def reports(about: About) -> Iterator[Noted]:
    """Reports whose result is a text: one for each OBR with at least SHORTEST_REPORT characters of it."""
    report: Segment | None = None
    words: list[Segment] = []
    for segment in about.segments:
        if segment.name in ("OBR", "RXA"):
            yield from _report(about, report, words)
            report, words = (segment if segment.name == "OBR" else None), []
        elif segment.name == "OBX" and report is not None and segment.get(2) in ("TX", "FT") and not segment.raw(6) and not segment.raw(7):
            words.append(segment)
    yield from _report(about, report, words)


def _report(about: About, obr: Segment | None, words: Sequence[Segment]) -> Iterator[Noted]:
    text = _joined(words)
    if obr is None or text is None or len(text) < SHORTEST_REPORT:
        return
    kind = coded(obr, 4)
    number = obr.get(3) or obr.get(2) or f"{about.visit or ''}@{obr.raw(7)}"
    said = words[0].get(11).upper() or obr.get(25).upper()
    yield Noted(
        person=about.person, at=about.at, key=f"{number}|{kind.code or kind.text or ''}", kind=kind, title=kind.text, text=text,
        author=_person(obr, 32, composite=True), written_at=about.moment(obr, 22) or about.moment(words[0], 14) or about.moment(obr, 7),
        visit=about.visit, status=REPORT_STATUS.get(said, "final"), report=True,
    )  # fmt: skip


def _joined(words: Sequence[Segment]) -> str | None:
    """The text of several OBX. Where they have different names (主诉, 现病史 …) each begins with its own, as a heading."""
    parts: list[tuple[str, list[str]]] = []
    for obx in words:
        name, lines = _name(obx), _lines(obx)
        heading = name.text or name.code or ""
        if parts and parts[-1][0] == heading:
            parts[-1][1].extend(lines)
        else:
            parts.append((heading, lines))
    headed = len({heading for heading, _ in parts}) > 1
    written = [(f"{heading}：" if headed and heading else "") + "\n".join(lines) for heading, lines in parts if any(lines)]
    return "\n".join(written).strip() or None


def _lines(obx: Segment) -> list[str]:
    if obx.get(2) == "ED":
        return [decode(embedded(obx)).text]
    return [text for raw in obx.repetitions(5) if (text := obx.text(raw)) and text != '""']


def _name(obx: Segment) -> Coded:
    return coded(obx, 3)


def _person(segment: Segment, number: int, *, composite: bool = False) -> str | None:
    """The name in an XCN field (id^family^given), or (`composite`) in an NDL, whose person is its first component's parts."""
    parts = [segment.get(number, 1, place) if composite else segment.get(number, place) for place in (2, 3)]
    return name_of(*parts) if any(parts) else None
