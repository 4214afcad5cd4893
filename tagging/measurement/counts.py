"""What is counted: feeds, wet nappies, stools, vomiting; beats and breaths a minute."""

import re
from dataclasses import replace

from tagging.measurement.amount import Precision
from tagging.measurement.change import is_change
from tagging.measurement.quantity import UNNAMED, Quantity
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene, leads_to_amount
from tagging.measurement.subject import Subject
from tagging.numeral import parse_numeral

_BEATS = re.compile(r"心|脉|跳|手腕|颈动脉")
_BREATHS = re.compile(r"呼吸|喘|吸|气|一鼓一鼓|一起一伏")
# A dose that is merely swallowed is seldom larger, a bottle seldom smaller.
SMALLEST_BOTTLE = 15.0
_PER_MINUTE = re.compile(r"(?:每|一|1)分(?:钟|种)?[^，。]{0,8}$|^/?每?分")
DRUG = re.compile(
    r"药|服用|美林|布洛芬|泰诺林|对乙酰|糖浆|口服液|混悬|滴剂|退烧|开塞露|蒙脱石|益生菌|冲剂|颗粒|雾化|生理盐水|盐水|奥司|头孢|阿奇|维生素|d3|补液盐|电解质|葡萄糖|水|汤|果汁|豆浆|可乐|雪碧|饮料|米汤|茶|啤酒|ad"
)
MILK = re.compile(r"奶|母乳|亲喂|瓶喂|配方")
# Asked where the time over which was counted is no single day.
A_MINUTE = "麻烦数满一整分钟，是多少次？"
A_DAY = "一整天（24小时）一共是几次？"
_STOPPED = re.compile(r"(?:停|少|漏|落)了?\s?$")
_RATES = (("heart_rate",), ("respiratory_rate",))
_RATED = re.compile(r"(?:心率|心跳|脉搏|呼吸)(?:只有|就|是|才|有|为|:|：|每分钟|一分钟|\s)*$")
# 六个小时尿了2次, but not 每两小时尿一次.
_DID = re.compile(r"(?<!每)(?:尿|小便|换)(?:了|过|只|就|才|有|也)+\s?$")
_HOW_OFTEN = re.compile(r"[每隔][^，。！？,!?]{0,6}$")
_SECONDS = re.compile(r"秒|半分钟")
# 数了15秒，心跳33下
_SECONDS_BEFORE = re.compile(r"(?:秒钟?|半分钟)(?:内|里|的|之内)?[，, ][^，。！？,!?\d一二三四五六七八九十]{0,6}$")
_PART_OF_MINUTE = re.compile(r"(?P<half>半分钟)|(?<!\d)(?P<seconds>\d{1,2}|[一二三四]?十五?|[五六])\s?秒")
# A pulse slower than this is not felt by a family that counts calmly (vitals.yml accepts no pulse below 30) (R).
FEWEST_BEATS = 40
# Fewer than this in a minute is no rate that a family counts (R).
FEWEST_BREATHS = 10
# 喝一次吐一次: each time, not once.
_TERSE = frozenset({"wet_diapers", "stool_count", "vomit_count", "feed_count"})
MOST_TERSE = 20
# No more times than this does a child what is counted by the day, and no fewer times a minute does it breathe.
FEW_A_DAY = 15
_PART_OF_DAY = re.compile(r"半天|半日")
_PARTS = re.compile(r"(\d+)\.(\d+)")
_BOUGHT = re.compile(r"[买拿寄送囤]")
_NOT_ONCE = re.compile(r"\s?(?:都|也|还)[没不无冇未]")
# 今天一次没有, but not 吐了一次没再吐.
_NEVER_ONCE = re.compile(r"\s?[没冇]有?(?=$|[，。！？,!?呢啊呀拉吐尿湿])")
_COUNTED_A_MINUTE = re.compile(r"数(?:了|的|着|过|出)?(?:一分|1分|整?一分)[^，。]{0,5}$")
_DONE = re.compile(r"[拉吐尿喝吃喂]了?\s?$")
_EACH_TIME = re.compile(r"(?:只|就|能|大概)?[拉吐尿喝吃喂](?![肚稀奶粥屎])")
_EVERY_TIME = re.compile(r"一[次顿回](?!次|顿)[^，。！？\d]{1,3}一[次顿回]")
# 换了5片湿的: nothing but a nappy is changed wet.
_CHANGED_WET = re.compile(r"换了?(?:大概|约|有|才|只)?\|\s?湿")
_THAT_MANY_LESS = re.compile(r"(?:少|(?<!差不)多)[拉吐尿喝吃喂]了?\s?$")
_MEASURED = re.compile(r"[测量称吹]了?\s?$")
# 每次喂70，一天8次
_EACH_BOTTLE = re.compile(r"(?:每|一)(?:次|顿|餐)(?:大概|差不多)?[喂喝吃]?\d{2,3}")
_AFTER_UNIT = re.compile(r"\s?个?(?:的|湿|透的?)*")


