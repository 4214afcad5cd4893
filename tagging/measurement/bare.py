"""Readers of numbers without a unit: what was named, what was asked for, or a body temperature that says so by itself."""

import re
from itertools import pairwise

from tagging.measurement.alone import read_alone
from tagging.measurement.amount import Amount
from tagging.measurement.counts import in_part_of_minute, of_seconds, read_terse
from tagging.measurement.milk import left_in_bottle, read_milk
from tagging.measurement.pressure import read_pressure
from tagging.measurement.quantity import UNKNOWN_UNIT, Quantity
from tagging.measurement.readers import CHANGE, Reading, named_or_asked, quantity, tenfold
from tagging.measurement.scene import Scene
from tagging.measurement.subject import Subject
from tagging.numeral import parse_numeral

# Below and above these a bare number is taken for the other unit; between them it is asked (vitals.yml, guess).
GLUCOSE_MMOL, GLUCOSE_MG = 35.0, 100.0
BILIRUBIN_MG, BILIRUBIN_UMOL = 25.0, 40.0
# Single letters that nurses write for pulse and respiration.
_LETTERS, SMALLEST_RATE = frozenset({"p", "r"}), 10
_SCORE, WORST_PAIN = re.compile(r"分|nrs|vas|flacc"), 10
_LEVEL_OR_CHANGE = re.compile(r"(?:^|[^比较])[高低]了\s?$")
# 华氏101.5
_FAHRENHEIT, HOT_F = re.compile(r"华氏度?(?:是|有|:|：)?\s?$"), (86.0, 113.0)
_BEST_BLOW = re.compile(r"最(?:好|高|大)的?(?:那|是)?一?次(?:是|有|到|吹了?)*\s?$")
# How long an answer may be before it comes to its number.
FAR = 16
_FROM_TO = re.compile(r"[从由]\d{1,3}(?:\.\d{1,2})?[^\W\d_]{0,3}[到至]了?\s?$")
# 三十七六: the point is left out; 三十七八 may also be a range.
_SPOKEN_TENTHS = re.compile(r"(?P<whole>三十[五六七八九]|四十[一二])(?P<tenth>[一二三四五六七八九])")
_RATES = frozenset({"heart_rate", "respiratory_rate"})
_BARE = _RATES | {
    "temperature", "weight", "birth_weight", "height", "head_circumference", "glucose", "blood_ketone", "spo2", "bilirubin", "platelets",
    "neutrophils", "peak_flow", "diastolic_bp",
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
    if _FAHRENHEIT.search(scene.text, max(0, amount.start - 4), amount.start) and HOT_F[0] <= amount.value <= HOT_F[1]:
        return [quantity(amount, "temperature", "F")]
    if scene.abbreviated(index):
        return None if subject is not None or scene.adjacent(index - 1, index) else read_alone(scene, index)
    after = named_or_asked(scene, index, None, ("glucose",)) if not scene.asked and (subject is None or subject.far) else None
    if after and amount.sure:
        return [_substance(amount, after)]
    if subject is not None and subject.vital == "pain" and _SCORE.search(scene.tokens[subject.named].text) and amount.value <= WORST_PAIN:
        return [quantity(amount, "pain")] if amount.sure else []
    named = subject is not None and subject.vital in _BARE and not (subject.far or subject.implied)
    terse = read_terse(scene, index) or (None if named else read_milk(scene, index))
    if terse:
        return terse
    if subject is not None and subject.vital in _BARE:
        read = _read_named(scene, index, subject)
        if read is not None or not subject.far:
            return read
    if subject is None or subject.far or subject.vital in ("temperature", "pain"):
        asked = _read_asked(scene, index)
        if asked is not None:
            return asked
        return read_alone(scene, index)
    return None


def _read_named(scene: Scene, index: int, subject: Subject) -> Reading:
    amount = scene.amount(index)
    vital = subject.vital
    ranged = vital == "glucose" and (amount.low is not None or amount.precision == "more_than") and scene.adjacent(subject.anchor, index)
    if amount.han and amount.digits == 1 and not (amount.decimal or amount.loose or ranged):
        return None
    if scene.tokens[subject.named].text in _LETTERS and not _in_shorthand(scene, amount):
        return None
    if not scene.ends_free(index) or scene.consumed(index):
        return None
    head = scene.text[max(0, amount.start - 8) : amount.start]
    if CHANGE.search(head) and (vital != "temperature" or amount.value < 10):
        # 血糖低了3.1 may be the level or the change.
        return [] if _LEVEL_OR_CHANGE.search(head) and not subject.far and vital != "temperature" else None
    strict = not subject.far and not subject.implied and subject.unknown <= 4
    if not amount.sure:
        spoken = _SPOKEN_TENTHS.fullmatch(scene.text, amount.start, amount.end) if vital == "temperature" and strict else None
        return [_spoken_tenths(amount, spoken)] if spoken else [] if strict else None
    if vital in _RATES and in_part_of_minute(scene, index):
        return of_seconds(scene, index, vital)
    return _bare_as(amount, vital, strict=strict)


def _in_shorthand(scene: Scene, amount: Amount) -> bool:
    """P128 R36 T38.4: a letter is a vital only among other vitals."""
    named = {token.roles.vital for token in scene.tokens if token.roles.vital}
    return len(named) > 1 and not amount.decimal and amount.value >= SMALLEST_RATE


def read_listed(scene: Scene, index: int, _: Subject | None, *, vital: str) -> Reading:
    """The bare number at token `index` as `vital`, which is known; an empty list where it makes no sense."""
    if not scene.asked and "吹" not in scene.text:
        amount = scene.amount(index)
        return [quantity(amount, vital, None, f"{amount.value:g}是峰流速吗？")]
    return _bare_as(scene.amount(index), vital, strict=True)


def read_column(scene: Scene, index: int, _: Subject | None, *, vital: str) -> Reading:
    """The bare number at token `index` of a column headed by `vital`; None where that is not followed."""
    amount = scene.amount(index)
    return None if vital == "none" else _bare_as(amount, vital, strict=True) if amount.sure else []


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


def _spoken_tenths(amount: Amount, spoken: re.Match[str]) -> Quantity:
    value = parse_numeral(spoken["whole"]).value + parse_numeral(spoken["tenth"]).value / 10
    return Quantity(amount.start, amount.end, "temperature", round(value, 1), None, None, amount.precision)


def _substance(amount: Amount, vital: str) -> Quantity:
    """Sugar or bilirubin without a unit: its size tells it, or it is asked."""
    value = amount.value
    if vital == "glucose":
        if value <= GLUCOSE_MMOL:
            return quantity(amount, vital)
        # A sugar in mg/dL has no decimal; 72 may also be 7.2 without its point.
        return quantity(amount, vital, "mg/dL", None if value > GLUCOSE_MG and not amount.decimal else f"血糖{value:g}是 mg/dL 吗？")
    if value <= BILIRUBIN_MG:
        return quantity(amount, vital)
    return quantity(amount, vital, "umol/L", None if value > BILIRUBIN_UMOL else f"黄疸值{value:g}是 mg/dL 还是 μmol/L？")


def _read_asked(scene: Scene, index: int) -> Reading:
    """The answer to the line before."""
    amount = scene.amount(index)
    blown_best = scene.asked[:1] == ("peak_flow",) and _BEST_BLOW.search(scene.text, max(0, amount.start - 12), amount.start)
    if blown_best and amount.sure and amount.unit is None:
        # 吹了三次，最好一次260: of several blows the best one counts.
        return [quantity(amount, "peak_flow")]
    if not scene.asked or not (scene.isolated(index) or _leads(scene, index) or _sole(scene, index) or _arrived(scene, index)):
        return None
    if "feed_volume" in scene.asked and left_in_bottle(scene.text, amount):
        return None
    if not amount.sure:
        spoken = _SPOKEN_TENTHS.fullmatch(scene.text, amount.start, amount.end) if "temperature" in scene.asked[:1] else None
        # 三十七六
        return [_spoken_tenths(amount, spoken)] if spoken else []
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
    if vitals[0] in _RATES and in_part_of_minute(scene, index):
        return of_seconds(scene, index, vitals[0])
    return _bare_as(amount, vitals[0], strict=True)


def _arrived(scene: Scene, index: int) -> bool:
    """从36.5长到38: whether the number is where a change told from its beginning has come to."""
    start = scene.tokens[index].start
    match = _FROM_TO.search(scene.text, max(0, start - 16), start)
    return match is not None and match.start() <= 6 and scene.ends_clause(scene.tokens[index].end)


def _sole(scene: Scene, index: int) -> bool:
    """Whether the number ends the message and is the only one in it, of more than one digit, and nothing else is named."""
    amount = scene.amount(index)
    others = (token for place, token in enumerate(scene.tokens) if place != index)
    if amount.digits < 2 or scene.consumed(index) or any(t.amount or t.roles.vital or t.roles.count or t.roles.idiom for t in others):
        return False
    return amount.start <= FAR and len(scene.text) - amount.end <= 2


def _leads(scene: Scene, index: int) -> bool:
    """Whether the number opens the message (38.5，刚吃了药), at most after fillers."""
    if index > 6 or not scene.ends_free(index) or scene.consumed(index):
        return False
    tokens = scene.tokens[: index + 1]
    inner = sum(b.start - a.end for a, b in pairwise(tokens)) + tokens[0].start
    return inner <= 1 and not any(token.roles.vital or token.roles.count or token.roles.idiom or token.amount for token in tokens[:-1])
