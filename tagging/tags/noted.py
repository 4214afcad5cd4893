"""What a clinical note says that bears on its patient's tags. Pure, and linear in the length of the note.

A note is cut into the parts that its headings begin, each part into sentences; a mention is judged by its sentence and by its part: what
stands in the family history is somebody else's, what a differential diagnosis or an advice names nobody has.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from tagging.folder import read_yaml
from tagging.medicine import find_listed
from tagging.tags.errors import TagError
from tagging.tags.library import shipped
from tagging.tags.premise import Strict
from tagging.tags.told import joined, medicine_tag
from tagging.text import fold

FILE = Path(__file__).parent / "noted.yml"
# The record of a long stay has some ten thousand characters. A sentence above REACH is cut: nobody writes one, and each mention is
# judged by its whole sentence.
LONGEST, REACH, QUOTE = 200_000, 240, 80
# A heading is a word of a few characters before a colon.
HEADING = 12

Stance = Literal["for", "against", "possible"]

# A number of a list begins a new one: 1.川崎病 2.哮喘？
_SENTENCE = re.compile(r"[^。！？!?；;\n]*?(?:[。！？!?；;\n]+|(?=[ \t]\d{1,2}[.、)）](?!\d))|$)")
_COLON = re.compile(r"[：:】\]]|(?<=[\u4e00-\u9fff])(?:[ \t]{2,}|\u3000)")
_WORD = re.compile(r"[\u4e00-\u9fffa-z]+$")
_BARE = re.compile(r"^[\s【\[（(一二三四五六七八九十、.0-9]*([\u4e00-\u9fff]{2,8})[】\])）\s]*$")
_CLAUSE = re.compile(r"[，,；;。：:\n]")


class Fact(Strict):
    """How a disease or treatment is written."""

    say: tuple[str, ...] = Field(min_length=1)
    over: tuple[str, ...] = ()
    treatment: bool = False
    cured: bool = False


class Table(Strict):
    """The file."""

    version: str
    needs_clinician_review: bool
    because: str
    confidence: Mapping[str, float]
    sections: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, Fact]
    cues: Mapping[str, str]


@dataclass(frozen=True)
class NoteFinding:
    """One thing that a note says of a tag: `sentence` is where, as written, `heading` the part of the note that it stands in."""

    code: str
    stance: Stance
    sentence: str
    heading: str
    confidence: float


@dataclass(frozen=True)
class _Sentence:
    """A sentence with its part: folded, and where it stands in the note."""

    text: str
    start: int
    section: str
    heading: str


@dataclass(frozen=True)
class _Reader:
    table: Table
    sections: tuple[tuple[str, re.Pattern[str]], ...]
    anything: re.Pattern[str]
    facts: Mapping[str, tuple[re.Pattern[str], re.Pattern[str] | None, Fact]]
    cues: Mapping[str, re.Pattern[str]]


# Of what is said in these parts nothing is the patient's own, or is so yet.
_SILENT = frozenset({"family", "differential", "notice", "planned"})
# What is given in hospital and stops there counts only where it is prescribed.
_GIVEN_FOR_NOW = frozenset(
    {"steroid", "inhaled_steroid", "insulin", "anticoagulant", "antidepressant", "antiepileptic", "tube_feeding", "oxygen_home"}
)
_ORDER: tuple[Stance, ...] = ("for", "against", "possible")


def read_note(text: str) -> tuple[NoteFinding, ...]:
    """What the note says, one finding for each tag: that the patient has it counts before that he has not, and that before that he may.

    Characters beyond LONGEST are not read.
    """
    reader = _reader()
    folded = fold(text[:LONGEST])
    found: dict[tuple[str, Stance], NoteFinding] = {}
    ended: set[str] = set()
    for sentence in _sentences(folded, reader):
        if sentence.section in _SILENT:
            continue
        for code, stance in (*_facts(sentence, reader, ended), *_medicines(sentence, reader, ended)):
            sure, known = _sure(reader, sentence), found.get((code, stance))
            # Of what is said twice the surer place is quoted, else the first.
            if known is None or known.confidence < sure:
                quote = text[sentence.start : sentence.start + len(sentence.text)].strip()[:QUOTE]
                found[code, stance] = NoteFinding(code, stance, quote, sentence.heading, sure)
    best: dict[str, NoteFinding] = {}
    for (code, stance), finding in sorted(found.items(), key=lambda each: _ORDER.index(each[0][1])):
        if not (stance == "for" and code in ended):
            best.setdefault(code, finding)
    return tuple(best.values())


def _sure(reader: _Reader, sentence: _Sentence) -> float:
    return reader.table.confidence["diagnosis" if sentence.section == "diagnosis" else "else"]


def _sentences(folded: str, reader: _Reader) -> Iterator[_Sentence]:
    """The sentences with their parts. Where a note names a final diagnosis, that on admission says nothing."""
    parts = list(_parts(folded, reader))
    final = any(section == "diagnosis" and heading for section, heading, _, _ in parts)
    for section, heading, start, end in parts:
        if section == "admission":
            section = "differential" if final else "diagnosis"
        for match in _SENTENCE.finditer(folded, start, end):
            for begin in range(match.start(), match.end(), REACH):
                piece = folded[begin : min(begin + REACH, match.end())]
                if piece.strip():
                    yield _Sentence(piece, begin, section, heading)


def _parts(folded: str, reader: _Reader) -> Iterator[tuple[str, str, int, int]]:
    """Section, heading, start and end of each part of the note."""
    section, heading, begin = "present", "", 0
    for start, end, word, name in _headings(folded, reader):
        if start > begin:
            yield section, heading, begin, start
        section, heading, begin = name, word, end
    yield section, heading, begin, len(folded)


def _headings(folded: str, reader: _Reader) -> Iterator[tuple[int, int, str, str]]:
    found: list[tuple[int, int, str, str]] = []
    for colon in _COLON.finditer(folded):
        word = _WORD.search(folded, max(0, colon.start() - HEADING), colon.start())
        before = folded[max(0, colon.start() - HEADING) : colon.start()].rstrip()
        word = _WORD.search(before)
        if word is not None and (name := _section(word[0], reader)) is not None:
            found.append((colon.start() - len(word[0]), colon.end(), word[0], name))
    at = 0
    for line in folded.split("\n"):
        bare = _BARE.match(line) if len(line) <= 2 * HEADING else None
        if bare is not None and (name := _section(bare[1], reader)) is not None:
            found.append((at, at + len(line), bare[1], name))
        at += len(line) + 1
    found.sort()
    last = -1
    for each in found:
        if each[0] >= last:
            yield each
            last = each[1]


def _section(word: str, reader: _Reader) -> str | None:
    return next((name for name, pattern in reader.sections if pattern.search(word)), None)


def _facts(sentence: _Sentence, reader: _Reader, ended: set[str]) -> Iterator[tuple[str, Stance]]:
    text = sentence.text
    if sentence.section != "operation" and not reader.anything.search(text):
        return
    for code, (say, over, fact) in reader.facts.items():
        if over is not None and _is_over(text, over, reader):
            ended.add(code)
            continue
        if sentence.section == "course" and code in _GIVEN_FOR_NOW:
            continue
        for match in say.finditer(text):
            stance = _treated(sentence, match, reader) if fact.treatment else _judged(sentence, match, reader, fact)
            if stance is not None:
                yield code, stance
        if code == "postop" and sentence.section == "operation" and not reader.cues["planned_before"].search(text) and "术" in text:
            yield code, "for"


def _is_over(text: str, over: re.Pattern[str], reader: _Reader) -> bool:
    """Whether the sentence says that a treatment of the patient's has ended, and does not forbid to end it."""
    ended = (match.start() for match in over.finditer(text))
    return any(not reader.cues["forbids"].search(text[:at]) and not _somebody_else(text, at, reader) for at in ended)


