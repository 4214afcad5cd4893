"""What is counted: feeds, wet nappies, stools, vomiting; beats and breaths a minute; millilitres of milk."""

import re
from dataclasses import replace

from tagging.measurement.quantity import UNNAMED, Quantity
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene, leads_to_amount
from tagging.measurement.subject import Subject

_BEATS = re.compile(r"心|脉|跳")
_BREATHS = re.compile(r"呼吸|喘|吸|气")
# A dose that is merely swallowed is seldom larger, a bottle seldom smaller.
SMALLEST_BOTTLE = 15.0
_PER_MINUTE = re.compile(r"(?:每|一|1)分(?:钟|种)?[^，。]{0,8}$|^/?每?分")
_DRUG = re.compile(
    r"药|美林|布洛芬|泰诺林|对乙酰|糖浆|口服液|混悬|滴剂|退烧|开塞露|蒙脱石|益生菌|冲剂|颗粒|雾化|生理盐水|盐水|奥司|头孢|阿奇|维生素|d3|补液盐|电解质|葡萄糖|水|汤|果汁|豆浆|ad"
)
_MILK = re.compile(r"奶|母乳|亲喂|瓶喂|配方")
# Asked where the time over which was counted is no single day.
A_MINUTE = "麻烦数满一整分钟，是多少次？"
A_DAY = "一整天（24小时）一共是几次？"
_STOPPED = re.compile(r"(?:停|少|漏|落)了?\s?$")
_SECONDS = re.compile(r"秒|半分钟")
# 喝一次吐一次: each time, not once.
_TERSE = frozenset({"wet_diapers", "stool_count", "vomit_count"})
MOST_TERSE = 20
# 120ml*6
_TIMES_N = re.compile(r"\s?[*×x]\s?(\d{1,2})(?:次|顿|餐)?(?!\d|\s?(?:天|ml|毫升))")
_EVERY_TIME = re.compile(r"一[次顿回](?!次|顿)[^，。！？\d]{1,3}一[次顿回]")
_AFTER_UNIT = re.compile(r"\s?(?:的|湿|透的?)*")


