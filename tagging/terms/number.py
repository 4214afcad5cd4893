"""Values and reference ranges as laboratories write them: `<0.5`, `60~120`, `^182`, `3+`, 阴性, `13 to 18`, `70_105`. Pure.

What is not understood is kept as it is written; nothing is guessed.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from tagging.folder import read_yaml
from tagging.terms.ucum import ucum

FILE = Path(__file__).parent / "findings.yml"
# A result is short; what is longer is a text (a culture, an impression).
LONGEST = 80

Comparator = Literal["<", "<=", ">", ">="]
Kind = Literal["number", "range", "ratio", "finding", "text", "nothing"]
Grade = Literal["negative", "trace", "positive"]

# 1.2×10^5 is one number; in 1.2×10^9/L the power belongs to the unit.
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:\s*(?:[x×*]\s*10\s*[\^*]|[eE])\s*[+-]?\d{1,2}(?![\d/]))?"
_SIGNED = rf"(?:[+-]\s*)?{_NUMBER}"
_TO = r"(?:-{1,3}|~{1,2}|至|到|to|_{1,2}|—|–)"
_COMPARED = re.compile(rf"(?P<sign><=|>=|=<|=>|<|>|≤|≥)?\s*(?P<number>{_SIGNED})\s*(?P<rest>.*)", re.S)
_RANGE = re.compile(rf"(?P<low>-?\s*{_NUMBER})\s*{_TO}\s*(?P<high>-?\s*{_NUMBER})\s*(?P<rest>.*)", re.S)
_RATIO = re.compile(rf"(?P<one>{_NUMBER})\s*:\s*(?P<other>{_NUMBER})\s*(?P<rest>.*)", re.S)
_PLUSES = re.compile(r"(?:阳性)?(?:(?P<count>[1-4])\+|\+(?P<after>[1-4])|(?P<pluses>\+{1,4}))(?:阳性)?")
_ARROW = re.compile(r"^[↑↓]+|[↑↓]+$|(?<=[\d\s])[HL]{1,2}$")
_DATE = re.compile(r"(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}")


@dataclass(frozen=True)
class Written:
    """One result as it was read. `text` is what was written, `value` the one number in it, with `comparator` where it is only a limit.

    A range has `low` and `high` and no value; a ratio (a titre, 1:160) both of its numbers there. A finding has its `grade`, and
    `plus` where it is counted. `unit` is what stood behind the number, as written; `arrow` H or L as the laboratory marked it.
    """

    kind: Kind
    text: str
    value: float | None = None
    comparator: Comparator | None = None
    low: float | None = None
    high: float | None = None
    grade: Grade | None = None
    plus: int | None = None
    unit: str | None = None
    arrow: Literal["H", "L"] | None = None


@dataclass(frozen=True)
class Range:
    """A reference range: bounds that are None are open; `grade` where it is a word (阴性). None of all: it could not be read."""

    text: str
    low: float | None = None
    high: float | None = None
    grade: Grade | None = None

    @property
    def read(self) -> bool:
        """Whether it says anything that was understood."""
        return self.low is not None or self.high is not None or self.grade is not None

    def flag(self, value: float) -> Literal["L", "N", "H"] | None:
        """Where a number lies; None where the range has no numbers."""
        if self.low is not None and value < self.low:
            return "L"
        if self.high is not None and value > self.high:
            return "H"
        return None if self.low is None and self.high is None else "N"


@lru_cache(maxsize=4096)
def read_value(text: str) -> Written:
    """What a result says. Any text is allowed; nothing is raised."""
    written = text.strip()
    if len(written) > LONGEST:
        return Written("text", written)
    folded = _fold(written)
    if not folded or _tight(folded) in _words("nothing"):
        return Written("nothing", written)
    if "^" in folded and (structured := _structured(folded)) is not None:
        return replace(structured, text=written)
    if (finding := _finding(folded)) is not None:
        grade, plus = finding
        return Written("finding", written, grade=grade, plus=plus)
    marks = "".join(_ARROW.findall(folded))
    arrow: Literal["H", "L"] | None = "H" if "↑" in marks or "H" in marks else "L" if marks else None
    folded = _ARROW.sub("", folded).strip()
    return _numeric(folded, written, arrow) or Written("text", written)


@lru_cache(maxsize=4096)
def read_range(text: str | None) -> Range:
    """What a reference range says; several ranges in one text (by sex or age) are not read."""
    written = (text or "").strip()
    folded = _fold(written).strip("()[]【】 ") if len(written) <= LONGEST else ""
    folded = re.sub(r"^(?:参考值|参考范围|正常值)?:?", "", folded)
    if (finding := _finding(folded)) is not None:
        return Range(written, grade=finding[0])
    # 3.5-9.5 10^9/L: the unit may begin with a number of its own.
    *_, last = folded.split(" ")
    if last != folded and ucum(last):
        folded = folded[: -len(last)].strip()
    if re.fullmatch(r"[\d.]+\s*,\s*[\d.]+", folded):
        folded = folded.replace(",", "-")
    read = _numeric(folded, written, None)
    if read is None or (read.unit and not _is_unit(read.unit)):
        return Range(written)
    if read.kind == "range":
        return Range(written, read.low, read.high)
    if read.kind == "number" and read.comparator:
        return Range(written, high=read.value) if read.comparator[0] == "<" else Range(written, low=read.value)
    return Range(written)


def _numeric(folded: str, written: str, arrow: Literal["H", "L"] | None) -> Written | None:
    if _DATE.search(folded):
        return None
    if match := _RATIO.fullmatch(folded):
        return Written("ratio", written, low=_float(match["one"]), high=_float(match["other"]), unit=_rest(match["rest"]), arrow=arrow)
    if match := _RANGE.fullmatch(folded):
        low, high = _float(match["low"]), _float(match["high"])
        if low is not None and high is not None and low <= high and not re.match(r"[-~:.]|/\d", match["rest"]):
            return Written("range", written, low=low, high=high, unit=_rest(match["rest"]), arrow=arrow)
        return None
    for word, sign in _compared_words():
        if folded.startswith(word):
            folded = sign + folded[len(word) :].lstrip("于 ")
            break
    if match := _COMPARED.fullmatch(folded):
        number = _float(match["number"])
        rest = _rest(match["rest"])
        # A number that goes on in numbers or words (12.3.4, 120/80, 5 of 10, 3天前) is not one value.
        if number is None or (rest and not _is_unit(rest)):
            return None
        signs: Mapping[str, Comparator] = {"<": "<", ">": ">", "<=": "<=", "=<": "<=", "≤": "<=", ">=": ">=", "=>": ">=", "≥": ">="}
        return Written("number", written, number, signs.get(match["sign"] or ""), unit=rest, arrow=arrow)
    return None


def _structured(folded: str) -> Written | None:
    """HL7's SN: comparator ^ first number ^ separator ^ second number."""
    parts = [part.strip() for part in folded.split("^")] + ["", "", ""]
    sign, first, between, second = parts[:4]
    if len(parts) > 7 or sign not in ("", "<", ">", "<=", ">=", "=", "<>") or not re.fullmatch(_SIGNED, first):
        return None
    if second and between in ("-", ":", "/"):
        one, other = _float(first), _float(second)
        return Written("range" if between == "-" else "ratio", folded, low=one, high=other)
    if between == "+" and not second:
        return Written("finding", folded, grade="positive", plus=min(4, round(_float(first) or 1)))
    return _numeric(("" if sign in ("=", "<>") else sign) + first, folded, None) if not second else None


