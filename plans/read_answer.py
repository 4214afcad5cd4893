"""What a family's words say to a question about signs, or to a choice. Pure; the words themselves stand in wording.yml `answers`.

Nothing is guessed: a sign that was not named is neither there nor absent, unless the family says so of all or of the rest.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from plans.question import ABSENT, PRESENT, UNKNOWN
from plans.template import Choice, Question
from plans.wording import words
from tagging.content import default_content
from tagging.text import fold

if TYPE_CHECKING:
    from tagging.symptom import SymptomMention

_DIGITS = {digit: number for number, digit in enumerate("一二三四五六七八九十", start=1)} | {"两": 2}
_NUMBER = r"(?:\d{1,2}|[一二两三四五六七八九十])"
_NTH = re.compile(rf"第\s*(?P<number>{_NUMBER})\s*(?:个|项|条|种|样)?")
# A message of nothing but numbers: 2, 1和3, 选二, 只有第二个 is _NTH's.
_NUMBERS = re.compile(rf"(?:我?选|选择)?\s*(?P<numbers>{_NUMBER}(?:\s*[、，,和跟与/ ]\s*{_NUMBER})*)\s*(?:个|项|号)?[。.！!]*")
_END = r"(?=$|[，,。.！!；;、\s~～])"
_POLITE = re.compile(r"[，,。.！!；;、~～\s的啊呢哦哈谢您]*")
_NEGATIVE = tuple("没不无否未")


@cache
def _said(kind: str) -> re.Pattern[str]:
    """The words of `kind` with the particles that may follow, up to the end of the clause: 都没有精神 is no 都没有."""
    spoken, tail = words("answers")[kind], words("answers")["particles"]
    return re.compile(rf"(?:{'|'.join(map(re.escape, sorted(spoken, key=len, reverse=True)))})(?:{'|'.join(map(re.escape, tail))})*{_END}")


def _whole(kind: str, text: str) -> bool:
    """Whether the message is nothing but words of `kind`."""
    left = text.strip()
    match = _said(kind).match(left)
    return match is not None and _POLITE.fullmatch(left, match.end()) is not None


def is_yes(text: str) -> bool:
    """A bare yes: 有, 嗯, 是的."""
    return _whole("yes", fold(text))


def is_no(text: str) -> bool:
    """A bare no: 没有, 无, 不是."""
    return _whole("no", fold(text))


def read_signs(text: str, question: Question, open_signs: Sequence[str], mentions: "Iterable[SymptomMention]") -> dict[str, str]:
    """What `text` says of the signs that are asked: present, absent or unknown by sign; those that it leaves out are left out here.

    `open_signs` are those about which nothing has been said yet: what is said of all or of the rest, and the numbers, mean these.
    """
    folded = fold(text)
    if is_yes(text) or _said("all").search(folded):
        # A yes to a list does not say which.
        return dict.fromkeys(open_signs, PRESENT) if len(open_signs) == 1 or not is_yes(text) else {}
    if is_no(text):
        return dict.fromkeys(open_signs, ABSENT)
    read = named_signs(question, mentions)
    for number, absent in _numbered(folded):
        if 1 <= number <= len(open_signs):
            read[open_signs[number - 1]] = ABSENT if absent else PRESENT
    rest = [sign for sign in open_signs if sign not in read]
    if says_rest(text, there=PRESENT in read.values()):
        return read | dict.fromkeys(rest, ABSENT)
    if not read and any(word in folded for word in words("answers")["unknown"]):
        return dict.fromkeys(rest, UNKNOWN)
    return read


def says_rest(text: str, *, there: bool) -> bool:
    """Whether `text` says that the signs which it does not name are absent; `there`: it names one that is there (只有咳嗽)."""
    folded = fold(text)
    only = there and any(word in folded for word in words("answers")["only"])
    return only or bool(_said("rest").search(folded) or _said("none").search(folded))


def named_signs(question: Question, mentions: "Iterable[SymptomMention]") -> dict[str, str]:
    """The signs of `question` that are named as there or as absent now; one that is named both ways is there."""
    concepts = default_content().symptoms.concepts
    read: dict[str, str] = {}
    for mention in mentions:
        if mention.whose != "patient" or mention.when != "now" or mention.status == "asked":
            continue
        status = ABSENT if mention.status == "absent" else PRESENT
        for sign in question.signs:
            # Who vomits blood vomits; who does not vomit does not vomit blood.
            narrower, wider = (mention.concept, sign) if status == PRESENT else (sign, mention.concept)
            implies = concepts[narrower].implies if narrower in concepts else ()
            if (mention.concept == sign or wider in implies) and read.get(sign) != PRESENT:
                read[sign] = status
    return read


def _numbered(folded: str) -> list[tuple[int, bool]]:
    """The numbers of signs that are named, and whether each is denied: 第二个有，第三个没有."""
    if (bare := _NUMBERS.fullmatch(folded.strip())) is not None:
        return [(_value(number), False) for number in re.findall(_NUMBER, bare["numbers"])]
    found = []
    for match in _NTH.finditer(folded):
        following = re.split(r"[，,。.！!；;第]", folded[match.end() :], maxsplit=1)[0]
        # 除了第二个都没有 denies the others.
        denied = any(letter in following for letter in _NEGATIVE) and "都" not in following
        found.append((_value(match["number"]), denied))
    return found


def _value(number: str) -> int:
    return int(number) if number.isdigit() else _DIGITS[number]


def read_choice(text: str, question: Question) -> Choice | None:
    """The option that `text` means: its label, one of its words, its number, or a bare yes or no; None when that is not certain."""
    folded = fold(text).strip().strip("。.！!~～，, ")
    exact = [option for option in question.options if folded in map(fold, (option.label, *option.words))]
    if len(exact) == 1:
        return exact[0]
    if (numbered := _one_number(folded)) is not None:
        return question.options[numbered - 1] if 1 <= numbered <= len(question.options) else None
    found = _named_options(folded, question)
    if len(found) == 1:
        return found[0]
    return None if found else _yes_or_no(text, question)


def _one_number(folded: str) -> int | None:
    bare = _NUMBERS.fullmatch(folded)
    numbers = re.findall(_NUMBER, bare["numbers"]) if bare else [match["number"] for match in _NTH.finditer(folded)]
    return _value(numbers[0]) if len(numbers) == 1 else None


def _named_options(folded: str, question: Question) -> list[Choice]:
    """The options whose words stand in the text; words within longer ones of another option do not count: 吃了 in 没吃了."""
    places = []
    for option in question.options:
        for word in {fold(word) for word in (option.label, *option.words)}:
            places += [(match.start(), match.end(), option.value) for match in re.finditer(re.escape(word), folded)]
    kept = {
        value
        for start, end, value in places
        if not any(other != value and s <= start and end <= e and (s, e) != (start, end) for s, e, other in places)
        and not (start > 0 and folded[start - 1] in _NEGATIVE)
    }
    return [option for option in question.options if option.value in kept]


def _yes_or_no(text: str, question: Question) -> Choice | None:
    """A bare yes or no to a choice of which exactly one option says no."""
    negative = [option for option in question.options if option.label.startswith(_NEGATIVE)]
    if len(question.options) != 2 or len(negative) != 1:
        return None
    if is_no(text):
        return negative[0]
    return next(option for option in question.options if option is not negative[0]) if is_yes(text) else None
