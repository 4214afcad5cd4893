"""A number that nothing names: in good company it is read by its size, in poor company asked about, in contrary company dropped."""

import re

from tagging.measurement.amount import Amount
from tagging.measurement.quantity import UNNAMED, Quantity
from tagging.measurement.readers import CHANGE, Reading, quantity, tenfold
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene

_MEASURED = re.compile(
    r"(?:[量测](?:了一下|了下|了|的|是|出来?|下来)?|显示|反复|一直|降到|升到|飙到|最高|退到|到了?|针后|发烫|通红|还是|[月岁])\s?$"
)
_TAKEN = re.compile(r"(?:[量测](?:了一下|了下|了个|了|的|出来?|下来)?|显示|降到|升到|飙到|退到)\s?$")
_ONE_OF_TWO = re.compile(r"一个(?:是)?\s?$")
# 38。238.5 may be two numbers or three.
_RUN_TOGETHER = re.compile(r"[。.，,]\d{3,}\.\d")
_PRICE_BEFORE = re.compile(r"(?:[¥￥$]|[花价卖付]了?|收费|只要)\s?$")
_PRICE_AFTER = re.compile(r"\s?(?:[一每/])\s?[盒罐瓶袋支包箱斤块个份]")
MEALS = frozenset({"fasting", "after_meal", "before_meal", "bedtime"})
# What a body temperature may be, with a decimal and without one.
LOWEST, LOWEST_WHOLE, HIGHEST, HIGHEST_WHOLE = 35.0, 36.0, 42.9, 42.0
# 快39了怎么办, 都过38了: what has become so high and worries is a fever.
FEVER, _HOT = (38, 41), re.compile(r"了?(?:[，, ]?(?:怎么办|咋办|怎么弄|咋整|急|怎么回事|还在(?:升|涨)|要不要紧|好烫|好担心))")
# 39整.
_JUST = re.compile(r"\s?整(?=$|[，。,！!；; ])")
# No family's meter shows less or more (vitals.yml, peak_flow, with room for a slip).
BLOW = (60, 800)
_BLOWN = re.compile(r"吹(?:了|的|出来?|到|是|一下|才|就|只有|只|气|得|个)*\s?$")
# 个人最佳400，早上340: only of a peak flow is there a personal best.
_BEST = re.compile(
    r"个人最(?:佳|好|高)(?:值|成绩)?(?:是|有|:|：)?\s?\d{2,3}[，, ]"
    r"(?:今[天早晚]|早上|晚上|早晨|现在|刚才?|这次|吹|了|的|是|就|才|只有|只|有)*\s?$"
)
# 从36.5长到38: what grows is no fever.
_GROWN, _GROWS = re.compile(r"长(?:到|成)了?\s?$"), re.compile(r"[^，。！？,!?\d]{0,3}(?<!增)长(?:到|成)")
# 测出来2点7，一身冷汗 of somebody with diabetes: what is that low and felt is sugar.
LOW, _SHAKY = 3.9, re.compile(r"冷汗|出汗|手抖|发抖|哆嗦|心慌|饿得|迷糊|头晕|没劲")
# Below and above these no meter shows a sugar.
SUGAR = (1.1, 33.3)


def read_alone(scene: Scene, index: int) -> Reading:
    """The reading of an unnamed number: sugar behind a meal, a temperature by its size, or a question."""
    amount = scene.amount(index)
    if not amount.sure:
        return None
    meal = _read_meal(scene, index)
    if meal is not None:
        return meal
    if _GROWN.search(scene.text, max(0, amount.start - 6), amount.start) or _GROWS.match(scene.text, amount.end):
        return [_asked_what(scene, index)] if amount.decimal or LOWEST <= amount.value <= HIGHEST else None
    low = amount.low if amount.low is not None else amount.value
    if 300 <= amount.value <= 430 and not amount.decimal and amount.unit is None and _read_off(scene, index):
        return [tenfold(amount)]
    if amount.loose and LOWEST <= amount.loose[0] <= 42.5:
        return _read_slip(scene, index)
    if _read_blow(scene, index):
        return [quantity(amount, "peak_flow") if "peak_flow" in scene.followed else _asked(amount, "peak_flow", "峰流速")]
    if (
        _BEST.search(scene.text, max(0, amount.start - 16), amount.start)
        and BLOW[0] <= amount.value <= BLOW[1]
        and scene.ends_clause(amount.end)
    ):
        return [quantity(amount, "peak_flow")]
    if low >= LOWEST and amount.value <= HIGHEST:
        return _read_temperature(scene, index)
    return _read_unknown(scene, index)


