"""A change told from its beginning to where it has come (从18.2下来到11): both numbers are of one vital, wherever it is named."""

import re
from collections.abc import Mapping
from itertools import pairwise

from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene

_FROM = re.compile(r"[从由]\s?$")
_TO = re.compile(
    r"(?:度|℃|%)?(?:的)?(?:一下子|慢慢|一路|直接|逐渐|已经|现在|就|又|突然)?(?:掉|降|退|跌|下|减|升|涨|涨|烧|长|飙|窜|上|回|恢复|变|瘦|胖|加|增)*"
    r"(?:了|下|来|去|回|上|到|低|高|加|少|成)*[到至成](?:了|现在|今天|今早|才|只有)*\s?"
)
# What a bare number may be told with on one side of a change (从94降到96%).
_UNITS = frozenset({"%", "mmol/L", "Cel", "score", "L/min"})
# What a change is of when nothing names it: a fever by its size, a sugar of somebody with diabetes.
FEVER, SUGAR = (35.0, 42.5), (1.1, 33.3)


# What a sugar is changed by is no name of a number.
_TREATMENTS = frozenset({"胰岛素", "雾化", "热水", "温水"})


def find_changes(scene: Scene) -> Mapping[int, str]:
    """The vital of the two numbers of each change, by their tokens; nothing where no name, question or size tells it."""
    found: dict[int, str] = {}
    amounts = [place for place, token in enumerate(scene.tokens) if token.amount is not None]
    for first, last in pairwise(amounts):
        units = {scene.amount(place).unit for place in (first, last)} - {None}
        sure = all(scene.amount(place).sure for place in (first, last))
        if not sure or not units <= _UNITS or len(units) > 1 or not is_change(scene, first, last):
            continue
        vital = _vital(scene, first, last)
        if vital:
            found |= {first: vital, last: vital}
    return found


def is_change(scene: Scene, first: int, last: int) -> bool:
    """Whether the amount of token `first` is what that of token `last` has changed from."""
    start, end, following = scene.tokens[first].start, scene.tokens[first].end, scene.tokens[last].start
    return _FROM.search(scene.text, max(0, start - 2), start) is not None and _TO.fullmatch(scene.text, end, following) is not None


def _vital(scene: Scene, first: int, last: int) -> str | None:
    before = scene.tokens[first - 1] if first else None
    if before and before.text in ("从", "由"):
        before = scene.tokens[first - 2] if first > 1 else None
    if before and before.roles.vital == "none" and before.text not in _TREATMENTS:
        return None
    named = [token.roles.vital for token in scene.tokens[max(0, first - 12) : last + 6] if _names(token)]
    if named:
        return named[0] if len(set(named)) == 1 else None
    if scene.asked:
        return scene.asked[0] if len(scene.ordered) <= 1 else None
    values = [scene.amount(place).value for place in (first, last)]
    grown = "长" in scene.text[scene.tokens[first].end : scene.tokens[last].start]
    if not grown and all(FEVER[0] <= value <= FEVER[1] for value in values) and any(scene.amount(place).decimal for place in (first, last)):
        return "temperature"
    return "glucose" if "glucose" in scene.followed and all(SUGAR[0] <= value <= SUGAR[1] for value in values) else None


def _names(token: Token) -> bool:
    return token.roles.vital not in (None, "none")
