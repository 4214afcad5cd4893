"""Millilitres of milk, with the unit or without it."""

import re

from tagging.measurement.amount import Amount
from tagging.measurement.counts import DRUG, MILK, SMALLEST_BOTTLE, counted, dashed
from tagging.measurement.quantity import Quantity
from tagging.measurement.scene import Scene, leads_to_amount
from tagging.measurement.subject import Subject

_POURED = re.compile(
    r"(?:喂奶|喝奶|吃奶|奶量|瓶喂|[喂喝吃]奶粉|(?:[一每][次顿餐]|各|只|就|能)(?:奶粉?)?[喂喝吃]?(?:奶粉?)?|[喂喝吃]"
    r"|(?:^|[，,、。 ])奶)了?(?:大概|约|有|是|到|总共|一共|[:：])*\s?$"
)
# 奶量从120掉到60
_NOW_DRUNK = re.compile(r"奶量[^，。]{0,4}[从由]\d{2,3}(?:ml|毫升)?(?:一下子|慢慢|就|突然)?[掉降减少升涨加长变]+[到至成]了?\s?$")
_PER_KILOGRAM = re.compile(r"尿[^，。]{0,6}(?:每小时每公斤|每公斤每小时)[^，。]{0,2}$")
# 冲了150ml，剩了30: what was made is not what was drunk.
_MADE = re.compile(r"[冲泡兑配]了?(?:大概|大约|约|有|好)?\s?$")
# 喂了90剩了20: what was offered, too.
_OFFERED = re.compile(r"[冲泡兑配喂给]了?(?:大概|大约|约|有|好|他|她)?\s?$")
_LEFT_OVER = re.compile(r"[^。！？\n]{0,12}?(?:剩|没喝完|没吃完|只[喝吃]|就[喝吃]|才[喝吃]|[喝吃]了|[喝吃]掉|实际|倒掉)")
_EACH_FEED = re.compile(r"(?:每|一)(?:次|顿|餐)(?:大概|大约|约|都|就|是|能|有|差不多)*\s?$")
# 少喝了100
_DIFFERENCE = re.compile(r"(?:少|(?<!差不)多|加|减)(?:吃|喝)?了?\s?$")
LARGEST_BOTTLE = 350
# 冲了180剩了40: what was drunk is the difference.
_REST = re.compile(
    r"\s?(?:ml|毫升)?[，,、 ]?(?:还|就|最后|又|大概|约)*剩(?:了|下|的|个|大概|约|还有)*\s?(?P<rest>\d{1,3})(?!\.?\d)\s?(?:ml|毫升)?"
    r"(?:没喝完|没吃完)?"
)
# What is drunk in a day (vitals.yml, feed_volume).
LARGEST_DAY = 1500
_OF_A_DAY = re.compile(r"[一全每]天|24小时|一昼夜|一日|总")
# 120ml*6
_TIMES_N = re.compile(r"\s?[*×x]\s?(\d{1,2})(?:次|顿|餐)?(?!\d|\s?(?:天|ml|毫升))")