def _read_blow(scene: Scene, index: int) -> bool:
    """吹了150 of a child with asthma: what is blown is the peak flow."""
    amount = scene.amount(index)
    blown = _BLOWN.search(scene.text, max(0, amount.start - 8), amount.start) is not None
    return blown and not amount.decimal and BLOW[0] <= amount.value <= BLOW[1] and scene.ends_free(index)


def _read_off(scene: Scene, index: int) -> bool:
    """Whether a word of measuring leads to the number, in a clause that holds nothing else."""
    amount = scene.amount(index)
    return _TAKEN.search(scene.text[max(0, amount.start - 8) : amount.start]) is not None and scene.isolated(index)


def _read_meal(scene: Scene, index: int) -> Reading:
    """空腹5.6: sugar, where a meal is named directly before a decimal of that size."""
    amount = scene.amount(index)
    place = index - 1
    while place >= 0 and (scene.tokens[place].roles.filler or _is_time(scene.tokens[place]) or scene.tokens[place].text == " "):
        place -= 1
    if place < 0 or scene.tokens[place].roles.condition not in MEALS or not scene.adjacent(place, index):
        return None
    return [quantity(amount, "glucose")] if amount.decimal and SUGAR[0] <= amount.value <= SUGAR[1] else None


def _is_time(token: Token) -> bool:
    return token.amount is not None and token.amount.unit == "time"


def _read_slip(scene: Scene, index: int) -> Reading:
    """38。5 where nothing else is said, or behind a word of measuring."""
    amount = scene.amount(index)
    if amount.loose is None or not scene.stands_free(index) or (scene.asked and not scene.feverish):
        return None
    value, end = amount.loose
    digits = scene.text[amount.start : end]
    whole = len(digits) == len(scene.text.strip())
    if not (
        whole
        or (scene.isolated(index) and "." not in digits and (len(scene.text) <= 12 or scene.ends_clause(end)))
        or _MEASURED.search(scene.text, max(0, amount.start - 4), amount.start)
    ):
        asked = scene.ends_clause(end) and _introduced(scene, index)
        return [Quantity(amount.start, end, "temperature", value, question=f"{value:.1f}是体温吗？")] if asked else None
    return [Quantity(amount.start, end, "temperature", value, None, None, amount.precision)]


def _read_temperature(scene: Scene, index: int) -> Reading:
    """A number of the size of a body temperature."""
    amount = scene.amount(index)
    if scene.consumed(index) or not scene.ends_free(index) or _glued_to_name(scene, index):
        return None
    head = scene.text[max(0, amount.start - 8) : amount.start]
    if _PRICE_BEFORE.search(head) or _PRICE_AFTER.match(scene.text, amount.end):
        return None
    if scene.asked and not scene.feverish:
        return None
    if not (amount.decimal or (amount.halves and amount.halves[0].decimal)):
        return _read_whole(scene, index, head)
    if _ONE_OF_TWO.search(head):
        return [_asked(amount, "temperature", "体温")]
    # 测出41.2
    read_off = amount.decimal and _TAKEN.search(head) is not None
    if read_off or scene.feverish or _beside_another(scene, index) or (scene.stands_free(index) and _introduced(scene, index)):
        return [quantity(amount, "temperature")]
    return None if scene.unfollowed(index) else [_asked(amount, "temperature", "体温")]


