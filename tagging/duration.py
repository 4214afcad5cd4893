"""How long a sign has lasted, as told next to it (烧了三天, 一整天没尿, 发烧第六天)."""

import re
from functools import lru_cache

from tagging.numeral import HAN, parse_numeral
from tagging.text import JUDGED, clause_bounds

_N = rf"(?:\d+(?:\.\d+)?|{HAN})"
_HOURS = {"分钟": 1 / 60, "小时": 1, "钟头": 1, "天": 24, "晚": 12, "夜": 12, "周": 168, "星期": 168, "礼拜": 168}
# What is said without a number is taken for the middle of what it may mean (R).
_VAGUE = {"半": 0.5, "几": 3.0, "好几": 4.0, "十几": 14.0, "十来": 10.0, "二十几": 24.0, "二十来": 20.0, "几十": 40.0}
_SAID = "|".join([*sorted(_VAGUE, key=len, reverse=True), _N])
# 咳了一周，昨晚突然发烧: what began at a time of its own has not lasted as long as what was told before.
_ONSET = re.compile(
    r"(?<!每天)(?<!天天)(?<!每)(?<!都是)(?<!都在)(?<!总是)(?<!一到)(?:今[天早晚]|昨[天晚夜]|前天|刚刚?|突然|忽然|然后|又|再次|早上|晚上|下午|中午|凌晨|半夜|夜里)"
    r"(?:就|也就|又|突然|才|开始)*(?!还|也|都|一直|仍)"
)
_DURATION = re.compile(
    rf"(?P<ordinal>第)?(?P<number>{_SAID})(?P<more>多)?(?:个)?(?P<half>半)?(?:整)?(?P<unit>分钟"
    rf"|小时|钟头|天|晚|夜|周|星期|礼拜)(?:上)?(?!多?大|龄|一次|[得就]|左右[得就]"
    rf"|前(?!突然|就|开始|起)|后|[的]?宝|的?娃)"
    r"|(?P<word>一整天|整天|一天|一上午|一下午|一晚上|一晚|一整晚|整晚|一夜)"
)


@lru_cache(maxsize=JUDGED)
def duration_hours(folded: str, start: int, end: int) -> float | None:
    """Hours told in the clause of the span [start, end), in the clause after it, or in the one before; the longest; None if untold."""
    left, right = clause_bounds(folded, start)
    onset = max((mark.end() for mark in _ONSET.finditer(folded, left, start)), default=left)
    found = [*_durations(folded[onset:start]), *_durations(folded[start:right])]
    if not found:
        following = re.match(r"[，, ]?[^，。,！？]{0,4}?" + _DURATION.pattern, folded[right : right + 14])
        if following:
            found = _durations(folded[right : right + 14])
    if not found and left > 1 and onset == left:
        before_left, before_right = clause_bounds(folded, left - 2)
        found = _durations(folded[before_left:before_right])
    return max(found, default=None)


def _durations(piece: str) -> list[float]:
    hours = []
    for match in _DURATION.finditer(piece):
        if match["word"]:
            hours.append(24.0 if "天" in match["word"] else 8.0 if "午" not in match["word"] else 6.0)
            continue
        raw = match["number"]
        amount = _VAGUE[raw] if raw in _VAGUE else parse_numeral(raw).value
        hours.append((amount + (0.5 if match["half"] else 0)) * _HOURS[match["unit"]])
    return hours