def read_volume(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """Millilitres of milk; those of a medicine, of water or of what came up are none."""
    amount = scene.amount(index)
    if amount.unit == "L":
        named = (subject is not None and subject.vital == "peak_flow") or (subject is None and scene.asked[:1] == ("peak_flow",))
        return [Quantity(amount.start, amount.end, "peak_flow", amount.value, None, amount.low, amount.precision)] if named else None
    if _PER_KILOGRAM.search(scene.text, max(0, amount.start - 16), amount.start):
        return [Quantity(amount.start, amount.end, "urine_output", amount.value, None, amount.low, amount.precision)]
    drunk = drunk_of(scene.text, amount)
    if drunk and not DRUG.search(scene.clause_text(index)):
        return [drunk]
    if left_in_bottle(scene.text, amount):
        return None
    left, right = scene.clause(index)
    clause = scene.clause_text(index)
    asked = "feed_volume" in scene.asked
    if DRUG.search(clause) or not amount.sure or (subject is not None and subject.vital == "none" and not subject.far):
        return None
    kind = _counted_volume(scene, index, left, right)
    if kind is None and scene.milk_only and _EACH_FEED.search(scene.text, max(0, amount.start - 12), amount.start):
        kind = "feed_count"
    if kind != "feed_count" and not (asked and kind is None):
        return None
    if amount.value < SMALLEST_BOTTLE and not (asked or scene.milk_only or MILK.search(clause)):
        return None
    if (
        amount.decimal
        and amount.value >= SMALLEST_BOTTLE
        and not amount.halves
        and amount.value != int(amount.value)
        and not dashed(scene, index)
    ):
        return []
    if amount.decimal and amount.value == int(amount.value):
        return [Quantity(amount.start, amount.end, "feed_volume", amount.value, None, amount.low, amount.precision)]
    if _DIFFERENCE.search(scene.text, max(0, amount.start - 4), amount.start):
        return None
    volume = counted(scene, index, "feed_volume")
    feeds = _TIMES_N.match(scene.text, amount.end)
    if feeds is None:
        return [volume]
    return [volume, Quantity(feeds.start(1), feeds.end(), "feed_count", float(feeds[1]))]


def drunk_of(text: str, amount: Amount) -> Quantity | None:
    """What was drunk of a bottle that was made, where what was left is told (冲了180剩了40)."""
    rest = _REST.match(text, amount.end) if _OFFERED.search(text, max(0, amount.start - 6), amount.start) else None
    drunk = amount.value - float(rest["rest"]) if rest and amount.precision == "exact" else 0.0
    return Quantity(amount.start, rest.end(), "feed_volume", drunk) if rest and drunk > 0 else None


def left_in_bottle(text: str, amount: Amount) -> bool:
    """Whether the amount was made, and less of it drunk (冲了150，喝了120)."""
    return _MADE.search(text, max(0, amount.start - 6), amount.start) is not None and _LEFT_OVER.match(text, amount.end) is not None


def _counted_volume(scene: Scene, index: int, left: int, right: int) -> str | None:
    after = scene.tokens[index + 1] if index + 1 < right else None
    if (
        after
        and after.roles.count in ("feed_count", "other")
        and after.start == scene.tokens[index].end
        and not leads_to_amount(scene, index + 1)
    ):
        return after.roles.count
    for place in range(index - 1, max(-1, left - 8), -1):
        token = scene.tokens[place]
        if token.kind == "strong":
            return None
        if token.roles.count:
            # A medicine two clauses before may still be what was swallowed.
            return token.roles.count if token.roles.count != "other" or place >= left else None
    near = [*scene.tokens[max(0, index - 2) : index], *scene.tokens[index + 1 : index + 6]]
    return "feed_count" if any(token.amount is not None and token.amount.unit == "meals" for token in near) else None


def read_milk(scene: Scene, index: int) -> list[Quantity] | None:
    """奶一次喝120, 喂奶90: a bare whole number of the size of a bottle behind a word of drinking milk."""
    amount = scene.amount(index)
    spoken = scene.clause_text(index)
    largest = LARGEST_DAY if "奶量" in spoken and _OF_A_DAY.search(spoken) else LARGEST_BOTTLE
    if not (SMALLEST_BOTTLE <= amount.value <= largest) or amount.decimal or not amount.sure or not scene.ends_free(index):
        return None
    drunk = drunk_of(scene.text, amount)
    if drunk and (scene.milk_only or "喂" in spoken or MILK.search(spoken) or "feed_volume" in scene.asked):
        return [drunk]
    if left_in_bottle(scene.text, amount):
        return None
    if _NOW_DRUNK.search(scene.text, max(0, amount.start - 20), amount.start):
        return [counted(scene, index, "feed_volume")]
    clause = scene.text[max(0, amount.start - 12) : amount.start]
    milk = scene.milk_only or "喂" in scene.sentence(index) or MILK.search(clause) or "feed_volume" in scene.asked
    if _DIFFERENCE.search(scene.text, max(0, amount.start - 4), amount.start):
        return None
    if not milk or not _POURED.search(clause) or DRUG.search(scene.clause_text(index).replace("奶粉", "")):
        return None
    volume = counted(scene, index, "feed_volume")
    feeds = _TIMES_N.match(scene.text, amount.end)
    # 奶量：60*8
    return [volume, Quantity(feeds.start(1), feeds.end(), "feed_count", float(feeds[1]))] if feeds else [volume]
