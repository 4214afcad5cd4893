"""Readers of numbers without a unit: what was named, what was asked for, or a body temperature that says so by itself."""

import re
from itertools import pairwise

from tagging.measurement.amount import Amount
from tagging.measurement.pressure import read_pressure
from tagging.measurement.quantity import UNKNOWN_UNIT, Quantity
from tagging.measurement.readers import CHANGE, Reading, named_or_asked, quantity, tenfold
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene
from tagging.measurement.subject import Subject

# Below and above these a bare number is taken for the other unit; between them it is asked (vitals.yml, guess).
GLUCOSE_MMOL, GLUCOSE_MG = 35.0, 50.0
BILIRUBIN_MG, BILIRUBIN_UMOL = 25.0, 40.0
_MEASURED = re.compile(r"(?:量了?|测了?|量的|测的|量是|反复|一直|降到|升到|飙到|最高|退到|到了?|针后|发烫|通红|还是|[月岁])\s?$")
_ASSUMED = {"fasting", "after_meal", "before_meal", "bedtime"}
_RATES = frozenset({"heart_rate", "respiratory_rate"})
_BARE = _RATES | {
    "temperature", "weight", "birth_weight", "height", "head_circumference", "glucose", "blood_ketone", "spo2", "bilirubin", "platelets",
    "neutrophils", "peak_flow",
}  # fmt: skip
_WHOLE = _RATES | {"wet_diapers", "stool_count", "vomit_count", "feed_count"}


def read_bare(scene: Scene, index: int, subject: Subject | None) -> Reading:
    """A number without a unit: what was named, what was asked for, or a body temperature that says so by itself."""
    pressure = read_pressure(scene, index, subject)
    if pressure is not None:
        return pressure
    amount = scene.amount(index)
    if subject is not None and subject.vital == "none":
        return None
    after = named_or_asked(scene, index, None, ("glucose",)) if not scene.asked and (subject is None or subject.far) else None
    if after and amount.sure:
        return [_substance(amount, after)]
    if subject is not None and subject.vital in _BARE:
        read = _read_named(scene, index, subject)
        if read is not None or not subject.far:
            return read
    if subject is None or subject.far or subject.vital in ("temperature", "pain"):
        asked = _read_asked(scene, index)
        if asked is not None:
            return asked
        assumed = _read_meal(scene, index)
        return assumed if assumed is not None else _read_alone(scene, index)
    return None


def _read_named(scene: Scene, index: int, subject: Subject) -> Reading:
    amount = scene.amount(index)
    if amount.han and amount.digits == 1:
        return None
    vital = subject.vital
    if not scene.ends_free(index) or scene.consumed(index):
        return None
    if CHANGE.search(scene.text[max(0, amount.start - 6) : amount.start]) and vital != "temperature":
        return None
    strict = not subject.far and not subject.implied and subject.unknown <= 4
    if not amount.sure:
        return [] if strict else None
    return _bare_as(amount, vital, strict=strict)


def _bare_as(amount: Amount, vital: str, *, strict: bool) -> Reading:
    """A bare number as `vital`; with `strict` one that makes no sense is asked about."""
    value = amount.value
    if vital == "temperature":
        loose = amount.loose
        if loose and 34 <= loose[0] < 44:
            return [Quantity(amount.start, loose[1], vital, loose[0], None, None, amount.precision)]
        if 300 <= value <= 430 and value == int(value):
            return [tenfold(amount)]
        if 90 <= value <= 110 and amount.low is None:
            return [quantity(amount, vital, "F", f"{value:g}是华氏度吗？")]
        if 30 <= value <= 45.9:
            return [quantity(amount, vital)]
        return (
            []
            if strict and (amount.decimal or amount.precision == "exact") and not (value == 120 or (value < 3 and not amount.decimal))
            else None
        )
    if amount.loose and vital in ("glucose", "blood_ketone", "bilirubin", "weight", "birth_weight", "neutrophils", "head_circumference"):
        amount = Amount(amount.start, amount.loose[1], amount.loose[0], decimal=True, precision=amount.precision)
    if vital in ("weight", "birth_weight"):
        return [quantity(amount, vital, UNKNOWN_UNIT)]
    if vital in ("height", "head_circumference") and amount.value < 3:
        return None
    if vital in ("glucose", "bilirubin"):
        return [_substance(amount, vital)]
    if vital in _WHOLE and amount.decimal:
        return [] if strict else None
    return [quantity(amount, vital)]