def _judged(sentence: _Sentence, match: re.Match[str], reader: _Reader, fact: Fact) -> Stance | None:
    """What a mention of a disease means."""
    text, cues = sentence.text, reader.cues
    before, after = _around(text, match.start(), match.end(), cues)
    clause = before[_last(_CLAUSE, before) :]
    if _somebody_else(text, match.start(), reader) or cues["hypothetical_after"].search(after):
        return None
    told: Stance | None = "for"
    if cues["conditional"].search(before):
        return None
    if cues["open"].search(clause) or cues["open"].search(after[:8]) or cues["looked_for"].search(before):
        told = "possible"
    elif _reaches(cues["excluded_before"], clause, cues) or cues["excluded_after"].search(after):
        told = "against"
    elif _reaches(cues["denied_before"], clause, cues) or _reaches(cues["denies_sentence"], before, cues):
        told = "against" if cues["grounds_after"].search(after) else None
    elif cues["possible_before"].search(clause) or cues["possible_after"].search(after):
        told = "possible"
    elif cues["hypothetical_before"].search(clause) or (cues["cured_after"].search(after) and not fact.cured):
        told = None
    # Without a history of it, it may still be there now.
    return None if told == "against" and sentence.section == "past" else told


def _treated(sentence: _Sentence, match: re.Match[str], reader: _Reader) -> Stance | None:
    """What a mention of a treatment means: done, or nothing."""
    text, cues = sentence.text, reader.cues
    before, after = _around(text, match.start(), match.end(), cues)
    clause = before[_last(_CLAUSE, before) :]
    if (
        _somebody_else(text, match.start(), reader)
        or cues["conditional"].search(before)
        or cues["planned_before"].search(clause)
        or cues["hypothetical_before"].search(clause)
        or cues["hypothetical_after"].search(after)
        or _reaches(cues["denied_before"], clause, cues)
        or cues["excluded_after"].search(after)
        or cues["possible_after"].search(after)
    ):
        return None
    return "for"


