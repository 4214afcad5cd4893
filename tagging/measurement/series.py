"""Lists of bare numbers of one vital: 吹了三次，280、300、310 after the question for the peak flow."""

import re
from collections.abc import Mapping

from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene

# Vitals that are measured several times in a row; two numbers of a pressure are one reading.
_IN_WHOLE_NUMBERS = frozenset({"peak_flow", "heart_rate", "respiratory_rate", "spo2", "feed_volume"})
_LISTED = _IN_WHOLE_NUMBERS | {"temperature", "glucose", "bilirubin", "blood_ketone"}
# How much the numbers of one list may differ, and how many unknown characters may stand before it.
SPREAD, UNKNOWN = 4.0, 3
# Of a child with asthma such a list is the peak flow; without 吹 it is asked about.
_SEVERAL = re.compile(r"吹|[两三二2-5]次|分别")
_SEPARATES = frozenset("、，,；;/ →>和跟是~-")
# 一次230，一次245
_ONE_MORE = re.compile(r"(?:第|另外?|又|再)?[一二两三四五]?[次遍回]是?")
_MEALS = frozenset({"三餐", "一日三餐"})
_LEADING_WORDS = frozenset({"times", "time", "meals"})


def find_series(scene: Scene) -> Mapping[int, str]:
    """The vital of each of at least two bare numbers in a row, when the question names it (or 吹, of a child with asthma)."""
    vital = scene.asked[0] if scene.asked and scene.asked[0] in _LISTED else None
    if not scene.asked and not scene.answering and "peak_flow" in scene.followed and _SEVERAL.search(scene.text):
        vital = "peak_flow"
    if vital is None or any(token.roles.vital not in (None, vital) for token in scene.tokens):
        return {}
    run: list[int] = []
    ended = False
    for place, token in enumerate(scene.tokens):
        if _is_bare(token, vital):
            if ended or (run and not _separated(scene, run[-1], place)) or (not run and not _opens(scene, place)):
                return {}
            run.append(place)
        elif token.amount is not None and run:
            if token.amount.unit != "times" or token.amount.value != 1:
                return {}
        elif run and not _tells_when(token):
            ended = True
    values = [scene.amount(place).value for place in run]
    if len(run) < 2 or max(values) > SPREAD * max(min(values), 0.1) or not _closes(scene, run[-1]):
        return {}
    return dict.fromkeys(run, vital)


def _is_bare(token: Token, vital: str) -> bool:
    amount = token.amount
    if amount is None or amount.unit is not None or amount.halves or amount.low is not None or not amount.sure:
        return False
    if vital in _IN_WHOLE_NUMBERS:
        return not amount.decimal and amount.value >= 10
    # 38 5 is one number.
    return amount.loose is None and (not amount.han or amount.decimal or amount.digits > 1)


def _is_separator(token: Token) -> bool:
    return all(character in _SEPARATES for character in token.text)


def _separated(scene: Scene, first: int, last: int) -> bool:
    within = scene.tokens[first + 1 : last]
    between = scene.text[scene.tokens[first].end : scene.tokens[last].start]
    if within and sum(token.end - token.start for token in within) == len(between) and all(map(_tells_when, within)):
        # 昨天15.2今天13.9, 睡着93醒着97
        return True
    between = _ONE_MORE.sub("", between)
    return bool(between) and all(character in _SEPARATES for character in between)


def _tells_when(token: Token) -> bool:
    return token.kind == "moment" or _is_separator(token) or (token.roles.condition is not None and not token.roles.vital)


def _opens(scene: Scene, place: int) -> bool:
    """Whether before the first number stand but times, how often was measured, and words without a meaning of their own."""
    before = scene.tokens[:place]
    if any(token.amount is not None and token.amount.unit not in _LEADING_WORDS for token in before):
        return False
    if any(token.roles.person or (token.roles.idiom and token.text not in _MEALS) for token in before):
        return False
    known = sum(token.end - token.start for token in before)
    return scene.tokens[place].start - known <= UNKNOWN


def _closes(scene: Scene, place: int) -> bool:
    end = scene.tokens[place].end
    return scene.ends_clause(end) or scene.text[end] in " 吧的左呢啊这都几分"