def _read_whole(scene: Scene, index: int, head: str) -> Reading:
    """最高39, 量了38: a whole number needs a word of measuring, or talk of fever and a clause of its own."""
    amount = scene.amount(index)
    low = amount.low if amount.low is not None else amount.value
    if low < LOWEST_WHOLE or not scene.stands_free(index):
        return None
    if _RUN_TOGETHER.match(scene.text, amount.end):
        return [_asked(amount, "temperature", "体温")]
    if _JUST.match(scene.text, amount.end) and amount.value <= HIGHEST_WHOLE:
        return [quantity(amount, "temperature")]
    if (
        amount.precision in ("nearly", "more_than")
        and FEVER[0] <= amount.value <= FEVER[1]
        and _HOT.match(scene.text, amount.end)
        and scene.opens(index)
    ):
        # 快39了怎么办
        return [quantity(amount, "temperature")]
    timed = index > 0 and scene.tokens[index - 1].kind == "moment" and amount.precision == "more_than"
    if amount.precision == "more_than" and amount.value <= HIGHEST_WHOLE and scene.isolated(index, unknown=0):
        # 39多 is said of nothing else.
        return [quantity(amount, "temperature")]
    if _TAKEN.search(head) or timed or (_MEASURED.search(head) and amount.precision != "exact"):
        return [quantity(amount, "temperature")]
    if amount.value > 42 or not scene.isolated(index) or scene.unfollowed(index):
        return None
    if scene.feverish or _beside_another(scene, index):
        return [quantity(amount, "temperature")]
    return [_asked(amount, "temperature", "体温")] if not scene.answering and scene.isolated(index, unknown=0) else None


def _beside_another(scene: Scene, index: int) -> bool:
    """第一天39，第二天38.5: whether a temperature, or a bare decimal of that size, stands near."""
    near = scene.tokens[max(0, index - 6) : index + 7]
    others = [token.amount for place, token in enumerate(near, max(0, index - 6)) if token.amount is not None and place != index]
    return any(
        LOWEST <= amount.value <= HIGHEST and (amount.unit == "Cel" or (amount.decimal and amount.unit is None)) for amount in others
    )


def _read_unknown(scene: Scene, index: int) -> Reading:
    """测了3.8, or 今天14.2 of a diabetic: something was measured, and it has to be asked what."""
    amount = scene.amount(index)
    if not amount.decimal or scene.asked or scene.answering or scene.consumed(index) or scene.unfollowed(index):
        return None
    head = scene.text[max(0, amount.start - 8) : amount.start]
    taken = _TAKEN.search(head) is not None
    if CHANGE.search(head) or not scene.ends_free(index):
        return None
    low = amount.value < LOW and _SHAKY.search(scene.text) is not None
    if "glucose" in scene.followed and (scene.sugary or (low and taken)) and SUGAR[0] <= amount.value <= SUGAR[1]:
        return [quantity(amount, "glucose")]
    if "glucose" in scene.followed and SUGAR[0] <= amount.value <= SUGAR[1] and (taken or scene.isolated(index)):
        return [_asked(amount, "glucose", "血糖")]
    return [_asked_what(scene, index)] if taken else None


def _asked_what(scene: Scene, index: int) -> Quantity:
    amount = scene.amount(index)
    return Quantity(amount.start, amount.end, UNNAMED, amount.value, question=f"{scene.text[amount.start : amount.end]}是量的什么？")


def _asked(amount: Amount, vital: str, name: str) -> Quantity:
    return quantity(amount, vital, None, f"{amount.value:g}是{name}吗？")


def _glued_to_name(scene: Scene, index: int) -> bool:
    """Whether a number, a code or a name with a numeral in it touches the front of the number."""
    previous = scene.tokens[index - 1] if index else None
    if previous is None or previous.end != scene.tokens[index].start:
        return False
    return (previous.roles.idiom and not previous.roles.filler) or (previous.roles.count == "other" and not previous.roles.filler)


def _introduced(scene: Scene, index: int) -> bool:
    """Whether what stands before a bare decimal is known: start, child, time, filler, mark, site, another amount."""
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
        return previous.text not in ("：", ":") or index == 1 or _introduced(scene, index - 1)
    return previous.roles.filler and not previous.roles.vital
