"""Who somebody is, taken out of a text: names on file, numbers, addresses and dates of birth become placeholders.

When unsure, it is taken out: a lost word costs a little of an example, a kept name cannot be called back.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.retraining.on_file import OnFile

Span = tuple[int, int, str]

_HAN = r"[一-鿿]"
_DIGIT = "0-9〇零一二三四五六七八九幺"


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("private.yml").read_text("utf-8"))
    return loaded


def placeholders() -> frozenset[str]:
    """Everything that `deidentify` puts in."""
    return frozenset(_words()["placeholders"].values())


def placeholder(kind: str) -> str:
    """What stands for a child, a person, … of private.yml."""
    return str(_words()["placeholders"][kind])


def deidentify(text: str, known: OnFile) -> str:
    """`text` without names, numbers, addresses and dates of birth; doing it twice changes nothing more."""
    for find in (_online, _births(known), _numbers, _accounts(known), _addresses, _names(known), _introduced):
        text = _replace(text, find)
    return text


def _replace(text: str, find: Callable[[str], Iterable[Span]]) -> str:
    """Put placeholders where `find` points to in the plain form of what lies between the placeholders that stand already."""
    parts = re.split(f"({'|'.join(map(re.escape, sorted(placeholders())))})", text)
    return "".join(part if number % 2 else _replaced(part, find) for number, part in enumerate(parts))


def _replaced(part: str, find: Callable[[str], Iterable[Span]]) -> str:
    names = _words()["placeholders"]
    out, at = "", 0
    for start, end, kind in sorted(find(_plain(part)), key=lambda span: (span[0], -span[1])):
        if start >= at:
            out += part[at:start] + names[kind]
            at = end
    return out + part[at:]


def _plain(text: str) -> str:
    """Full-width forms and case made alike, character by character, so that offsets stay."""
    return "".join(map(_plain_character, text))


@cache
def _plain_character(character: str) -> str:
    return (unicodedata.normalize("NFKC", character)[:1] or character).lower()[:1] or character


_ONLINE = re.compile(r"(?:https?://|www\.)[^\s，。；、]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)


def _online(plain: str) -> Iterable[Span]:
    return [(match.start(), match.end(), "account") for match in _ONLINE.finditer(plain)]


# An identity card's 18 places and a mobile's 11 may be written with gaps; any other run of seven digits is a number of somebody's.
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){16}[ -]?[\dx](?![\da-z])")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[ -]?[3-9](?:[ -]?\d){9}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)\(?0\d{2,3}\)?[ -]?\d{7,8}(?!\d)")
_LONG = re.compile(rf"[{_DIGIT}]{{7,}}x?")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_id_card(number: str) -> bool:
    """Whether 18 characters are a resident identity number: the last is the check digit of the others (GB 11643)."""
    if not re.fullmatch(r"\d{17}[\dXx]", number, re.ASCII):
        return False
    return "10X98765432"[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True)) % 11] == number[17].upper()


def _numbers(plain: str) -> Iterable[Span]:
    for match in _CARD.finditer(plain):
        if is_id_card(re.sub("[ -]", "", match[0])):
            yield match.start(), match.end(), "id_card"
    for pattern in (_MOBILE, _LANDLINE):
        yield from ((match.start(), match.end(), "phone") for match in pattern.finditer(plain))
    yield from ((match.start(), match.end(), "number") for match in _LONG.finditer(plain))


# With a year, or by month and day; a point between two numbers alone is a decimal, not a date.
_N = r"[\d〇零一二三四五六七八九十廿初冬腊正]"
_DATES = (
    re.compile(rf"(?<![\d.])(\d{{4}}|\d\d|{_N}{{2,4}})\s*[-/.年]\s*({_N}{{1,3}})\s*[-/.月]\s*({_N}{{1,3}})\s*[日号]?(?![\d.])"),
    re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)"),
    re.compile(rf"(?<![\d.])()({_N}{{1,3}})\s*[-/月]\s*({_N}{{1,3}})\s*[日号]?(?![\d.])"),
)


def _births(known: OnFile) -> Callable[[str], Iterable[Span]]:
    def find(plain: str) -> Iterable[Span]:
        for match in (match for pattern in _DATES for match in pattern.finditer(plain)):
            year, month, day = (int(part) if part.isdecimal() else None for part in match.groups())
            if (month or 1) > 12 or (day or 1) > 31:
                continue
            if _beside_birth(plain, match) or known.born_on(year, month, day):
                yield match.start(), match.end(), "birth"

    return find


def _beside_birth(plain: str, match: re.Match[str]) -> bool:
    near = "|".join(map(re.escape, _words()["birth_words"]))
    before, after = plain[max(0, match.start() - 8) : match.start()], plain[match.end() : match.end() + 4]
    return bool(re.search(rf"(?:{near})[^，。,；\d]{{0,5}}$", before) or re.match(rf"\s*[^，。,；\d]{{0,2}}(?:{near})", after))


def _accounts(known: OnFile) -> Callable[[str], Iterable[Span]]:
    token = re.compile(r"(?<![a-z0-9])[a-z0-9][a-z0-9_-]{2,}", re.ASCII)
    records = re.compile(rf"(?:{'|'.join(_plain(word) for word in _words()['record_words'])})[^a-z0-9，。]{{0,4}}([a-z0-9][a-z0-9-]+)")
    accounts = re.compile(
        rf"(?:{'|'.join(_plain(word) for word in _words()['account_words'])})[^a-z0-9，。]{{0,5}}([a-z0-9][a-z0-9_-]{{3,}})"
    )

    def find(plain: str) -> Iterable[Span]:
        yield from ((match.start(1), match.end(1), "record") for match in records.finditer(plain))
        yield from ((match.start(1), match.end(1), "account") for match in accounts.finditer(plain))
        for match in token.finditer(plain):
            kind = known.token(match[0])
            if kind or match[0].startswith(("wxid_", "gh_")):
                yield match.start(), match.end(), kind or "account"
        yield from known.odd_tokens(plain)

    return find


# Inside a place's name these seldom stand; they end what comes before it: 我们住在|朝阳区….
_PLACE = r"[^\W\d_a-z我你他她它们住在到去从是的了着过就这那和跟来往离回个啊吧呢吗很不没有家里问，。]"
_UNIT = rf"{_PLACE}{{1,7}}?(?:省|自治区|市|区|县|旗|镇|乡|村|屯|街道|社区|大街|大道|路|街|巷|弄|胡同|小区|花园|家园|公寓|大厦|新村|苑|庄)"
_NUMBER = rf"\s*(?:[a-z]?[{_DIGIT}十百甲乙东西南北]{{1,6}}\s*(?:号院|号楼|号|弄|栋|幢|座|单元|楼|层|室|户|组|队)?\s*-?\s*)"
_ADDRESS = re.compile(
    rf"(?:{_UNIT}){{2,}}(?:{_NUMBER})*|{_UNIT}\s*[a-z]?[{_DIGIT}十百]{{1,6}}\s*(?:号|弄|栋|幢|座|单元|室|组|队)(?:{_NUMBER})*"
)


def _addresses(plain: str) -> Iterable[Span]:
    return [(match.start(), match.start() + len(match[0].rstrip()), "address") for match in _ADDRESS.finditer(plain)]


def _names(known: OnFile) -> Callable[[str], Iterable[Span]]:
    """Names on file, though written with gaps between their characters (张 小 明)."""
    skipped = set(_words()["not_names"])

    def find(plain: str) -> Iterable[Span]:
        places = [i for i, character in enumerate(plain) if not character.isspace() and character not in "·.-_"]
        packed = "".join(plain[i] for i in places)
        for start in range(len(packed)):
            for length in range(min(known.longest, len(packed) - start), 1, -1):
                name = packed[start : start + length]
                kind = known.name(name)
                if kind is None or name in skipped or not _whole(plain, places[start], places[start + length - 1]):
                    continue
                yield places[start], places[start + length - 1] + 1, kind
                break

    return find


def _whole(plain: str, first: int, last: int) -> bool:
    """Not the middle of a longer word in letters: Tom is not in Tomate."""
    if not (plain[first].isascii() and plain[last].isascii()):
        return True
    around = plain[first - 1 : first] + plain[last + 1 : last + 2]
    return not any(character.isascii() and character.isalpha() for character in around)


def _introduced(plain: str) -> Iterable[Span]:
    """Names that nobody has on file: behind 我叫, and a surname before a title."""
    words = _words()
    surname = rf"(?:欧阳|上官|司马|诸葛|[{words['surnames']}])"
    for word in words["introduces"]:
        for match in re.finditer(rf"{re.escape(_plain(word))}[是:：\s]*({surname}\s?{_HAN}(?:\s?{_HAN})?)", plain):
            yield match.start(1), match.end(1), "person"
    for match in re.finditer(rf"(?<!{_HAN})({surname}{_HAN}{{0,2}}?)(?={'|'.join(words['titles'])})", plain):
        yield match.start(1), match.end(1), "person"
    for match in re.finditer(rf"({surname})(?={'|'.join(words['titles'])})", plain):
        yield match.start(1), match.end(1), "person"
