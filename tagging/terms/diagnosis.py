"""Diagnoses as clinicians write them (`1.早产儿（32周） 2.新生儿黄疸？`), as ICD-10 with what else they may mean. Pure.

A diagnosis that is asked (?), to be ruled out (待排), somebody else's or denied is told so: nothing is confirmed that the text does not
confirm. Likeness only proposes: below SURE the code stays None and stands among the alternatives.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from tagging.folder import read_yaml
from tagging.tables import Table

FILE, WORDS = Path(__file__).parent / "diagnosis.yml", Path(__file__).parent / "diagnosis_words.yml"
# A field of a hospital's system; a longer one is a history, and is not read here.
LONGEST, MOST = 500, 20
# Score of a whole name; of one inside a longer text; from which on a code is given; from which on another one is worth showing.
WHOLE, SURE, SHOWN = 1.0, 0.8, 0.35
# What a second code of the same name counts.
ALSO = 0.9
SHOWN_AT_MOST = 5

Certainty = Literal["confirmed", "possible", "refuted", "past", "family", "none"]

_CODE = re.compile(r"(?<![A-Z0-9\u4e00-\u9fff-])([A-Z]\d{2})(?:\.(\d{1,3})?(?:X?\d{0,3})*)?(?:[+*]\d*)?(?![A-Z0-9])")
_CIRCLED = re.compile(r"[①-⑳]")
_NUMBERING = re.compile(r"(?:^|(?<=[\s;，。、]))(?:\(?\d{1,2}\)|\d{1,2}[.、](?!\d)|[一二三四五六七八九十]、)\s*")
_SPLIT = re.compile(
    r"[;\n|]|,(?![^(]*\))|、(?![^(]*\))|，(?![^(]*\))|。|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])|(?<!家)(?<!同)伴有?(?=.{2})|合并(?=.{2})"
)
_UNEXPLAINED = re.compile(r"待查|查因|原因")
_EDGES = re.compile(r"^[\s:：,.;()\[\]【】·*-]+|[\s:：,.;·*-]+$")


class Entry(Table):
    """One diagnosis of diagnosis.yml; `also` are codes that its name may mean as well."""

    icd10: str
    group: str
    say: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class _File(Table):
    version: int
    diagnoses: Mapping[str, Entry]


class _Words(Table):
    version: int
    none: tuple[str, ...]
    before: Mapping[str, tuple[str, ...]]
    after: Mapping[str, tuple[str, ...]]
    qualifiers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Candidate:
    """One reading of a text: the diagnosis as the table names it, its code, and how much of the text it explains (0 to 1)."""

    name: str
    icd10: str
    score: float


@dataclass(frozen=True)
class DiagnosisRead:
    """One diagnosis of a text. `icd10` and `name` are None where no reading is sure enough; `alternatives` are the others, best first.

    `qualifiers` are what was said beside it, kind → as written; `certainty` whether the text says that the patient has it.
    """

    text: str
    icd10: str | None
    name: str | None
    group: str | None
    score: float
    certainty: Certainty
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    alternatives: tuple[Candidate, ...] = ()
    disagrees: bool = False

    @property
    def carried(self) -> bool:
        """Whether the patient has it by this text."""
        return self.certainty == "confirmed"


@cache
def diagnoses() -> Mapping[str, Entry]:
    """All known diagnoses by their name."""
    return _File.model_validate(read_yaml(FILE)).diagnoses


def read_diagnoses(text: str) -> tuple[DiagnosisRead, ...]:
    """Every diagnosis of a field, at most MOST, in its order; empty for an empty text and one longer than LONGEST."""
    folded = _fold(_CIRCLED.sub(";", text))
    if not folded or len(text) > LONGEST:
        return ()
    if folded in _words().none:
        return (DiagnosisRead(text.strip(), None, None, None, WHOLE, "none"),)
    return tuple(read_diagnosis(part) for part in _parts(folded)[:MOST])


@lru_cache(maxsize=1024)
def read_diagnosis(text: str, code: str | None = None) -> DiagnosisRead:
    """One diagnosis. `code` is what the hospital wrote beside it in ICD-10 (of any edition): it counts, and `disagrees` says that the
    text is sure of a diagnosis of another category (its first three characters)."""
    folded = _fold(text)[:LONGEST]
    if folded in _words().none:
        return DiagnosisRead(text.strip(), None, None, None, WHOLE, "none")
    given = icd10_of(code or "") or icd10_of(folded.upper())
    bare, certainty, qualifiers = _bare(_CODE.sub(" ", folded.upper()).lower() if given else folded)
    candidates = _candidates(bare)
    best = candidates[0] if candidates else None
    if certainty == "possible" and best and best.score >= SURE and best.icd10.startswith("R") and _UNEXPLAINED.search(folded):
        # 发热待查: the fever is there, its cause is looked for (chapter R: symptoms and signs).
        certainty = "confirmed"
    if given is None:
        sure = best is not None and best.score >= SURE and len({each.icd10 for each in candidates if each.score == best.score}) == 1
        name, icd10, score = (best.name, best.icd10, best.score) if best and sure else (None, None, best.score if best else 0.0)
        rest = [each for each in candidates if each.icd10 != icd10]
        return DiagnosisRead(text.strip(), icd10, name, _group(name), score, certainty, qualifiers, tuple(rest[:SHOWN_AT_MOST]))
    disagrees = (
        best is not None and best.score >= SURE and all(each.icd10[:3] != given[:3] for each in candidates if each.score == best.score)
    )
    same = best.name if best and best.icd10[:3] == given[:3] else _by_code().get(given)
    rest = [each for each in candidates if each.icd10 != given]
    return DiagnosisRead(text.strip(), given, same, _group(same), WHOLE, certainty, qualifiers, tuple(rest[:SHOWN_AT_MOST]), disagrees)


def icd10_of(text: str) -> str | None:
    """WHO's part of the first ICD-10 code in a text: `J18.900x001` is J18.9, `E10.1+` is E10.1; None without one."""
    match = _CODE.search(unicodedata.normalize("NFKC", text).upper())
    if match is None:
        return None
    return match[1] + (f".{match[2][0]}" if match[2] else "")