def _finding(folded: str) -> tuple[Grade, int | None] | None:
    tight = _tight(folded)
    grades: tuple[Grade, ...] = ("negative", "trace", "positive")
    for grade in grades:
        if tight in _words(grade):
            return grade, None
    if match := _PLUSES.fullmatch(tight):
        return "positive", int(match["count"] or match["after"] or 0) or len(match["pluses"] or "+")
    return None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.replace("～", "~").replace("。", ".")).replace("−", "-").replace("－", "-").strip()


def _tight(folded: str) -> str:
    return re.sub(r"[\s()\[\]【】]", "", folded).lower()


def _is_unit(rest: str) -> bool:
    """Whether what stands behind a number can be its unit: a known one, or a short foreign word that may be one."""
    if ucum(rest) is not None:
        return True
    return re.fullmatch(r"[A-Za-z%‰°/\[{][A-Za-z0-9%/.*^\[\]{}_-]{0,11}", rest) is not None and not re.match(r"/\d", rest)


def _rest(rest: str) -> str | None:
    return rest.strip() or None


def _float(number: str) -> float | None:
    """The number, also with a power of ten; None for one that no machine can hold."""
    plain = re.sub(r"[\s,]", "", number)
    plain = re.sub(r"[x×*]10[\^*]", "e", plain)
    value = float(plain)
    return value if math.isfinite(value) else None


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(_tight(_fold(word)) for word in read_yaml(FILE)[kind])


@cache
def _compared_words() -> tuple[tuple[str, str], ...]:
    said = read_yaml(FILE)
    return tuple((word, sign) for kind, sign in (("below", "<"), ("above", ">")) for word in sorted(said[kind], key=len, reverse=True))
