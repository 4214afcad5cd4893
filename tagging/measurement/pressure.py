"""Blood pressure: pairs in every punctuation, the two numbers said in one breath, kilopascals."""

import re

from tagging.measurement.amount import Amount
from tagging.measurement.quantity import Quantity
from tagging.measurement.scene import Scene
from tagging.measurement.subject import Subject
from tagging.numeral import parse_numeral

_SIDES = ("systolic_bp", "diastolic_bp")
# Below this a pressure without a unit may be kilopascals (vitals.yml, guess).
KILOPASCALS_BELOW = 35.0
_HUNDREDS = "[一二]百"
_DIGIT = "[一二三四五六七八九]"
# 一百二八十: two round numbers; 一百三十五八十五: the tens are named, so there is one way to cut. 一百二八十五 has two.
_SPOKEN = re.compile(
    rf"(?P<high>{_HUNDREDS}(?:{_DIGIT}十{_DIGIT}?|零{_DIGIT}))(?P<low>[四五六七八九]十{_DIGIT}?|一百(?:零{_DIGIT}|{_DIGIT}?十{_DIGIT}?)?)(?![十百\d])"
    rf"|(?P<round_high>{_HUNDREDS}{_DIGIT}?)(?P<round_low>[四五六七八九]十|一百[一二]?)(?![一二三四五六七八九十百\d])"
)
_BREATH = re.compile(rf"{_HUNDREDS}{_DIGIT}?{_DIGIT}十{_DIGIT}?")
_DOTTED = re.compile(r"(\d{2,3})\.([3-9]\d|1\d\d)(?!\d)")
# 132/84/70: a whole display, with the pulse.
_DISPLAY = re.compile(r"(?<!\d)1?\d\d/1?\d\d/1?\d\d(?![\d/])")
_LOWER = re.compile(r"(?:低|下面?|底下)(?:的|边|那个)?(?:是|有|才|就|也|到|了)*\s?$")
_JOIN = re.compile(r"\s*(?:mmhg|kpa|毫米汞柱|千帕)?\s*(?:/{1,2}|／|\\|到|-|—|~|比|[斜横]?杠|斜线|,|，|、|和|一|,|\s|。)\s*")


# 上头146，下头90
_HIGH = re.compile(r"(?:上[头面边]|高的)(?:那个)?(?:是|有|的)?\s?$")
_UP_AND_DOWN = re.compile(
    r"(?P<high>(?:[89]\d|1\d\d|2[0-4]\d))[，,、 ]{0,2}(?:下[头面边]|底下|低的)"
    r"(?:那个)?(?:是|有|的)?\s?(?P<low>(?:[4-9]\d|1[0-3]\d))(?![\d.])"
)
_TAKEN = re.compile(r"[量测](?:了一下|了下|了|的|出来|得|是|到)*\s?$")
# A pressure of somebody grown: both numbers whole and this far apart.
UPPER, LOWER_OF, LEAST_APART = (80, 240), (40, 140), 15
# Who tells a pressure without its name tells nothing else.
MOST_TOKENS = 40


def tells_pressure(scene: Scene, subject: Subject | None) -> bool:
    """Whether blood pressure is named or asked for."""
    return (subject is not None and subject.vital in _SIDES) or ((subject is None or subject.far) and scene.asked[:1] == ("systolic_bp",))


