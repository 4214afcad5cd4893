"""What a message says that bears on this patient's tags: diseases, treatments, medicines, and how the family wants to be met. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from tagging.assertion import Assertion, Span, assess
from tagging.folder import read_yaml
from tagging.medicine import MedicineMention
from tagging.tags.errors import TagError
from tagging.tags.library import shipped
from tagging.tags.premise import Strict
from tagging.text import CLAUSE_END, fold
from tagging.topic import is_knowledge_question, is_only_learning

FILE = Path(__file__).parent / "told.yml"
# Nobody tells more about a child in one message than stands in its first part; the rest is left to people.
LONGEST, MOST, QUOTE = 1000, 12, 40


class Fact(Strict):
    """How a disease or treatment is told."""

    say: tuple[str, ...] = Field(min_length=1)
    over: tuple[str, ...] = ()
    past: bool = False


class Table(Strict):
    """The file."""

    confidence: Mapping[str, float]
    facts: Mapping[str, Fact]
    medicines: Mapping[str, Mapping[str, str]]
    wishes: Mapping[str, tuple[str, ...]]
    stances: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Told:
    """One thing told: for the tag or `against` it, in whose words, how far it is believed."""

    code: str
    against: bool
    because: str
    confidence: float


@dataclass(frozen=True)
class _Reader:
    """The patterns, ready; `anything` matches wherever one of them may."""

    table: Table
    anything: re.Pattern[str]
    facts: Mapping[str, tuple[re.Pattern[str], re.Pattern[str] | None, bool]]
    wishes: Mapping[str, tuple[re.Pattern[str], float]]


def read_told(text: str, medicines: Sequence[MedicineMention] = ()) -> tuple[Told, ...]:
    """What `text` tells, at most MOST things; `medicines` are those found in it. Nothing for most messages, and quickly so."""
    reader = _reader()
    folded = fold(text)[:LONGEST]
    known = [each for each in medicines if each.end <= LONGEST and each.status == "present" and _medicine_tag(reader.table, each)]
    if not known and not reader.anything.search(folded):
        return ()
    found: dict[tuple[str, bool], Told] = {}
    if not is_only_learning(text[:LONGEST]):
        for told in (*_facts(text, folded, reader), *_medicines(text, folded, known, reader)):
            found.setdefault((told.code, told.against), told)
    for code, (pattern, confidence) in reader.wishes.items():
        if match := pattern.search(folded):
            found.setdefault((code, False), Told(code, False, _quote(text, folded, match.start(), match.end()), confidence))
    return tuple(found.values())[:MOST]


def _facts(text: str, folded: str, reader: _Reader) -> Iterable[Told]:
    confidence = reader.table.confidence["fact"]
    over: list[tuple[str, int, int]] = []
    spans: list[tuple[int, int, str, bool]] = []
    for code, (say, ended, past) in reader.facts.items():
        over += [(code, *match.span()) for match in (ended.finditer(folded) if ended else ())]
        spans += [(*match.span(), code, past) for match in say.finditer(folded)]
    for code, start, end in over:
        if _alone(folded, start, end).whose == "patient":
            yield Told(code, True, _quote(text, folded, start, end), confidence)
    ended_codes = {code for code, _, _ in over}
    spans = sorted(each for each in spans if each[2] not in ended_codes)
    for (start, end, code, past), meant in zip(spans, assess(folded, [Span(start, end) for start, end, _, _ in spans]), strict=True):
        if meant.whose != "patient" or meant.when == "hypothetical" or is_knowledge_question(_clause(folded, start, end)):
            continue
        quote = _quote(text, folded, start, end)
        if meant.status == "absent":
            yield Told(code, True, quote, confidence)
        elif meant.status == "present" and not meant.resolved and (meant.when == "now" or past):
            yield Told(code, False, quote, confidence)


def _medicines(text: str, folded: str, known: Sequence[MedicineMention], reader: _Reader) -> Iterable[Told]:
    for each in known:
        meant, code = _alone(folded, each.start, each.end), _medicine_tag(reader.table, each)
        if code and meant.status == "present" and meant.whose == "patient" and meant.when == "now":
            yield Told(code, False, _quote(text, folded, each.start, each.end), reader.table.confidence["medicine"])


def _alone(folded: str, start: int, end: int) -> Assertion:
    return assess(folded, [Span(start, end)])[0]


def _medicine_tag(table: Table, medicine: MedicineMention) -> str | None:
    return table.medicines["generics"].get(medicine.generic or "") or table.medicines["classes"].get(medicine.drug_class or "")


def medicine_tag(generic: str, drug_class: str) -> str | None:
    """The tag of a medicine, by its generic name or its class."""
    table = _reader().table
    return table.medicines["generics"].get(generic) or table.medicines["classes"].get(drug_class)


def _clause(folded: str, start: int, end: int) -> str:
    before = [mark.end() for mark in CLAUSE_END.finditer(folded, 0, start)]
    after = CLAUSE_END.search(folded, end)
    return folded[before[-1] if before else 0 : after.end() if after else len(folded)]


def _quote(text: str, folded: str, start: int, end: int) -> str:
    """The words with what stands around them in their clause, at most QUOTE characters."""
    before = [mark.end() for mark in CLAUSE_END.finditer(folded, 0, start)]
    first = max(before[-1] if before else 0, start - 15)
    after = CLAUSE_END.search(folded, end)
    return f"家属说：「{text[first : min(after.start() if after else len(folded), first + QUOTE)].strip()}」"


def read_table(path: Path) -> _Reader:
    """The patterns of a file. Raises TagError (`rules`) with one sentence."""
    try:
        table = Table.model_validate(read_yaml(path))
    except ValidationError as err:
        first = err.errors()[0]
        raise TagError("rules", f"{path.name}: {'.'.join(map(str, first['loc']))} {first['msg']}.") from err
    codes = [*table.facts, *table.wishes, *table.stances, *(code for group in table.medicines.values() for code in group.values())]
    if strange := sorted(set(codes) - set(shipped().entries)):
        raise TagError("rules", f"{path.name}: the tag {strange[0]} is not in the library.")
    facts = {
        code: (joined(path, code, fact.say), joined(path, code, fact.over) if fact.over else None, fact.past)
        for code, fact in table.facts.items()
    }
    groups: Sequence[tuple[str, Mapping[str, Any]]] = (("wish", table.wishes), ("stance", table.stances))
    wishes = {code: (joined(path, code, say), table.confidence[kind]) for kind, group in groups for code, say in group.items()}
    every = [
        *(p for fact in table.facts.values() for p in (*fact.say, *fact.over)),
        *(p for _, group in groups for say in group.values() for p in say),
    ]
    return _Reader(table, joined(path, "all", every), facts, wishes)


def joined(path: Path, code: str, patterns: Iterable[str]) -> re.Pattern[str]:
    """Any of these expressions. Raises TagError (`rules`) that names the file and what the expressions are for."""
    try:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    except re.error as err:
        raise TagError("rules", f"{path.name}, {code}: {err}.") from err


@cache
def _reader() -> _Reader:
    return read_table(FILE)