def _substance(amount: Amount, vital: str) -> Quantity:
    """Sugar or bilirubin without a unit: its size tells it, or it is asked."""
    value = amount.value
    if vital == "glucose":
        if value <= GLUCOSE_MMOL:
            return quantity(amount, vital)
        return quantity(amount, vital, "mg/dL", None if value > GLUCOSE_MG else f"血糖{value:g}是 mg/dL 吗？")
    if value <= BILIRUBIN_MG:
        return quantity(amount, vital)
    return quantity(amount, vital, "umol/L", None if value > BILIRUBIN_UMOL else f"黄疸值{value:g}是 mg/dL 还是 μmol/L？")


def _read_asked(scene: Scene, index: int) -> Reading:
    """The answer to the line before."""
    amount = scene.amount(index)
    if not scene.asked or not (scene.isolated(index) or _leads(scene, index)):
        return None
    if not amount.sure:
        return []
    vitals = [vital for vital in scene.asked if vital in _BARE or vital in _WHOLE or vital == "feed_volume"]
    if not vitals or scene.asked[0] == "pain":
        return [quantity(amount, "pain")] if scene.asked[0] == "pain" else None
    if amount.han and amount.digits == 1 and not scene.isolated(index):
        return None
    if len(vitals) > 1:
        # Which of several was meant, only a typical size can tell.
        if "temperature" in vitals and 34 <= (amount.loose or (amount.value,))[0] <= 43 and (amount.decimal or amount.loose):
            return _bare_as(amount, "temperature", strict=True)
        return []
    return _bare_as(amount, vitals[0], strict=True)


def _leads(scene: Scene, index: int) -> bool:
    """Whether the number opens the message (38.5，刚吃了药), at most after fillers."""
    if index > 6 or not scene.ends_free(index) or scene.consumed(index):
        return False
    tokens = scene.tokens[: index + 1]
    inner = sum(b.start - a.end for a, b in pairwise(tokens)) + tokens[0].start
    return inner <= 1 and not any(token.roles.vital or token.roles.count or token.roles.idiom or token.amount for token in tokens[:-1])


def _read_meal(scene: Scene, index: int) -> Reading:
    """空腹5.6: sugar, where a meal is named directly before a decimal of that size."""
    amount = scene.amount(index)
    place = index - 1
    while place >= 0 and scene.adjacent(place, index) and (scene.tokens[place].roles.filler or _is_time(scene.tokens[place])):
        place -= 1
    if place < 0 or scene.tokens[place].roles.condition not in _ASSUMED or not scene.adjacent(place, index):
        return None
    return [quantity(amount, "glucose")] if amount.decimal and amount.sure and 1.1 <= amount.value <= 33.3 else None


def _is_time(token: Token) -> bool:
    return token.amount is not None and token.amount.unit == "time"


def _read_alone(scene: Scene, index: int) -> Reading:
    """A decimal of the size of a body temperature, or a whole number that was measured, with no other topic around it."""
    amount = scene.amount(index)
    if not amount.sure or not scene.stands_free(index) or scene.asked:
        return None
    low = amount.low if amount.low is not None else amount.value
    if amount.loose and 35 <= amount.loose[0] <= 42.5:
        digits = scene.text[amount.start : amount.loose[1]]
        if (
            len(digits) == len(scene.text.strip())
            or (scene.isolated(index) and "." not in digits and len(scene.text) <= 12)
            or _MEASURED.search(scene.text, max(0, amount.start - 4), amount.start)
        ):
            return [Quantity(amount.start, amount.loose[1], "temperature", amount.loose[0], None, None, amount.precision)]
        return None
    if not low >= 35 or not amount.value <= 42.9:
        return None
    if amount.decimal or (amount.halves and amount.halves[0].decimal):
        return [quantity(amount, "temperature")] if _fever_like(scene, index) else None
    before = scene.text[max(0, amount.start - 6) : amount.start]
    if low >= 36 and (
        (_MEASURED.search(before) and amount.precision != "exact")
        or re.search(r"(?:量|测|量了|测了|量的|测的|降到|升到|飙到|退到)\s?$", before)
    ):
        return [quantity(amount, "temperature")]
    return None


def _fever_like(scene: Scene, index: int) -> bool:
    """Whether the token before a bare decimal may introduce a temperature: start, child, time, filler, mark, site, another amount."""
    if index == 0:
        return True
    previous = scene.tokens[index - 1]
    if previous.end != scene.tokens[index].start:
        return scene.text[scene.tokens[index].start - 1] == " "
    if previous.kind in ("moment", "strong", "link") or previous.roles.person or previous.roles.site or previous.roles.condition:
        return True
    if previous.amount is not None:
        return previous.amount.dimension in ("time", None)
    if previous.kind == "weak":
        return previous.text not in ("：", ":") or index == 1 or _fever_like(scene, index - 1)
    return previous.roles.filler and not previous.roles.vital
