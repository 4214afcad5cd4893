"""The typed fields of WeChat's templates: `thing1` takes at most 20 characters, `time2` a time of day … (error 47003 otherwise)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integrations.push import PushRefused

# A keyword is its kind and a number: thing1, character_string02.
_KEYWORD = re.compile(r"([a-z]+(?:_[a-z]+)?)([0-9]{1,2})")
_CLOCK = "(?:[01]?[0-9]|2[0-3])[:：][0-5][0-9](?:[:：][0-5][0-9])?"
_MONTH, _DAY = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])"
_DATE = (
    f"(?:[0-9]{{4}}年{_MONTH}月(?:{_DAY}日)?|{_MONTH}月{_DAY}日"
    f"|[0-9]{{4}}[-/.]{_MONTH}(?:[-/.]{_DAY})?|{_MONTH}[-/.]{_DAY})"
)  # fmt: skip
_HAN = "[㐀-䶿一-鿿]"


def _span(moment: str) -> str:
    """One moment, or two with ~ between them."""
    return f"{moment}(?:[~～]{moment})?"


@dataclass(frozen=True)
class Kind:
    """A kind of field: what it must match, and the rule in words for whoever made the template."""

    pattern: re.Pattern[str]
    rule: str


def _kind(pattern: str, rule: str) -> Kind:
    return Kind(re.compile(pattern), rule)


# The platform's table 「订阅消息参数值内容限制说明」, which template messages of a category share.
KINDS: Mapping[str, Kind] = {
    "thing": _kind(r"[^\x00-\x1f\x7f]{1,20}", "1 to 20 characters in one line"),
    "number": _kind(r"-?[0-9]{1,31}(?:\.[0-9]{1,30})?", "a number of at most 32 digits"),
    "letter": _kind(r"[A-Za-z]{1,32}", "1 to 32 Latin letters"),
    "symbol": _kind(rf"(?:(?!{_HAN})[^\x00-\x20\x7fA-Za-z0-9]){{1,5}}", "1 to 5 signs"),
    "character_string": _kind(r"[\x20-\x7e]{1,32}", "1 to 32 digits, Latin letters or signs"),
    "time": _kind(_span(f"(?:{_DATE} ?)?{_CLOCK}"), "a time such as 15:01 or 2026年3月2日 15:01"),
    "date": _kind(_span(f"{_DATE}(?: ?{_CLOCK})?"), "a date such as 2026年3月2日 or 2026年3月2日 15:01"),
    "amount": _kind(r"[¥￥$€£]?[0-9]{1,10}(?:\.[0-9]{1,2})?元?", "an amount of at most 10 digits"),
    "phone_number": _kind(r"[0-9+\-() ]{1,17}", "1 to 17 digits and signs"),
    "car_number": _kind(rf"(?:{_HAN}|[A-Z0-9])[A-Z0-9]{{1,6}}(?:{_HAN}|[A-Z0-9])", "a number plate of at most 8 characters"),
    "name": _kind(rf"(?:{_HAN}|[·]){{1,10}}|[A-Za-z .'-]{{1,20}}", "at most 10 Chinese characters or 20 letters"),
    "phrase": _kind(rf"{_HAN}{{1,5}}", "1 to 5 Chinese characters and nothing else"),
    # The values are those that were registered with the template, which only the platform knows.
    "const": _kind(r"[^\x00-\x1f\x7f]{1,20}", "one of the registered values"),
    "enum": _kind(r"[^\x00-\x1f\x7f]{1,20}", "one of the registered values"),
}


def kind_of(keyword: str) -> str:
    """The kind of a template's keyword. Raises PushRefused ``bad_field`` for one that has none."""
    found = _KEYWORD.fullmatch(keyword)
    if found is None or found.group(1) not in KINDS:
        raise PushRefused("bad_field", permanent=True, detail=f"{keyword[:40]!r} is no keyword of a template, such as thing1 or time2")
    return found.group(1)


def check_field(keyword: str, value: str) -> str:
    """``value``, if the platform takes it for ``keyword``. Raises PushRefused ``bad_field`` with the rule; the value is not repeated."""
    kind = KINDS[kind_of(keyword)]
    if value != value.strip() or not kind.pattern.fullmatch(value):
        raise PushRefused("bad_field", permanent=True, detail=f"{keyword} takes {kind.rule}")
    return value