def _parts(folded: str) -> list[str]:
    parts: list[str] = []
    for piece in _SPLIT.split(_NUMBERING.sub("\n", folded)):
        part = _EDGES.sub("", piece)
        if parts and any(pattern.fullmatch(part) for pattern in _around().values()):
            # 高血压病3级 极高危: what is only said beside a diagnosis belongs to the one before it.
            parts[-1] += f" {part}"
        elif part and part not in _words().none:
            parts.append(part)
    return parts


def _bare(text: str) -> tuple[str, Certainty, dict[str, str]]:
    """The diagnosis itself, how sure the text is, and what it says beside it; words around it are taken off until none is left."""
    certainty: Certainty = "confirmed"
    qualifiers: dict[str, str] = {}
    bare = _EDGES.sub("", text)
    changed = True
    while changed and bare and bare not in _names():
        changed = False
        for kind, pattern in _around().items():
            match = pattern.search(bare)
            if match is None or _is_named(bare, match) or not (left := _EDGES.sub("", bare[: match.start()] + " " + bare[match.end() :])):
                continue
            if kind.startswith("is "):
                certainty = _weaker(certainty, kind[3:])
            else:
                qualifiers[kind] = f"{qualifiers.get(kind, '')} {match[0]}".strip()
            bare, changed = left, True
            break
    return bare, certainty, qualifiers


def _is_named(bare: str, match: re.Match[str]) -> bool:
    """Whether the word is the beginning or the end of a diagnosis that is called so: 无 of 无肛, 史 of 自伤史."""
    if match.start() == 0:
        return any(bare.startswith(name) for name in _names() if len(name) > match.end())
    return match.end() == len(bare) and any(bare.endswith(name) for name in _names() if len(name) > len(match[0]))


def _weaker(one: Certainty, other: str) -> Certainty:
    order: Sequence[Certainty] = ("family", "refuted", "past", "possible", "confirmed")
    return next(each for each in order if each in (one, other))


