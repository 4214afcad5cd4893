"""What the pieces of a report's row are: name, number, arrow, unit, reference range."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tagging.picture.ocr import Line
from tagging.picture.words import plain, words

_NUMBER = r"\d+(?:\.\d+)?"
_RANGE = re.compile(rf"[(\[【]?\s*(?P<low>{_NUMBER})\s*(?:-{{1,3}}|~|～|至|到|to)\s*(?P<high>{_NUMBER})\s*[)\]】]?")
_BOUND = re.compile(rf"(?P<sign>[<>≤≥＜＞]=?)\s*(?P<bound>{_NUMBER})")
_VALUE = re.compile(_NUMBER)
_ARROW = re.compile(r"↑+|↓+|\*?[HL](?![A-Za-z])|偏?[高低](?![\u4e00-\u9fff])")
_QUALITY = re.compile(r"阴性|阳性|未检出|正常|弱阳性|\+{1,4}(?!\d)|±|neg(?:ative)?|pos(?:itive)?", re.IGNORECASE)
_INDEX = re.compile(r"^\s*[★☆●○△▲*※#]*\s*(?:\d{1,2}\s*[.、)]?\s*)?[★☆●○△▲*※]*\s*(?=[^\d\s.])")
# Printed 10⁹/L or 10¹²/L; small raised digits are often not read.
POWER = "10*?/L"
_LOST_POWER = re.compile(r"10[^0-9a-z]{0,2}/l")
_TIGHT = re.compile(r"[\[\]()（）【】\s]")


@dataclass(frozen=True)
class Token:
    """A piece of a row: `kind` is name, value, bound, range, arrow, unit or quality; `analyte` that of a known name."""

    kind: str
    text: str
    line: Line
    analyte: str | None = None
    low: float | None = None
    high: float | None = None


def tokens(line: Line) -> Iterator[Token]:
    """The tokens of one piece of text, which may hold several columns that stand close."""
    text = _halved(line.text).strip()
    known = _known(text, line)
    if known is not None:
        yield known
        return
    while text:
        text = text.lstrip(" \t:,;|丨")
        token, length = _next(text, line)
        if token is not None:
            yield token
        text = text[max(1, length) :]


def find_analyte(text: str) -> str | None:
    """The analyte that a printed name means: the name, the abbreviation, or both in any order; None when it is none that is known."""
    names = _names()
    whole = plain(text)
    inside = re.findall(r"[(\[【（]([^)\]】）]*)[)\]】）]?", text)
    outside = re.sub(r"[(\[【（][^)\]】）]*[)\]】）]?", " ", text)
    parts = [whole, plain(outside), *(plain(part) for part in inside), *(plain(part) for part in outside.split())]
    for part in parts:
        if part in names:
            return names[part]
    # Abbreviation and name run together: WBC白细胞计数.
    joined = re.fullmatch(r"([a-z0-9#%+/-]+?)([\u4e00-\u9fff].*)|([\u4e00-\u9fff].*?)([a-z][a-z0-9#%+/-]*)", whole)
    for part in joined.groups() if joined else ():
        if part and part in names:
            return names[part]
    return next((found for part in parts if (found := _nearly(part))), None)


def find_unit(text: str) -> str | None:
    """The UCUM unit that a printed unit means; POWER when it is a power of ten per litre that lost its exponent."""
    tight = _tight(text)
    return POWER if _LOST_POWER.fullmatch(tight) else _units().get(tight)


def _tight(text: str) -> str:
    return re.sub(r"^[*x]?10", "10", _TIGHT.sub("", plain(text)).replace("×", "x"))


@cache
def _units() -> dict[str, str]:
    return {_tight(printed): unit for printed, unit in words().units.items()}


@cache
def _names() -> dict[str, str]:
    return {plain(printed): id for id, analyte in words().analytes.items() for printed in analyte.printed}


@cache
def _headings() -> dict[str, str]:
    return {plain(word): column for column, wordings in words().headings.items() for word in wordings}


def heading(text: str) -> str | None:
    """The column that a heading names."""
    return _headings().get(plain(text).strip(":"))


def _known(text: str, line: Line) -> Token | None:
    """A piece that is one unit or one name as a whole; names may hold digits and ranges may not."""
    if find_unit(text):
        return Token("unit", text, line)
    if not re.search(r"[A-Za-z\u4e00-\u9fff]", text):
        return None
    name = _INDEX.sub("", text)
    analyte = find_analyte(name)
    return Token("name", name, line, analyte) if analyte and not re.search(r"\d\.\d|\s\d+$", name) else None


def _next(text: str, line: Line) -> tuple[Token | None, int]:
    for kind, pattern in (("range", _RANGE), ("bound", _BOUND)):
        match = pattern.match(text)
        if match and kind == "range":
            low, high = float(match["low"]), float(match["high"])
            if low < high:
                return Token("range", match.group(), line, low=low, high=high), match.end()
        elif match:
            bound = float(match["bound"])
            below = match["sign"][0] in "<≤＜"
            return Token("bound", match.group(), line, low=None if below else bound, high=bound if below else None), match.end()
    piece = re.match(r"\S+", text)
    word = piece.group() if piece else text
    unit = next((word[:end] for end in range(len(word), 0, -1) if find_unit(word[:end])), None)
    if unit and not unit.isdigit() and (len(unit) > 1 or len(word) == 1):
        return Token("unit", unit, line), len(unit)
    for kind, pattern in (("value", _VALUE), ("arrow", _ARROW), ("quality", _QUALITY)):
        match = pattern.match(text)
        if match:
            return Token(kind, match.group(), line), match.end()
    match = re.match(r"[^\d↑↓<>≤≥]+(?:\d+[^\d.\s↑↓<>-][^\d↑↓]*)?", text)
    name = match.group().strip() if match else ""
    if len(name) > 1 or "\u4e00" <= name <= "\u9fff":
        return Token("name", name, line, find_analyte(name)), match.end() if match else 1
    return None, 1


def _nearly(name: str) -> str | None:
    """A Chinese name with one character misread, if that leaves no doubt."""
    if len(name) < 4 or not re.search(r"[\u4e00-\u9fff]{3}", name):
        return None
    near = {
        id for printed, id in _names().items() if len(printed) >= 4 and abs(len(printed) - len(name)) <= 1 and _one_apart(printed, name)
    }
    return near.pop() if len(near) == 1 else None


def _one_apart(a: str, b: str) -> bool:
    if len(a) > len(b):
        a, b = b, a
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    # What tells a share from a count is never a slip.
    if {a[at : at + 1], b[at : at + 1]} & set("#%比数值cs"):
        return False
    return a[at + 1 :] == b[at + 1 :] if len(a) == len(b) else a[at:] == b[at + 1 :]


def _halved(text: str) -> str:
    return re.sub(r"(?<=\d)[,，](?=\d{1,2}(?!\d))|(?<=\d)[。·](?=\d)", ".", text.translate(_WIDE))


_WIDE = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        "—": "-",
        "–": "-",
        "〜": "~",
        "∽": "~",
        "⬆": "↑",
        "⬇": "↓",
        "▲": "↑",
        "▼": "↓",
        "　": " ",
    }
)
