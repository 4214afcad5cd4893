"""Times as parents say them (刚才, 昨晚八点, 三天前) as instants of the hospital's calendar."""

import re
from datetime import datetime, timedelta

from tagging.numeral import HAN, parse_numeral

_N = rf"(?:\d+(?:\.\d+)?|{HAN})"
_DAY = {"今": 0, "昨": 1, "前": 2, "大前": 3}
# Hours meant when only a part of the day is named.
_PART_HOUR = {
    "凌晨": 3,
    "早上": 8,
    "早晨": 8,
    "清晨": 6,
    "上午": 10,
    "中午": 12,
    "下午": 15,
    "傍晚": 18,
    "晚上": 20,
    "夜里": 23,
    "半夜": 2,
    "早": 8,
    "晚": 20,
}
_PART = "凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|夜里|半夜|早|晚"

MOMENT = re.compile(
    rf"(?P<now>刚刚|刚才|现在|目前|这会儿?|刚(?=量|测|称|喂|吃|烧))"
    rf"|(?P<half>半)(?:个)?(?P<half_unit>小时|钟头|天)(?:之|以)?前"
    rf"|(?P<ago>{_N})个?(?P<half_more>半)?(?P<ago_unit>分钟|小时|钟头|天|日|周|星期|礼拜|月)(?:之|以)?前"
    rf"|(?P<day>今|昨|大前|前)(?:天|日|儿)?(?P<part>{_PART})?(?:(?P<hour>{_N})(?:点|[:：]|时)(?P<minute>半|一刻|\d{{1,2}})?)?"
    rf"|(?P<part2>{_PART})(?:(?P<hour2>{_N})(?:点|[:：]|时)(?P<minute2>半|一刻|\d{{1,2}})?)?"
)
_UNIT = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "钟头": timedelta(hours=1), "天": timedelta(days=1)}
_UNIT |= {"日": timedelta(days=1), "周": timedelta(days=7), "星期": timedelta(days=7), "礼拜": timedelta(days=7), "月": timedelta(days=30)}


def last_moment(folded: str, now: datetime) -> datetime | None:
    """The instant named last in folded text, seen from `now` (aware, in the hospital's zone); None if none is named.

    昨晚 alone means 20:00 of yesterday; a part of the day that lies ahead of `now` means the day before.
    """
    found: datetime | None = None
    for match in MOMENT.finditer(folded):
        if match["day"] and match.group() in ("今", "昨", "前", "大前"):
            continue
        moment = _moment(match, now)
        if moment is not None:
            found = moment
    return found


def _moment(match: re.Match[str], now: datetime) -> datetime | None:
    if match["now"]:
        return now
    if match["half"]:
        return now - _UNIT[match["half_unit"]] / 2
    if match["ago"]:
        amount = parse_numeral(match["ago"]).value + (0.5 if match["half_more"] else 0)
        return now - amount * _UNIT[match["ago_unit"]]
    day, part, hour, minute = (
        match["day"],
        match["part"] or match["part2"],
        match["hour"] or match["hour2"],
        match["minute"] or match["minute2"],
    )
    return _on_day(_DAY.get(day or "今", 0), day is not None, part, hour, minute, now)


def _on_day(days: int, day_named: bool, part: str | None, hour: str | None, minute: str | None, now: datetime) -> datetime | None:
    if part is None and hour is None:
        return now if days == 0 else (now - timedelta(days=days)).replace(hour=12, minute=0, second=0, microsecond=0)
    clock = int(parse_numeral(hour).value) if hour else _PART_HOUR[part or "早"]
    if hour and part in ("下午", "傍晚", "晚上", "晚", "夜里") and 1 <= clock < 12:
        clock += 12
    if clock > 24:
        return None
    minutes = {"半": 30, "一刻": 15}.get(minute or "", int(minute) if minute and minute.isdigit() else 0)
    base = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    # 昨晚十二点 and 昨晚一点 are hours after midnight of that evening.
    moment = base + timedelta(hours=clock, minutes=min(minutes, 59))
    return moment - timedelta(days=1) if moment > now and (not day_named or days == 0) else moment
