"""Whether a value that a message tells of an earlier day is over: it was treated, and what is told of now is normal."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tagging.measurement import Measurement

# A value of the last hours still says how the child is (R).
LONG_ENOUGH = timedelta(hours=6)
# 昨晚低到3.2，喝了糖水就恢复了
_CAME_BACK = re.compile(
    r"[^。！？!?\n]{0,12}?(?:上来了|回来了|恢复了|恢复正常|正常了|好了|没事了|降下来了|下来了|退了|没(?:有)?再?发?烧了?|不烧了|没再发?烧)"
)
# 大前天住院那会38.9，今天出了院
_IN_HOSPITAL = re.compile(r"(?:在|住)(?:病房|院|医院)(?:里|的?时候?|期间|那[天会])?[^。！？!?\n]{0,10}$")
# What exercise or crying does goes by itself.
_FOR_A_WHILE = ("after_exercise", "crying")
_AGAIN = re.compile(r"(?:回到|降到|降回|恢复到?|掉到|就)\s?$")
_DISCHARGED = re.compile(r"出(?:了)?院")


def is_over(
    text: str, measurement: Measurement, told: Sequence[Measurement], is_normal: Callable[[Measurement], bool], now: datetime
) -> bool:
    """Whether `measurement` need not be judged: of an earlier day, treated or gone by the words around it, and normal again since; or of
    exercise and crying.

    Without a later value of the same vital in `told` that `is_normal`, nothing is over.
    """
    if (measurement.condition or "").startswith(_FOR_A_WHILE):
        # 跳完绳心率158，歇一歇降到88
        later = [m for m in told if m.vital == measurement.vital and m.start > measurement.start]
        return bool(later) and all(map(is_normal, later)) and _AGAIN.search(text, measurement.end, later[0].start) is not None
    then = measurement.until or measurement.at
    if then is None or now - then < LONG_ENOUGH:
        return False
    head = text[max(0, measurement.start - 20) : measurement.start]
    gone = _CAME_BACK.match(text, measurement.end) is not None
    treated = _IN_HOSPITAL.search(head) is not None and _DISCHARGED.search(text) is not None
    if not (gone or treated):
        return False
    later = [m for m in told if m is not measurement and m.vital == measurement.vital and _after(m, then)]
    return bool(later) and all(map(is_normal, later))


def _after(measurement: Measurement, then: datetime) -> bool:
    at = measurement.at or measurement.since
    return at is None or at > then