def read_rate(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """So many a minute: heart or breath, by what is named."""
    amount = scene.amount(index)
    vital = _rate(scene, index, subject)
    if in_part_of_minute(scene, index):
        return of_seconds(scene, index, vital)
    if vital is None and subject is None and amount.value >= FEWEST_BREATHS and _COUNTED_A_MINUTE.search(_head(scene, index)):
        shown = scene.text[amount.start : amount.end]
        return [replace(counted(scene, index, UNNAMED), question=f"一分钟{shown}，数的是心跳还是呼吸？")]
    if vital is None or (
        amount.unit == "下" and subject is None and vital not in scene.asked and not _PER_MINUTE.search(_head(scene, index))
    ):
        return None
    return [counted(scene, index, vital)] if amount.sure else []


def in_part_of_minute(scene: Scene, index: int) -> bool:
    """Whether beats or breaths were counted for seconds (脉搏数了30秒是58)."""
    start = scene.tokens[index].start
    return _SECONDS.search(_head(scene, index)) is not None or _SECONDS_BEFORE.search(scene.text, max(0, start - 20), start) is not None


def of_seconds(scene: Scene, index: int, vital: str | None) -> list[Quantity] | None:
    """15秒14下: what was counted for part of a minute is about as much as it comes to; so few without a name are breaths."""
    amount = scene.amount(index)
    part = _PART_OF_MINUTE.search(_head(scene, index)) or _PART_OF_MINUTE.search(scene.text, max(0, amount.start - 20), amount.start)
    seconds = 30 if part and part["half"] else parse_numeral(part["seconds"]).value if part else 0
    factor = 60 / seconds if seconds else 0.0
    if vital is None and not (amount.unit == "下" and part and amount.value * factor < FEWEST_BEATS):
        return None
    if not amount.sure:
        return []
    if part is None or factor not in (2, 3, 4, 6, 10):
        return [replace(counted(scene, index, vital or ""), vital=UNNAMED, question=A_MINUTE)]
    low = None if amount.low is None else amount.low * factor
    said: Precision = "about" if low is None else "range"
    return [Quantity(amount.start, amount.end, vital or "respiratory_rate", amount.value * factor, None, low, said)]


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
    if _PER_MINUTE.search(words) and _BREATHS.search(scene.sentence(index)):
        return "respiratory_rate"
    return next((asked for asked in scene.asked if asked in ("heart_rate", "respiratory_rate")), None)


def read_times(scene: Scene, index: int, subject: Subject | None) -> list[Quantity] | None:
    """Times a day, by the nearest word of what is counted (吃了8顿, 尿了6次, 6片尿不湿)."""
    amount = scene.amount(index)
    head, tail = _head(scene, index), scene.text[amount.end : amount.end + 6]
    if amount.unit == "times" and in_part_of_minute(scene, index) and _rate(scene, index, subject):
        # 30秒19次呼吸
        return read_rate(scene, index, subject)
    if (
        amount.unit == "times"
        and not _counts_of_day(scene, index)
        and (
            (head != "分" and _PER_MINUTE.search(head))
            or re.match(r"\s?(?:每|一|1)?分", tail)
            or (subject and subject.vital in ("heart_rate", "respiratory_rate"))
        )
    ):
        if subject is not None and subject.vital in ("heart_rate", "respiratory_rate") and (subject.unknown or amount.value < 10):
            if amount.value < 10:
                # 心率3次 is a slip, 心跳漏了2次 none of a minute.
                return [] if _RATED.search(head) else None
            return read_rate(scene, index, subject)
        return read_rate(scene, index, subject)
    if amount.unit == "times" and amount.value >= 10 and scene.asked[:1] in _RATES and scene.isolated(index):
        return read_rate(scene, index, subject)
    if _MEASURED.search(head) or _THAT_MANY_LESS.search(head):
        # 测了两次，80和60; 比昨天少吐两次
        return None
    what = _counted(scene, index)
    if what is None or what == "other" or not amount.sure:
        return None
    if amount.value == 1 and (
        _NOT_ONCE.search(scene.text, amount.start, amount.end + 3) or (_NEVER_ONCE.match(scene.text, amount.end) and not _DONE.search(head))
    ):
        return None
    if amount.value == 1 and ((_EACH_TIME.match(scene.text, amount.end) and not _DONE.search(head)) or _of_a_bottle(scene, index)):
        return None
    if amount.value == 1 and _EVERY_TIME.search(scene.text, max(0, amount.start - 4), amount.end + 6):
        return None
    if amount.decimal and not amount.halves and not dashed(scene, index):
        return [replace(counted(scene, index, what), question=A_DAY)]
    if amount.unit == "pieces" and not (what == "wet_diapers" or scene.text[amount.start : amount.end].rstrip("多来").endswith("泡")):
        return None
    if amount.unit == "meals" and what != "feed_count":
        return None
    if what == "feed_count" and not _is_feed(scene, index):
        return None
    if what == "wet_diapers" and amount.unit == "pieces" and _BOUGHT.search(head):
        return None
    if _PART_OF_DAY.search(head):
        return [replace(counted(scene, index, what), question=A_DAY)]
    days = _period(scene, index)
    if days is None and what == "wet_diapers" and _DID.search(head) and not _HOW_OFTEN.search(head):
        return [replace(counted(scene, index, what), vital=UNNAMED, question=A_DAY)]
    if days is None or (days > 1 and amount.value != 1):
        return None if days is None else [replace(counted(scene, index, what), question=A_DAY)]
    reading = counted(scene, index, what)
    if days > 1:
        return [Quantity(reading.start, reading.end, what, round(amount.value / days, 3), None, None, "about")]
    return [reading]


def _counts_of_day(scene: Scene, index: int) -> bool:
    """呼吸每分钟40次 大便7次: whether what is counted by the day is named directly before a number that small."""
    for token in reversed(scene.tokens[max(0, index - 3) : index]):
        if token.roles.count in _TERSE and token.roles.count != "feed_count":
            return scene.amount(index).value <= FEW_A_DAY and token.end <= scene.tokens[index].start <= token.end + 2
        if not token.roles.filler:
            return False
    return False


def _of_a_bottle(scene: Scene, index: int) -> bool:
    """170ml一次: what one feed holds."""
    return index > 0 and _is_bottle(scene.tokens[index - 1]) and scene.tokens[index - 1].end == scene.tokens[index].start


def read_terse(scene: Scene, index: int) -> list[Quantity] | None:
    """尿3 拉5 吐2: a small whole number directly behind what is counted, with nothing behind it."""
    amount = scene.amount(index)
    place = index - 2 if index > 1 and scene.tokens[index - 1].text in ("x", "×", "*") else index - 1
    previous = scene.tokens[place] if place >= 0 else None
    if previous is None or previous.roles.count not in _TERSE or amount.han or not amount.sure:
        return None
    gap = scene.text[previous.end : amount.start]
    if gap not in ("", "x", "×", "*") or (previous.roles.count == "feed_count" and not gap):
        return None
    if amount.decimal or amount.value > MOST_TERSE or re.match(r"[^\s，,、。；;]|[，,、]\s?\d", scene.text[amount.end : amount.end + 3]):
        return None
    return [counted(scene, index, previous.roles.count or "")]


def _counted(scene: Scene, index: int) -> str | None:
    """What a number of times counts: the word directly behind it, else the nearest one before it in the clause, else what was asked for."""
    left, right = scene.clause(index)
    if scene.text[scene.tokens[index].start - 1 : scene.tokens[index].start] == "分" and any(
        map(_is_bottle, scene.tokens[max(0, index - 8) : index])
    ):
        # 750毫升，分5次
        return "feed_count"
    if scene.amount(index).unit == "pieces" and _CHANGED_WET.search(_head(scene, index) + "|" + scene.text[scene.amount(index).end :][:3]):
        return "wet_diapers"
    # 6片湿的尿不湿: what is counted stands behind its adjective.
    place = next((each for each in range(index + 1, right) if scene.tokens[each].text != "的"), right)
    if place < right:
        after = scene.tokens[place]
        gap = scene.text[scene.tokens[index].end : after.start]
        following = scene.tokens[place + 1] if place + 1 < right else None
        # 尿了3次拉了2次: the second word belongs to the next number.
        if after.roles.count and after.roles.count != "other" and _AFTER_UNIT.fullmatch(gap) and not leads_to_amount(scene, place):
            before = scene.tokens[index - 1].roles.count if index > left else None
            # 吐过一次奶 is vomiting, not feeding.
            spat = after.roles.count == "feed_count" and any(
                t.roles.count == "vomit_count" for t in scene.tokens[max(left, index - 3) : index]
            )
            return "vomit_count" if spat or before == "vomit_count" else after.roles.count
        if after.roles.count == "other" and gap == "" and not leads_to_amount(scene, place) and (following is None or not following.amount):
            return "other"
    for place in range(index - 1, left - 1, -1):
        token = scene.tokens[place]
        if token.roles.count:
            return token.roles.count if scene.unknown_between(place, index) <= 4 else None
        if token.amount is not None and token.amount.unit not in ("time", None):
            if _is_bottle(token):
                return "feed_count"
            # 80毫升，8次 and 今天5次3次: a further number of the same thing has its own word, but not 昨天八回今天两回 nor 从8次降到3次.
            same = token.amount.unit == scene.amount(index).unit
            if not same or not (_another_day(scene, place, index) or is_change(scene, place, index)):
                break
    if scene.isolated(index) or left == index:
        asked = next((vital for vital in scene.asked if vital in ("wet_diapers", "stool_count", "vomit_count", "feed_count")), None)
        if asked:
            return asked
        if scene.amount(index).unit == "meals" or any(_is_bottle(t) for t in scene.tokens[max(0, index - 6) : index + 6]):
            return "feed_count"
        if scene.milk_only and _EACH_BOTTLE.search(scene.text, max(0, scene.tokens[index].start - 24), scene.tokens[index].start):
            return "feed_count"
        return _in_clause_before(scene, left)
    return "feed_count" if scene.amount(index).unit == "meals" else None


def _another_day(scene: Scene, first: int, last: int) -> bool:
    """Whether a day or a time is told between two numbers of times."""
    return any(token.kind == "moment" for token in scene.tokens[first + 1 : last])


def _in_clause_before(scene: Scene, left: int) -> str | None:
    """一天四五次 after a comma: what the clause before spoke of, when it gave no number itself."""
    place = left - 1
    if place < 1 or scene.tokens[place].kind != "weak":
        return None
    days = any(each.kind == "moment" for each in scene.tokens[left : left + 2])
    for earlier in range(place - 1, max(-1, place - 12), -1):
        token = scene.tokens[earlier]
        if days and (
            (token.amount is not None and token.amount.unit == "times")
            or token.kind == "moment"
            or (token.kind == "weak" and token.text in "，,、")
        ):
            # 昨天拉6次，今天3次; 周一3次，周二6次，周三2次
            continue
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
    if DRUG.search(clause.replace("奶粉", "").replace("母乳", "")) or "饭" in clause or "辅食" in clause:
        return False
    if scene.amount(index).value == 1 and _each(scene, index):
        return False
    if scene.amount(index).unit == "meals" and not MILK.search(clause) and not scene.ends_known(index):
        return False
    if _STOPPED.search(scene.text, max(0, scene.tokens[index].start - 4), scene.tokens[index].start):
        return False
    if scene.amount(index).unit == "meals" or MILK.search(clause) or "feed_count" in scene.asked or scene.milk_only:
        return True
    near = scene.tokens[max(0, index - 10) : index + 10]
    return not DRUG.search(whole) and (
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


def dashed(scene: Scene, index: int) -> bool:
    """Whether the parts of a decimal are really two neighbouring numbers (1.2次, 80.90毫升)."""
    match = _PARTS.match(scene.text, scene.tokens[index].start)
    if not match:
        return False
    low, high = int(match[1]), int(match[2])
    return low < high <= low * 1.5 + 1


def _head(scene: Scene, index: int) -> str:
    start = scene.tokens[index].start
    return re.split(r"[，。！？!?,；;\n]", scene.text[max(0, start - 12) : start])[-1]


def counted(scene: Scene, index: int, vital: str) -> Quantity:
    """The amount as so many of `vital`; 1.2次 and 80.90毫升 as ranges."""
    amount = scene.amount(index)
    if amount.decimal and not amount.halves:
        parts = _PARTS.match(scene.text, amount.start)
        if parts:
            return Quantity(amount.start, amount.end, vital, float(parts[2]), None, float(parts[1]), "range")
    return Quantity(amount.start, amount.end, vital, amount.value, None, amount.low, amount.precision)
