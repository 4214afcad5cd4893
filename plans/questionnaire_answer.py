"""What a family's words or tap answer to one item of a questionnaire. Pure; nothing is guessed."""

import re

from plans.questionnaire import Item, Option, Questionnaire
from tagging.numeral import NUMBER, parse_numeral
from tagging.text import fold

# Longer than this is a story, not the choice of an answer.
LONGEST = 16
_BARE = re.compile(rf"(?:选|答)?(?P<nth>第)?(?P<number>{NUMBER.pattern})(?:个|项|分|号)?[。.！!吧啊的]*")
_NEGATED = re.compile(r"[不没非别](?:是|算|至于|到)?$")
_AROUND_NUMBER = re.compile(r"[大概约差不多左右吧现在是疼痛到有分的了,，。.!！~～\s]*")


def read_answer(questionnaire: Questionnaire, item: Item, text: str) -> int | str | None:
    """The value that `text` gives to `item`: an option's value, a whole number, or the words; None when it cannot be told."""
    if item.kind == "text":
        return text.strip() or None
    folded = re.sub(r"\s+", "", fold(text))
    if not folded or len(folded) > LONGEST:
        return None
    return _number(item, folded) if item.kind == "number" else _choice(questionnaire.options_of(item), folded)


def _choice(options: tuple[Option, ...], folded: str) -> int | None:
    if bare := _BARE.fullmatch(folded):
        number = parse_numeral(bare["number"])
        if not number.sure or number.about or number.value != int(number.value):
            return None
        if bare["nth"]:
            return options[int(number.value) - 1].value if 1 <= number.value <= len(options) else None
        return int(number.value) if any(option.value == number.value for option in options) else None
    # The longest words first, so that 满意 inside 不满意 says nothing by itself.
    said: list[tuple[int, int, int]] = []
    for word, value in sorted(((fold(w), o.value) for o in options for w in (o.label, *o.words)), key=lambda pair: -len(pair[0])):
        start = folded.find(word)
        if start >= 0 and not any(first <= start and start + len(word) <= last for first, last, _ in said):
            said.append((start, start + len(word), value))
    if any(_NEGATED.search(folded[:start]) for start, _, _ in said):
        return None
    values = {value for _, _, value in said}
    return values.pop() if len(values) == 1 else None


def _number(item: Item, folded: str) -> int | None:
    if any(fold(word) in folded for word in item.none):
        # 没漏，0天 says it twice; 没漏几天，漏了3天 says something else besides.
        others = [parse_numeral(found.group()) for found in NUMBER.finditer(folded)]
        return item.min if all(number.sure and number.value in (item.min, 1) for number in others) else None
    found = list(NUMBER.finditer(folded))
    if len(found) != 1 or item.min is None or item.max is None:
        return None
    around = folded[: found[0].start()] + folded[found[0].end() :].removeprefix(item.unit or "")
    number = parse_numeral(found[0].group())
    if not number.sure or number.about or number.value != int(number.value) or not _AROUND_NUMBER.fullmatch(around):
        return None
    return int(number.value) if item.min <= number.value <= item.max else None
