"""Numbers in one row with nothing but strokes or blanks between (37.2℃/98%/115次), known by their units or by the order of the question."""

import re
from collections.abc import Sequence
from itertools import pairwise

from tagging.measurement.columns import Columns
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene

_BETWEEN = re.compile(r"\s?[/|、，,；;]\s?|\s{1,3}")
# The display of an oximeter: saturation, then pulse.
_OXIMETER = re.compile(r"血氧仪|指夹|夹手指|夹了?一?下?手指|手指夹|夹子")
_RATES = frozenset({"times", "下", "/min"})
# Beside a saturation a rate is the pulse; without one only a rate that no chest keeps up for long is (R).
BEATS_BESIDE_OXYGEN, BEATS = 60, 100
# 88/20/118: a row without a unit is cut as one code.
_CODE = re.compile(r"\d{1,3}(?:[-/]\d{1,3})+")
_DIMENSIONS: dict[str, tuple[str, ...]] = {
    "temperature": ("temperature",), "weight": ("mass",), "height": ("length",), "head_circumference": ("length",), "spo2": ("percent",),
    "heart_rate": ("rate", "times"), "respiratory_rate": ("rate", "times"), "systolic_bp": ("pressure",), "diastolic_bp": ("pressure",),
    "glucose": ("substance",), "blood_ketone": ("substance",), "feed_volume": ("volume",), "pain": ("score",), "peak_flow": ("flow",),
}  # fmt: skip
# A degree and one bare number may be anything (不到三十九，三十八度九).
FEWEST = 3
# So many bare numbers behind a temperature are a row of vital signs.
FEWEST_BARE = 2
LOWEST, HIGHEST = 34.0, 43.0


def find_row(scene: Scene) -> Columns:
    """The vitals of the numbers of such a row (by token); those of a row that nothing explains are unread."""
    found = Columns()
    row = _row(scene)
    if len(row) < 2 or any(token.roles.vital not in (None, "spo2") for token in scene.tokens):
        return found
    if len(scene.ordered) == len(row) and all(map(_agrees, (scene.amount(place).dimension for place in row), scene.ordered)):
        found.vitals |= dict(zip(row, scene.ordered, strict=True))
        return found
    units = [scene.amount(place).unit for place in row]
    if not scene.asked and len(row) == 2 and units == [None, None] and _OXIMETER.search(scene.text, 0, scene.tokens[row[0]].start):
        return _of_oximeter(scene, row)
    exact = all(scene.amount(place).precision == "exact" for place in row)
    if exact and ("%" in units or ("Cel" in units and len(row) >= FEWEST)):
        _by_unit(scene, row, found)
    elif _is_bare_row(scene, row):
        found.unread |= dict.fromkeys(row, "temperature")
    return found


def _row(scene: Scene) -> list[int]:
    """The tokens of all amounts of the message but times, when they stand in one row; else nothing."""
    places = [place for place, token in enumerate(scene.tokens) if token.amount is not None and token.amount.unit != "time"]
    for first, last in pairwise(places):
        if not _BETWEEN.fullmatch(scene.text, scene.tokens[first].end, scene.tokens[last].start):
            return []
    return places


def _agrees(dimension: str | None, vital: str) -> bool:
    """Whether a number is bare or in a unit of the vital that was asked for at its place."""
    return dimension is None or dimension in _DIMENSIONS.get(vital, ("times",))


def _by_unit(scene: Scene, row: Sequence[int], found: Columns) -> None:
    rates = sorted((place for place in row if scene.amount(place).unit in _RATES), key=lambda place: -scene.amount(place).value)
    oxygen = any(scene.amount(place).unit == "%" for place in row)
    for place in row:
        unit = scene.amount(place).unit
        if unit == "%":
            found.vitals[place] = "spo2"
        elif unit is None and scene.amount(place).decimal and LOWEST <= scene.amount(place).value <= HIGHEST:
            found.vitals[place] = "temperature"
        elif unit is None:
            found.unread[place] = "heart_rate"
    if len(rates) == 1 and scene.amount(rates[0]).value >= (BEATS_BESIDE_OXYGEN if oxygen else BEATS):
        found.vitals[rates[0]] = "heart_rate"
    elif len(rates) == 2 and scene.amount(rates[0]).value >= 2 * scene.amount(rates[1]).value:
        found.vitals |= {rates[0]: "heart_rate", rates[1]: "respiratory_rate"}
    else:
        found.unread |= dict.fromkeys(rates, "heart_rate")


def _of_oximeter(scene: Scene, row: Sequence[int]) -> Columns:
    oxygen, pulse = (scene.amount(place).value for place in row)
    if not 70 <= oxygen <= 100 or not 40 <= pulse <= 220:
        return Columns()
    if pulse <= 100:
        # 98 92: either may be the saturation.
        return Columns(unread=dict.fromkeys(row, "spo2"))
    return Columns({row[0]: "spo2", row[1]: "heart_rate"})


def _is_bare_row(scene: Scene, row: Sequence[int]) -> bool:
    """36.5 88 20: a temperature and at least two bare whole numbers behind it, of which nobody says what they are."""
    first, *rest = (scene.amount(place) for place in row)
    bare = all(amount.unit is None and not amount.decimal and amount.low is None for amount in rest)
    return first.decimal and LOWEST <= first.value <= HIGHEST and bare and len(rest) >= FEWEST_BARE


def touches_code(tokens: Sequence[Token], end: int) -> bool:
    """Whether a row of whole numbers (88/20/118) goes on where a value ended."""
    return any(token.amount is None and token.start - 1 <= end <= token.start and _CODE.fullmatch(token.text) for token in tokens)
