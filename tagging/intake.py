"""What a child takes in and gives out: millilitres of milk, feeds, wet nappies, stools."""

import re

from tagging.spot import DRUG, Quantity, Spot, asked_vital, is_nearly

_MILK = re.compile(r"吃|喝|喂|奶|瓶喂|亲喂|母乳")
_COUNT = re.compile(r"\s*多?(?:次|顿|餐|回|泡|片|趟|张|块)(?P<what>尿不湿|尿布|纸尿裤|尿片|尿|奶|大便|小便|便便|屎)?")


_COUNT_WORDS = re.compile(
    r"(?P<wet_diapers>尿|小便|嘘嘘|纸尿裤)|(?P<stool_count>拉|大便|便便|粑粑|臭臭|屎|屙|解)|(?P<feed_count>吃|喂|喝|奶)"
)


def read_count(spot: Spot) -> list[Quantity] | None:
    """Feeds, wet nappies or stools counted (吃了8顿, 尿了6次, 6片尿不湿)."""
    unit = _COUNT.match(spot.tail)
    if not unit or re.search(r"第$|每?小时$|分钟?$", spot.head):
        return None
    clause = re.split(r"[，,。；;！!？? ]", spot.head)[-1]
    named = unit["what"] or clause[-9:]
    words = [(match.start(), match.lastgroup) for match in _COUNT_WORDS.finditer(named)]
    vital = max(words)[1] if words else None
    if vital is None and unit.group().strip("多 ")[:1] in "顿餐" and not re.search(r"饭|药", spot.head + spot.tail[:6]):
        vital = "feed_count"
    if vital is None and not clause.strip():
        asked = asked_vital(spot.context)
        vital = asked if asked in ("wet_diapers", "stool_count", "feed_count") else None
        if vital is None and re.search(r"奶.{0,8}(?:ml|毫升)|(?:ml|毫升).{0,4}奶", spot.text):
            vital = "feed_count"
    if vital == "feed_count" and (DRUG.search(clause + spot.tail[unit.end() : unit.end() + 4]) or "饭" in clause):
        return None
    return [Quantity(spot.start, spot.end + unit.end(), vital, spot.value, None, spot.about or "多" in unit.group())] if vital else None


def read_feed(spot: Spot) -> list[Quantity] | None:
    """Millilitres of milk; those of a medicine are none."""
    unit = re.match(r"\s*(?:ml|毫升|cc)", spot.tail)
    clause = re.split(r"[，,。；;！!？?]", spot.head)[-1] + re.split(r"[，,。；;！!？?]", spot.tail)[0]
    asked = asked_vital(spot.context) == "feed_volume"
    if not unit or DRUG.search(clause) or not (asked or _MILK.search(clause)):
        return None
    return [Quantity(spot.start, spot.end + unit.end(), "feed_volume", spot.value, None, spot.about or is_nearly(spot))]