def _candidates(bare: str) -> list[Candidate]:
    """The readings of what is left, best first: the whole name, else names within it, else names that look like it."""
    names, found = _names(), dict[str, float]()
    tight = re.sub(r"[\s()\[\]【】]", "", bare)
    for form in (bare, tight, re.sub(r"\(.*?\)", "", bare).strip()):
        for name in names.get(form, ()):
            found[name] = WHOLE
    if not found:
        for said, whose in names.items():
            likeness = _inside(said, tight) if _stands_in(said, bare, tight) else 0.0 if said.isascii() else _alike(said, tight)
            for name in whose:
                found[name] = max(found.get(name, 0.0), likeness)
    candidates = [
        Candidate(name, code, score if code == diagnoses()[name].icd10 else round(score * ALSO, 3))
        for name, score in found.items()
        if score >= SHOWN
        for code in _codes(name)
    ]
    # Of two names within one text the longer one says more: its score is higher.
    return sorted(candidates, key=lambda each: (-each.score, each.name, each.icd10))


def _codes(name: str) -> tuple[str, ...]:
    entry = diagnoses()[name]
    return (entry.icd10, *entry.also)


def _stands_in(said: str, bare: str, tight: str) -> bool:
    """Whether a name stands in a text. Letters count as whole words (ASD is not in BASDAI), and two of them never (10 mg)."""
    if not said.isascii():
        return said in tight
    return len(said) > 2 and re.search(rf"(?<![a-z0-9]){re.escape(said)}(?![a-z0-9])", bare) is not None


def _inside(said: str, text: str) -> float:
    """How much of a text a name within it explains; a short part of a long text proposes only."""
    return round(0.5 + 0.45 * len(said) / max(len(text), 1), 3)


def _alike(said: str, text: str) -> float:
    """Dice's coefficient of the pairs of characters, kept below SURE: one character can be the whole difference."""
    ours, theirs = _pairs(said), _pairs(text)
    return round(min(SURE - 0.01, 2 * len(ours & theirs) / (len(ours) + len(theirs))), 3) if ours and theirs else 0.0


@lru_cache(maxsize=4096)
def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


def _group(name: str | None) -> str | None:
    return diagnoses()[name].group if name else None


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).strip().lower().replace("粘膜", "黏膜")
    return re.sub(r"[ \t]+", " ", folded.replace("【", "[").replace("】", "]"))


@cache
def _words() -> _Words:
    return _Words.model_validate(read_yaml(WORDS))


@cache
def _around() -> Mapping[str, re.Pattern[str]]:
    """What may be taken off, by kind, in the order in which it is looked for."""
    words, patterns = _words(), dict[str, re.Pattern[str]]()

    def either(said: Sequence[str], *, patterned: bool = False) -> str:
        return "|".join(each if patterned else re.escape(each) for each in sorted(said, key=len, reverse=True))

    for kind in ("refuted", "possible", "family", "past"):
        before, after = either(words.before.get(kind, ())), either(words.after.get(kind, ()))
        patterns[f"is {kind}"] = re.compile(rf"^(?:{before})[:\s]*|[\s(]*(?:{after})\)?$")
    for kind, said in words.qualifiers.items():
        one = either(said, patterned=kind == "stage")
        patterns[kind] = re.compile(
            rf"\((?:{one})\)|[\s,]*(?:{one})$" + (rf"|^(?:{one})" if kind in ("severity", "side", "relapse", "acute") else "")
        )
    patterns["note"] = re.compile(r"\([^()]*\)")
    return patterns


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """The diagnoses of every name, as folded."""
    names: dict[str, tuple[str, ...]] = {}
    for name, entry in diagnoses().items():
        for said in dict.fromkeys(_fold(each) for each in (name, *entry.say)):
            names[said] = (*names.get(said, ()), name)
    return names


@cache
def _by_code() -> dict[str, str]:
    """The first diagnosis of every code."""
    codes: dict[str, str] = {}
    for name, entry in diagnoses().items():
        codes.setdefault(entry.icd10, name)
    return codes