def _medicines(sentence: _Sentence, reader: _Reader, ended: set[str]) -> Iterator[tuple[str, Stance]]:
    if sentence.section in ("exam", "evidence", "diagnosis", "admission"):
        return
    text, cues = sentence.text, reader.cues
    for start, end, generic, drug_class in find_listed(text):
        code = medicine_tag(generic, drug_class)
        if code is None or _somebody_else(text, start, reader) or cues["no_medicine_after"].match(text[end : end + 4]):
            continue
        before, after = _around(text, start, end, cues)
        clause = before[_last(_CLAUSE, before) :]
        if cues["conditional"].search(before) or cues["planned_before"].search(clause) or cues["hypothetical_before"].search(clause):
            continue
        if cues["stopped"].search(clause) or cues["stopped"].search(after):
            if sentence.section != "plan":
                ended.add(code)
        elif sentence.section == "plan":
            ended.discard(code)
            yield code, "for"
        elif not (sentence.section == "course" and code in _GIVEN_FOR_NOW):
            yield code, "for"


def _around(text: str, start: int, end: int, cues: Mapping[str, re.Pattern[str]]) -> tuple[str, str]:
    """What stands before and behind in the sentence, without words that contain a negator and deny nothing."""
    return tuple(cues["idioms"].sub(lambda match: "＿" * len(match.group()), each) for each in (text[:start], text[end:]))  # type: ignore[return-value]


def _reaches(cue: re.Pattern[str], before: str, cues: Mapping[str, re.Pattern[str]]) -> bool:
    """Whether the last `cue` reaches to the end of `before`: nothing new begins between."""
    ends = [match.end() for match in cue.finditer(before)]
    if not ends:
        return False
    between = before[ends[-1] :]
    return not cues["breaks"].search(between) and not re.search(r"(?<!没)(?<!未)(?<=.)有", between[1:])


def _somebody_else(text: str, start: int, reader: _Reader) -> bool:
    """Whether the sentence speaks of a relative at this place."""
    last = -1
    for match in reader.cues["relatives"].finditer(text, 0, start):
        after = text[match.end() : match.end() + 6]
        within = text[match.start() : start]
        closed = within.count(")") + within.count("）") > within.count("(") + within.count("（")
        if not closed and not re.match(reader.table.cues["no_relative_after"], after):
            last = match.start()
    if last < 0:
        return False
    return not any(match.start() > last for match in reader.cues["patient"].finditer(text, 0, start))


def _last(mark: re.Pattern[str], text: str) -> int:
    return max((match.end() for match in mark.finditer(text)), default=0)


def read_table(path: Path) -> _Reader:
    """The patterns of a file. Raises TagError (`rules`) with one sentence."""
    try:
        table = Table.model_validate(read_yaml(path))
    except ValidationError as err:
        first = err.errors()[0]
        raise TagError("rules", f"{path.name}: {'.'.join(map(str, first['loc']))} {first['msg']}.") from err
    if strange := sorted(set(table.facts) - set(shipped().entries)):
        raise TagError("rules", f"{path.name}: the tag {strange[0]} is not in the library.")
    facts = {
        code: (joined(path, code, fact.say), joined(path, code, fact.over) if fact.over else None, fact)
        for code, fact in table.facts.items()
    }
    every = [pattern for fact in table.facts.values() for pattern in (*fact.say, *fact.over)]
    sections = tuple((name, joined(path, name, [f"(?:{each})$" for each in said])) for name, said in table.sections.items())
    cues = {name: joined(path, name, [pattern]) for name, pattern in table.cues.items()}
    return _Reader(table, sections, joined(path, "all", every), facts, cues)


@cache
def _reader() -> _Reader:
    return read_table(FILE)


def because(title: str, day: date, finding: NoteFinding) -> str:
    """What a note said, for clinicians: which note, which part of it, and the very sentence."""
    return _reader().table.because.format(title=title[:QUOTE], day=day.isoformat(), heading=finding.heading, sentence=finding.sentence)


def version() -> str:
    """The version of the reader: a note that an older one has read is read again."""
    return _reader().table.version