def read_rate(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """So many a minute: heart or breath, by what is named."""
    amount = scene.amount(index)
    vital = _rate(scene, index, subject)
    if vital and _SECONDS.search(_head(scene, index)):
        # 30秒25次 was not counted for a minute.
        return [replace(_quantity(scene, index, vital), vital=UNNAMED, question=A_MINUTE)]
    if vital is None or (amount.unit == "下" and subject is None and not _PER_MINUTE.search(_head(scene, index))):
        return None
    return [_quantity(scene, index, vital)] if amount.sure else []


def _rate(scene: Scene, index: int, subject: Subject | None) -> str | None:
    if subject is not None and subject.vital in ("heart_rate", "respiratory_rate"):
        return subject.vital
    if subject is not None and not subject.far:
        return None
    words = _head(scene, index) + scene.text[scene.tokens[index].end : scene.tokens[index].end + 8]
    if _BREATHS.search(words):
        return "respiratory_rate"
    if _BEATS.search(words):
        return "heart_rate"
    return next((asked for asked in scene.asked if asked in ("heart_rate", "respiratory_rate")), None)


def read_times(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """Times a day, by the nearest word of what is counted (吃了8顿, 尿了6次, 6片尿不湿)."""
    amount = scene.amount(index)
    head, tail = _head(scene, index), scene.text[amount.end : amount.end + 6]
    if amount.unit == "times" and (
        _PER_MINUTE.search(head)
        or re.match(r"\s?(?:每|一|1)?分", tail)
        or (subject and subject.vital in ("heart_rate", "respiratory_rate"))
    ):
        if subject is not None and subject.vital in ("heart_rate", "respiratory_rate") and (subject.unknown or amount.value < 10):
            return None if amount.value < 10 else read_rate(scene, index, subject)
        return read_rate(scene, index, subject)
    counted = _counted(scene, index)
    if counted is None or counted == "other" or not amount.sure:
        return None
    if amount.value == 1 and _EVERY_TIME.search(scene.text, max(0, amount.start - 4), amount.end + 6):
        return None
    if amount.decimal and not amount.halves and not _dashed(scene, index):
        return [replace(_quantity(scene, index, counted), question=A_DAY)]
    if amount.unit == "pieces" and not (counted == "wet_diapers" or scene.text[amount.start : amount.end].rstrip("多来").endswith("泡")):
        return None
    if amount.unit == "meals" and counted != "feed_count":
        return None
    if counted == "feed_count" and not _is_feed(scene, index):
        return None
    if "半天" in head or "半日" in head:
        return [replace(_quantity(scene, index, counted), question=A_DAY)]
    days = _period(scene, index)
    if days is None or (days > 1 and amount.value != 1):
        return None if days is None else [replace(_quantity(scene, index, counted), question=A_DAY)]
    reading = _quantity(scene, index, counted)
    if days > 1:
        return [Quantity(reading.start, reading.end, counted, round(amount.value / days, 3), None, None, "about")]
    return [reading]


def read_terse(scene: Scene, index: int) -> list[Quantity] | None:
    """尿3 拉5 吐2: a small whole number directly behind what is counted, with nothing behind it."""
    amount = scene.amount(index)
    previous = scene.tokens[index - 1] if index else None
    if previous is None or previous.end != amount.start or previous.roles.count not in _TERSE or amount.han or not amount.sure:
        return None
    if amount.decimal or amount.value > MOST_TERSE or re.match(r"[^\s，,、。；;]", scene.text[amount.end : amount.end + 1]):
        return None
    return [_quantity(scene, index, previous.roles.count or "")]


def _counted(scene: Scene, index: int) -> str | None:
    """What a number of times counts: the word directly behind it, else the nearest one before it in the clause, else what was asked for."""
    left, right = scene.clause(index)
    if index + 1 < right:
        after = scene.tokens[index + 1]
        gap = scene.text[scene.tokens[index].end : after.start]
        following = scene.tokens[index + 2] if index + 2 < right else None
        # 尿了3次拉了2次: the second word belongs to the next number.
        if after.roles.count and after.roles.count != "other" and _AFTER_UNIT.fullmatch(gap) and not leads_to_amount(scene, index + 1):
            before = scene.tokens[index - 1].roles.count if index > left else None
            # 吐过一次奶 is vomiting, not feeding.
            spat = after.roles.count == "feed_count" and any(
                t.roles.count == "vomit_count" for t in scene.tokens[max(left, index - 3) : index]
            )
            return "vomit_count" if spat or before == "vomit_count" else after.roles.count
        if (
            after.roles.count == "other"
            and gap == ""
            and not leads_to_amount(scene, index + 1)
            and (following is None or not following.amount)
        ):
            return "other"
    for place in range(index - 1, left - 1, -1):
        token = scene.tokens[place]
        if token.roles.count:
            return token.roles.count if scene.unknown_between(place, index) <= 4 else None
        if token.amount is not None and token.amount.unit not in ("time", None):
            if _is_bottle(token):
                return "feed_count"
            # 80毫升，8次 and 今天5次3次: a further number of the same thing has its own word.
            break
    if scene.isolated(index) or left == index:
        asked = next((vital for vital in scene.asked if vital in ("wet_diapers", "stool_count", "vomit_count", "feed_count")), None)
        if asked:
            return asked
        if scene.amount(index).unit == "meals" or any(_is_bottle(t) for t in scene.tokens[max(0, index - 6) : index + 6]):
            return "feed_count"
        return _in_clause_before(scene, left)
    return "feed_count" if scene.amount(index).unit == "meals" else None


def _in_clause_before(scene: Scene, left: int) -> str | None:
    """一天四五次 after a comma: what the clause before spoke of, when it gave no number itself."""
    place = left - 1
    if place < 1 or scene.tokens[place].kind != "weak":
        return None
    for earlier in range(place - 1, max(-1, place - 8), -1):
        token = scene.tokens[earlier]
        if token.kind in ("strong", "weak") or (token.amount is not None and token.amount.unit != "time"):
            return None
        if token.roles.count:
            return token.roles.count if token.roles.count in ("wet_diapers", "stool_count", "vomit_count") else None
    return None


def _is_feed(scene: Scene, index: int) -> bool:
    """Whether times of eating are feeds of milk: milk is named, meals are counted, or nappies and millilitres stand beside them."""
    left, _ = scene.clause(index)
    clause = scene.clause_text(index)
    whole = scene.text[max(0, scene.tokens[left].start - 20) : scene.tokens[index].end + 30]
    if _DRUG.search(clause.replace("奶粉", "").replace("母乳", "")) or "饭" in clause or "辅食" in clause:
        return False
    if scene.amount(index).value == 1 and _each(scene, index):
        return False
    if scene.amount(index).unit == "meals" and not _MILK.search(clause) and not scene.ends_known(index):
        return False
    if _STOPPED.search(scene.text, max(0, scene.tokens[index].start - 4), scene.tokens[index].start):
        return False
    if scene.amount(index).unit == "meals" or _MILK.search(clause) or "feed_count" in scene.asked or scene.milk_only:
        return True
    near = scene.tokens[max(0, index - 10) : index + 10]
    return not _DRUG.search(whole) and (
        any(token.roles.count == "wet_diapers" for token in near) or any(_is_bottle(token) for token in near)
    )


def _is_bottle(token: Token) -> bool:
    return token.amount is not None and token.amount.unit == "mL" and token.amount.value >= SMALLEST_BOTTLE


def _each(scene: Scene, index: int) -> bool:
    """一次80毫升 and 一顿是60: what one feed holds."""
    for following in scene.tokens[index + 1 : index + 5]:
        if following.amount is not None:
            return following.amount.unit != "time"
        if not (following.roles.filler or following.roles.count == "feed_count" or following.kind == "link"):
            return False
    return False


def _period(scene: Scene, index: int) -> float | None:
    """Days over which was counted: 1 unless told; None for hours (每3小时一次), which make no day."""
    left, _ = scene.clause(index)
    for place in range(index - 1, left - 1, -1):
        token = scene.tokens[place]
        if token.amount is None:
            continue
        if token.amount.unit != "time":
            return 1
        return _days(scene, token)
    return 1


def _days(scene: Scene, token: Token) -> float | None:
    text = scene.text[token.start : token.end]
    value = token.amount.value if token.amount else 1.0
    if scene.text[token.end : token.end + 1] in ("前", "后", "大"):
        return 1
    if "小时" in text or "钟头" in text:
        return 1 if value == 24 else None
    if "天" in text:
        return 0.5 if scene.text[token.start - 1 : token.start] == "半" else value
    if "周" in text or "星期" in text or "礼拜" in text:
        return 7 * value if "岁" not in text else 1
    # 3个月拉了5次: an age before the count.
    return None if "分" in text else 1


def read_volume(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """Millilitres of milk; those of a medicine, of water or of what came up are none."""
    amount = scene.amount(index)
    if amount.unit == "L":
        named = subject is not None and subject.vital == "peak_flow"
        return [Quantity(amount.start, amount.end, "peak_flow", amount.value, None, amount.low, amount.precision)] if named else None
    left, right = scene.clause(index)
    clause = scene.clause_text(index)
    asked = "feed_volume" in scene.asked
    if _DRUG.search(clause) or not amount.sure or (subject is not None and subject.vital == "none" and not subject.far):
        return None
    kind = _counted_volume(scene, index, left, right)
    if kind != "feed_count" and not (asked and kind is None):
        return None
    if amount.value < SMALLEST_BOTTLE and not (asked or scene.milk_only or _MILK.search(clause)):
        return None
    if (
        amount.decimal
        and amount.value >= SMALLEST_BOTTLE
        and not amount.halves
        and amount.value != int(amount.value)
        and not _dashed(scene, index)
    ):
        return []
    if amount.decimal and amount.value == int(amount.value):
        return [Quantity(amount.start, amount.end, "feed_volume", amount.value, None, amount.low, amount.precision)]
    if re.search(r"(?:少|多|加|减)(?:吃|喝)?了?\s?$", scene.text[max(0, amount.start - 4) : amount.start]):
        return None
    volume = _quantity(scene, index, "feed_volume")
    feeds = _TIMES_N.match(scene.text, amount.end)
    if feeds is None:
        return [volume]
    return [volume, Quantity(feeds.start(1), feeds.end(), "feed_count", float(feeds[1]))]


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


def _dashed(scene: Scene, index: int) -> bool:
    """Whether the parts of a decimal are really two neighbouring numbers (1.2次, 80.90毫升)."""
    match = re.match(r"(\d+)\.(\d+)", scene.text[scene.tokens[index].start : scene.tokens[index].end])
    if not match:
        return False
    low, high = int(match[1]), int(match[2])
    return low < high <= low * 1.5 + 1


def _head(scene: Scene, index: int) -> str:
    start = scene.tokens[index].start
    return re.split(r"[，。！？!?,；;\n]", scene.text[max(0, start - 12) : start])[-1]


def _quantity(scene: Scene, index: int, vital: str) -> Quantity:
    amount = scene.amount(index)
    if amount.decimal and not amount.halves:
        # 1.2次 and 80.90毫升: the point stands for a dash.
        first, _, last = scene.text[amount.start : amount.end].partition(".")
        low, high = float(first), float(re.match(r"\d*", last)[0] or 0)  # type: ignore[index]  # \d* matches anything
        return Quantity(amount.start, amount.end, vital, high, None, low, "range")
    return Quantity(amount.start, amount.end, vital, amount.value, None, amount.low, amount.precision)
