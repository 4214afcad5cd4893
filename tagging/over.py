"""Whether a value that a message tells of an earlier day is over: it was treated, and what is told of now is normal."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tagging.measurement import Measurement

# A value of the last hours still says how the child is (R).
LONG_ENOUGH = timedelta(hours=6)
# 昨晚低到3.2，喝了糖水就恢复了
_CAME_BACK = re.compile(
    r"[^。！？!?\n]{0,18}?(?:上来了|回来了|恢复了|恢复正常|正常了|好了|没事了|降下来了|下来了|退了|没(?:有)?再?发?烧了?|不烧了|没再发?烧)"
)
# 大前天住院那会38.9，今天出了院
_IN_HOSPITAL = re.compile(r"(?:在|住)(?:病房|院|医院)(?:里|的?时候?|期间|那[天会])?[^。！？!?\n]{0,10}$")
# What exercise or crying does goes by itself.
_FOR_A_WHILE = ("after_exercise", "crying")
_AGAIN = re.compile(r"(?:回到|降到|降回|恢复到?|掉到|就)\s?$")
_DISCHARGED = re.compile(r"出(?:了)?院")
# 上个疗程烧过39度，这次一直没烧: another illness, whose end is told with it.
_ANOTHER_TIME = re.compile(r"(?:上个?一?个?疗程|上回|上次|上一[针次回]|[前那]一?次|住院(?:的时候|那会儿?|期间))[^。！？!?\n]{0,18}$")
_ENDED = re.compile(
    r"(?:一直|都|也)没(?:再|有|有再)?(?:发)?烧|没再(?:发)?烧|(?:当天|当晚|第二天|隔天|一天|两天|很快|后来)[^，。]{0,2}(?:就|自己)(?:退|好|不烧)"
    r"|(?:年|月|周|星期|礼拜|天)(?:之?前)?的事|(?:现在|一直|目前)(?:一切|都|完全|也|全)*(?:好好的|正常|挺好|很好|没事)|好好的"
)
# 不烧了，三天前是39度多: days ago, and told to be gone.
_DAYS = timedelta(hours=36)
_DAYS_AGO = re.compile(r"(?:前几天|前些天|前两天|头几天|大前天|前天|上周|[二两三四五六七八九十几\d]天前)[^。！？!?\n]{0,10}$")
_GONE = re.compile(r"没(?:有)?再?发?烧了|没再发?烧|不再?发?烧了|退烧(?:了|[两三四五六七几一]天)|烧(?:已经|早就?|都)?退了")
_BACK = re.compile(r"又(?:发)?烧|再(?:次)?烧起|反复")


def is_over(
    text: str,
    measurement: Measurement,
    told: Sequence[Measurement],
    is_normal: Callable[[Measurement], bool],
    now: datetime,
    *,
    mild: bool = False,
) -> bool:
    """Whether `measurement` need not be judged: of an earlier day, treated or gone by the words around it, and normal again since; or of
    exercise and crying.

    Without a later value of the same vital in `told` that `is_normal`, nothing is over, except another illness that has ended
    (上个疗程烧过39度，这次一直没烧) and, if it is `mild`, a fever of days ago that is told to be gone.
    """
    if (measurement.condition or "").startswith(_FOR_A_WHILE):
        # 跳完绳心率158，歇一歇降到88
        later = [m for m in told if m.vital == measurement.vital and m.start > measurement.start]
        return bool(later) and all(map(is_normal, later)) and _AGAIN.search(text, measurement.end, later[0].start) is not None
    then = measurement.until or measurement.at
    if measurement.vital == "temperature" and _is_ended(text, measurement, told, is_normal, now, mild=mild):
        return True
    if then is None or now - then < LONG_ENOUGH:
        return False
    head = text[max(0, measurement.start - 20) : measurement.start]
    gone = _CAME_BACK.match(text, measurement.end) is not None
    treated = _IN_HOSPITAL.search(head) is not None and _DISCHARGED.search(text) is not None
    if not (gone or treated):
        return False
    later = [m for m in told if m is not measurement and m.vital == measurement.vital and _after(m, then)]
    return bool(later) and all(map(is_normal, later))


def _is_ended(
    text: str, fever: Measurement, told: Sequence[Measurement], is_normal: Callable[[Measurement], bool], now: datetime, *, mild: bool
) -> bool:
    if _BACK.search(text) or not all(is_normal(m) for m in told if m is not fever and m.vital == fever.vital):
        return False
    then = fever.at or fever.until
    head = text[max(0, fever.start - 30) : fever.start]
    if _ANOTHER_TIME.search(head) and (then is None or now - then >= LONG_ENOUGH):
        return _ENDED.search(text, fever.end) is not None
    long_ago = now - then >= _DAYS if then is not None else _DAYS_AGO.search(head) is not None
    return mild and long_ago and _GONE.search(text) is not None


def _after(measurement: Measurement, then: datetime) -> bool:
    at = measurement.at or measurement.since
    return at is None or at > then