def read_pressure(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """One or both pressures at token `index`; None where it is none, an empty list where it cannot be read."""
    amount = scene.amount(index)
    if (subject is not None and subject.vital == "none") or (amount.unit is None and scene.consumed(index)):
        return None
    told = tells_pressure(scene, subject) or amount.dimension == "pressure"
    lower = _second(scene, index) if amount.halves and told else None
    if lower and lower.halves and amount.low is not None and lower.low is not None and lower.value < amount.low:
        # 130~145/85~95: both pressures as ranges.
        return [_one(amount, "systolic_bp", amount.unit or lower.unit), _one(lower, "diastolic_bp", amount.unit or lower.unit)]
    if told and amount.decimal and amount.unit in (None, "mmHg") and amount.value >= KILOPASCALS_BELOW:
        return _dotted(scene, index)
    if amount.halves and told:
        # 80到120: the higher pressure comes first, or there is no telling.
        return (
            [] if amount.halves[0].value < 60 or not _in_range_of_one(amount) else [_one(amount, _side(scene, index, subject), amount.unit)]
        )
    spoken = _SPOKEN.match(scene.text, amount.start) if amount.han else None
    if spoken and told and not amount.sure:
        return _spoken(spoken)
    if spoken and not amount.sure and "systolic_bp" in scene.followed and not scene.asked and scene.isolated(index):
        # 一百三十一八十二 of somebody grown
        return _spoken(spoken)
    if spoken_twice(scene, index):
        return [
            Quantity(
                amount.start, amount.end, "systolic_bp", 120, question=f"{scene.text[amount.start : amount.end]}：高压和低压各是多少？"
            )
        ]
    other = _second(scene, index)
    if other and told and not amount.sure:
        shown = scene.text[amount.start : other.end]
        return [Quantity(amount.start, other.end, "systolic_bp", other.value, question=f"血压{shown}，高压和低压各是多少？")]
    if (
        subject is None
        and not scene.asked
        and (upper := _UP_AND_DOWN.match(scene.text, amount.start))
        and _HIGH.search(scene.text, max(0, amount.start - 6), amount.start)
    ):
        return [
            Quantity(*upper.span("high"), "systolic_bp", float(upper["high"])),
            Quantity(*upper.span("low"), "diastolic_bp", float(upper["low"])),
        ]
    if told is False and other and not _plain_pair(scene, amount, other) and _is_adults(scene, index, amount, other):
        return _of_adult(scene, index, amount, other)
    if other is None or not amount.sure or (subject is not None and subject.vital == "diastolic_bp"):
        return _alone(scene, index, subject) if told else None
    unit = amount.unit or other.unit
    if unit not in (None, "kPa", "mmHg") or (not told and other.dimension != "pressure" and not _plain_pair(scene, amount, other)):
        return _alone(scene, index, subject) if told else None
    pair = _pair(amount, other, unit)
    return [*pair, *_pulse(scene, index, other)] if len(pair) > 1 else pair


def _is_adults(scene: Scene, index: int, high: Amount, low: Amount) -> bool:
    """135 85 of somebody grown, with nothing named in the message: two numbers of that size are a pressure."""
    if "systolic_bp" not in scene.followed or scene.asked or len(scene.tokens) > MOST_TOKENS:
        return False
    whole = all(a.unit is None and not a.decimal and a.low is None and a.sure for a in (high, low))
    sizes = UPPER[0] <= high.value <= UPPER[1] and LOWER_OF[0] <= low.value <= LOWER_OF[1] and high.value - low.value >= LEAST_APART
    others = [t for t in scene.tokens if t.amount is not None and t.amount not in (high, low) and t.amount.unit != "time"]
    named = any(t.roles.vital or t.roles.idiom or (t.roles.count == "other" and t.text not in ("量", "测")) for t in scene.tokens)
    return whole and sizes and not others and not named and not scene.consumed(index)


def _of_adult(scene: Scene, index: int, high: Amount, low: Amount) -> list[Quantity]:
    pair = _pair(high, low, None)
    if scene.ends_clause(low.end) and (_TAKEN.search(scene.text, max(0, high.start - 6), high.start) or scene.isolated_pair(index)):
        return pair
    return [Quantity(high.start, low.end, "systolic_bp", high.value, question=f"{high.value:g}/{low.value:g}是血压吗？")]


def _pulse(scene: Scene, index: int, lower: Amount) -> list[Quantity]:
    """126 82 70: the third number on the display of a meter is the pulse."""
    place = next((p for p in range(index + 1, min(index + 6, len(scene.tokens))) if scene.tokens[p].amount == lower), index)
    pulse = _second(scene, place) if place > index else None
    if pulse is None or pulse.unit is not None or pulse.halves or pulse.decimal or not pulse.sure or not 40 <= pulse.value <= 180:
        return []
    alone = len([token for token in scene.tokens if token.amount is not None]) == 3
    return [Quantity(pulse.start, pulse.end, "heart_rate", pulse.value)] if alone and scene.ends_clause(pulse.end) else []


def spoken_twice(scene: Scene, index: int) -> bool:
    """Whether a message is nothing but two numbers in one breath that can be cut in two ways (一百二八十五)."""
    amount = scene.amount(index)
    return (
        amount.han
        and not amount.sure
        and not scene.asked
        and scene.isolated(index)
        and _BREATH.fullmatch(scene.text, amount.start, amount.end) is not None
    )


def _dotted(scene: Scene, index: int) -> list[Quantity]:
    """120.80: the point stands for the stroke; anything else in whole millimetres has no point."""
    amount = scene.amount(index)
    match = _DOTTED.match(scene.text, amount.start)
    if match is None or not int(match[2]) < int(match[1]) <= 260:
        return []
    return [Quantity(*match.span(1), "systolic_bp", float(match[1])), Quantity(*match.span(2), "diastolic_bp", float(match[2]))]


def _spoken(match: re.Match[str]) -> list[Quantity]:
    names = ("high", "low") if match["high"] else ("round_high", "round_low")
    high, low = (parse_numeral(match[name]) for name in names)
    if not (high.sure and low.sure) or low.value >= high.value:
        return []
    return [Quantity(*match.span(names[0]), "systolic_bp", high.value), Quantity(*match.span(names[1]), "diastolic_bp", low.value)]


def _pair(high: Amount, low: Amount, unit: str | None) -> list[Quantity]:
    question = None
    if low.value >= high.value or not low.sure:
        shown = f"{high.value:g}/{low.value:g}" if low.sure else f"{high.value:g}"
        return [Quantity(high.start, low.end, "systolic_bp", high.value, unit, question=f"血压{shown}，高压和低压各是多少？")]
    if unit is None and high.value < KILOPASCALS_BELOW:
        question, unit = f"{high.value:g}/{low.value:g}是千帕（kPa）吗？", "kPa"
    end = low.end if question else high.end
    # 130/80左右 holds for both.
    said = low.precision if high.precision == "exact" and low.precision == "about" else high.precision
    lower = high.precision if low.precision == "exact" else low.precision
    first = Quantity(high.start, end, "systolic_bp", high.value, unit, None, said, question)
    return [first] if question else [first, Quantity(low.start, low.end, "diastolic_bp", low.value, unit, None, lower)]


def _alone(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    amount = scene.amount(index)
    if not amount.sure:
        return []
    if amount.unit is None:
        if amount.han and amount.digits == 1:
            return None
        if subject is not None and subject.far and not 30 <= amount.value <= 260:
            return None
        if amount.value < KILOPASCALS_BELOW:
            return []
    return [_one(amount, _side(scene, index, subject), amount.unit)]


def _one(amount: Amount, vital: str, unit: str | None) -> Quantity:
    return Quantity(amount.start, amount.end, vital, amount.value, unit, amount.low, amount.precision)


def _side(scene: Scene, index: int, subject: Subject | None) -> str:
    """血压高140低85, 上面135下面90: a second number may be the lower pressure without its full name."""
    if subject is not None and subject.vital == "diastolic_bp":
        return "diastolic_bp"
    start = scene.tokens[index].start
    second = index > 0 and any(token.amount is not None and token.amount.unit is None for token in scene.tokens[max(0, index - 6) : index])
    return "diastolic_bp" if second and _LOWER.search(scene.text, max(0, start - 6), start) else "systolic_bp"


def _in_range_of_one(amount: Amount) -> bool:
    return amount.low is not None and amount.value - amount.low <= 40


def _second(scene: Scene, index: int) -> Amount | None:
    """The amount that follows as the lower pressure: only a separator stands between."""
    for place in range(index + 1, min(index + 6, len(scene.tokens))):
        token = scene.tokens[place]
        if token.amount is not None:
            between = scene.text[scene.tokens[index].end : token.start]
            lower = token.amount
            joined = _JOIN.fullmatch(between) or (not between and scene.amount(index).precision == "more_than")
            return lower if joined and lower.dimension in (None, "pressure") and 2 <= lower.value <= 200 else None
        if token.roles.vital:
            return None
    return None


def _plain_pair(scene: Scene, high: Amount, low: Amount) -> bool:
    """120/80 without a word about pressure."""
    return (
        scene.text[high.end : low.start].strip() == "/"
        and 70 <= high.value <= 260
        and 35 <= low.value <= 160
        and not high.decimal
        and not low.decimal
        and (scene.text[low.end : low.end + 1] != "/" or _DISPLAY.match(scene.text, high.start) is not None)
    )
