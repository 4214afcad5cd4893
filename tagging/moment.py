"""Times as parents say them (刚才, 昨晚八点, 三天前, 上周五, 这三天) as instants or spans of the hospital's calendar."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tagging.numeral import SHORT as _N
from tagging.numeral import parse_numeral

_DAYS_AGO = {"今": 0, "当": 0, "昨": 1, "前": 2, "大前": 3}
# Part of the day: first and last hour, and the hour that is meant when nothing else is said.
_PARTS: dict[str, tuple[int, int, int]] = {
    "凌晨": (0, 6, 3),
    "清晨": (5, 8, 6),
    "清早": (5, 8, 6),
    "早上": (6, 10, 8),
    "早晨": (6, 10, 8),
    "早起": (6, 10, 8),
    "上午": (8, 12, 10),
    "中午": (11, 14, 12),
    "晌午": (11, 14, 12),
    "午后": (13, 17, 15),
    "下午": (12, 18, 15),
    "傍晚": (17, 20, 18),
    "晚上": (18, 24, 20),
    "晚间": (18, 24, 20),
    "夜里": (21, 30, 23),
    "夜间": (21, 30, 23),
    "深夜": (22, 28, 24),
    "半夜": (23, 29, 26),
    "早": (6, 10, 8),
    "晨": (5, 8, 6),
    "晚": (18, 24, 20),
    "夜": (21, 30, 23),
    "午": (11, 14, 12),
}
_EVENING = ("晚上", "晚间", "夜里", "夜间", "深夜", "晚", "夜")
_LONG_PART = "凌晨|清晨|清早|早上(?!压)|早晨|早起|上午|中午|晌午|午后|下午|傍晚|晚上(?!压)|晚间|夜里|夜间|深夜|(?:后)?半夜"
_PART = rf"(?:{_LONG_PART}|早(?![产就点日期饭餐已晚安该泄])|晨(?!僵)|晚(?![饭餐期点安了婚])|夜(?![奶宵尿盲]))"
_HOUR = r"(?:1\d|2[0-4]|0?\d|二十[一二三四]?|十[一二三四五六七八九]?|[零〇一二两三四五六七八九])"
_MINUTE = (
    r"(?:半|一刻|三刻|整|[0-5]\d(?![\d.])分?|\d分|[二三四五]?十[一二三四五六七八九]?分?|零?[一二三四五六七八九]分)"
    r"(?!\s?[。，,、·]\s?\d{1,2}\s?(?:度|℃|°)|点|\s*(?:度|℃|°|次|个|毫升|ml|片|斤|公斤)|[一二三四五六七八九十])"
)
# 十二点五 and 12点5 are decimals, not a quarter of an hour; after 早上 or 昨天 a clock time it is.
_NO_DECIMAL = r"(?![\d零〇一二两三四五六七八九](?!\d|十|点|[岁天次个月]))"
_CLOCK = (
    rf"(?<![\d.零〇一二两三四五六七八九十百])(?:(?P<hour>{_HOUR})(?:点钟?|时(?![候间不常])|点过)(?P<minute>{_MINUTE})?"
    rf"{_NO_DECIMAL}"
    rf"(?:多|左右)?|(?P<hour2>[01]?\d|2[0-4])[:：](?P<minute2>[0-5]\d)(?![\d:]))"
)


def _clock_as(name: str) -> str:
    """A clock time that may follow a day, its groups named `name`_hour and so on."""
    return "(?:" + _CLOCK.replace(_NO_DECIMAL, "").replace("<hour", f"<{name}_hour").replace("<minute", f"<{name}_minute") + ")?"


_WEEKDAY = {c: i for i, c in enumerate("一二三四五六日")} | {"天": 6, "末": 5}
_UNIT = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "钟头": timedelta(hours=1), "天": timedelta(days=1)}
_UNIT |= {"日": timedelta(days=1), "周": timedelta(days=7), "星期": timedelta(days=7), "礼拜": timedelta(days=7), "月": timedelta(days=30)}
_UNITS = "分钟|小时|钟头|天|日|周|星期|礼拜|月"
# What 几 stands for in 几天前 (the middle of three to five would be as good a guess; the nearest counts as still current).
_SOME = 3.0

_MOMENT = re.compile(
    r"(?P<now>刚刚|刚才|方才|现在|目前|此刻|眼下|这会儿?|刚(?=[量测称喂吃烧拉尿吐喝退查睡醒])|才(?=刚?量))"
    rf"|(?P<recent>(?:这|近|最近|连续|连着|过去)(?:的)?(?P<spell>{_N}|几)个?(?P<spell_unit>天|日|周|星期|礼拜|晚|小时|月)(?:来|内|里)?)"
    rf"|(?P<spell2>{_N})(?P<spell_unit2>天|周|星期)(?:以?来|之?内)"
    rf"|(?:大概|大约)?(?P<ago>半|{_N}|几)个?(?P<ago_half>半)?(?P<more>多)?(?P<ago_unit>{_UNITS})(?:多)?(?:之|以)?前(?!天)"
    r"|(?P<some_days>前几[天日]|前段时间|前一阵|前些天|头几天)|(?P<two_days>前(?P<few>[两二三])[天日])"
    rf"|(?P<week>(?:上|这|本)(?:个)?)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])(?P<week_part>{_PART})?{_clock_as('w')}"
    r"|(?P<last_week>上(?:个)?(?:周|星期|礼拜))"
    rf"|(?<!\d)(?:(?P<year>20\d\d)年|今年)?(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?"
    rf"(?P<date>[12]\d|3[01]|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])[日号](?P<date_part>{_PART})?{_clock_as('d')}"
    rf"|(?<![\d.])(?P<date2>[12]\d|3[01]|0?[1-9])[日号](?![楼床线院])(?P<date_part2>{_PART})?{_clock_as('e')}"
    rf"|(?P<day>大前|前|昨|今|当)(?:(?:天|日|儿个?|个儿?)(?:的)?\s*(?P<part>{_PART}(?:{_PART})?)?|(?P<short>{_PART}(?:{_PART})?))\s*{_clock_as('y')}"
    rf"|(?P<part_only>{_PART}(?:{_PART})?)\s*{_clock_as('p')}"
    rf"|{_CLOCK}"
)
_ONSET = re.compile(r"\s*(?:就|突然|又|才)?(?:开始|起(?!床|来)|出生|打的?疫苗|接种|出院|入院|住院|手术)")


@dataclass(frozen=True)
class Moment:
    """A time named in folded text: its span, the instant meant (None for a spell up to now), and the bounds where it is a span of time.

    `onset` marks the beginning of something (昨天开始发烧), which dates no reading.
    """

    start: int
    end: int
    at: datetime | None
    since: datetime | None = None
    until: datetime | None = None
    onset: bool = False


def find_moments(folded: str, now: datetime) -> list[Moment]:
    """Every time named in folded text, seen from `now` (aware, in the hospital's zone).

    昨晚 alone means 20:00 of yesterday within 18:00–24:00; a clock time without a day is the latest that is not ahead of `now`.
    """
    found = []
    for match in _MOMENT.finditer(folded):
        moment = _read(match, now)
        if moment is not None:
            onset = _ONSET.match(folded, match.end()) is not None
            found.append(Moment(match.start(), match.end(), *moment, onset))
    return found


_Reading = tuple[datetime | None, datetime | None, datetime | None]


def _read(match: re.Match[str], now: datetime) -> _Reading | None:
    if match["now"]:
        return now, None, None
    if match["spell"] or match["spell2"]:
        amount = _SOME if match["spell"] == "几" else parse_numeral(match["spell"] or match["spell2"]).value
        unit = match["spell_unit"] or match["spell_unit2"]
        return None, now - _span(amount, _UNIT.get(unit, timedelta(days=1))), now
    if match["ago"]:
        raw = match["ago"]
        amount = _SOME if raw == "几" else 0.5 if raw == "半" else parse_numeral(raw).value
        return now - _span(amount + (0.5 if match["ago_half"] else 0), _UNIT[match["ago_unit"]]), None, None
    if match["some_days"]:
        return now - timedelta(days=4), now - timedelta(days=7), now - timedelta(days=2)
    if match["two_days"]:
        days = {"两": 2, "二": 2, "三": 3}[match["few"]]
        return now - timedelta(days=days), _midnight(now) - timedelta(days=days), _midnight(now)
    for reader in _CALENDAR:
        read = reader(match, now)
        if read is not None:
            return read
    return None


def _weekday(match: re.Match[str], now: datetime) -> _Reading | None:
    if match["last_week"]:
        monday = _midnight(now) - timedelta(days=now.weekday() + 7)
        return monday + timedelta(days=7), monday, monday + timedelta(days=7)
    if not match["weekday"]:
        return None
    day = _WEEKDAY[match["weekday"]]
    back = (now.weekday() - day) % 7
    if (match["week"] or "").startswith("上"):
        back = now.weekday() - day + 7
    return _clock(match, "w_", match["week_part"], back, now)


def _dated(match: re.Match[str], now: datetime) -> _Reading | None:
    raw = match["date"] or match["date2"]
    if not raw:
        return None
    date = int(parse_numeral(raw).value)
    month = int(parse_numeral(match["month"]).value) if match["month"] else now.month
    year = int(match["year"]) if match["year"] else now.year
    day = _latest_date(year, month, date, now, monthly=match["month"] is None)
    if day is None:
        return None
    back = (_midnight(now) - day).days
    return _clock(match, "d_" if match["date"] else "e_", match["date_part"] or match["date_part2"], back, now)


def _latest_date(year: int, month: int, date: int, now: datetime, *, monthly: bool) -> datetime | None:
    """The latest such date that is not ahead of now; None for a date that does not exist."""
    for _ in range(12):
        try:
            day = _midnight(now).replace(year=year, month=month, day=date)
        except ValueError:
            day = None
        if day is not None and day <= now:
            return day
        if not monthly:
            if day is None:
                return None
            year -= 1
        else:
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return None


def _named_day(match: re.Match[str], now: datetime) -> _Reading | None:
    if not match["day"]:
        return None
    return _clock(match, "y_", match["part"] or match["short"], _DAYS_AGO[match["day"]], now)


def _named_part(match: re.Match[str], now: datetime) -> _Reading | None:
    return _clock(match, "p_", match["part_only"], None, now) if match["part_only"] else None


def _bare_clock(match: re.Match[str], now: datetime) -> _Reading | None:
    return _clock(match, "", None, None, now) if match["hour"] or match["hour2"] else None


_CALENDAR: tuple[Callable[[re.Match[str], datetime], _Reading | None], ...] = (_weekday, _dated, _named_day, _named_part, _bare_clock)


def _clock(match: re.Match[str], prefix: str, part: str | None, back: int | None, now: datetime) -> _Reading | None:
    """The time on the day `back` days ago (None: the latest possible)."""
    hour_said = match[f"{prefix}hour"] or match[f"{prefix}hour2"]
    part = _last_part(part)
    base = _midnight(now) - timedelta(days=back or 0)
    if hour_said is None:
        return _part_of_day(part, back, base, now)
    hour = int(parse_numeral(hour_said).value)
    minute = _minutes(match[f"{prefix}minute"] or match[f"{prefix}minute2"])
    if hour > 24 or (hour == 24 and minute):
        return None
    twelve = match[f"{prefix}hour2"] is None and hour <= 12
    hours = [_of_part(hour, part, back)] if part else [hour, hour + 12] if twelve and not back and 0 < hour < 12 else [hour]
    moments = [base + timedelta(hours=h, minutes=minute) for h in hours]
    if back:
        return moments[0], None, None
    if back is None:
        moments += [moment - timedelta(days=1) for moment in moments] + [moment - timedelta(days=2) for moment in moments if part]
    past = [moment for moment in moments if moment <= now]
    return (max(past) if past else moments[0] - timedelta(days=1)), None, None


def _part_of_day(part: str | None, back: int | None, base: datetime, now: datetime) -> _Reading:
    if part is None:
        return (now if back == 0 else base + timedelta(hours=12)), base, min(now, base + timedelta(days=1))
    first, last, usual = _PARTS[part]
    if part == "半夜" and not back:
        # 半夜 without 昨 is the night that has just passed, wherever the calendar cuts it.
        first, last, usual = 0, 5, 2
    at = base + timedelta(hours=usual)
    since, until = base + timedelta(hours=first), base + timedelta(hours=last)
    if at > now:
        if since <= now and back is not None:
            return now, since, now
        shift = timedelta(days=1)
        at, since, until = at - shift, since - shift, until - shift
    return at, since, min(until, now)


def _of_part(hour: int, part: str, back: int | None) -> int:
    """The hour on a 24-hour clock counted from the midnight that opens the named day: 昨晚一点 is hour 25."""
    if part in _EVENING or part == "半夜":
        if hour in (0, 12, 24):
            return 24
        if hour <= 4 or (part == "半夜" and hour <= 6):
            return hour + 24 if back or part != "半夜" else hour
        return hour + 12 if hour < 12 else hour
    if part in ("下午", "傍晚", "午后"):
        return hour + 12 if hour < 12 else hour
    if part in ("中午", "晌午", "午"):
        return hour + 12 if hour <= 3 else hour
    return 0 if part == "凌晨" and hour in (12, 24) else hour


def _last_part(part: str | None) -> str | None:
    """早上 of 今天早上; the second of two parts (昨晚半夜) says more than the first."""
    if part is None:
        return None
    places = [(part.rfind(name) + len(name), len(name), name) for name in _PARTS if name in part]
    return max(places)[2]


def _minutes(said: str | None) -> int:
    if not said or said == "整":
        return 0
    if said in ("半", "一刻", "三刻"):
        return {"半": 30, "一刻": 15, "三刻": 45}[said]
    return int(parse_numeral(said.removesuffix("分")).value)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _span(amount: float, unit: timedelta) -> timedelta:
    # A year is as far back as a reading can matter; more would leave the calendar.
    return min(amount * unit, timedelta(days=366)) if amount < 1e6 else timedelta(days=366)
