"""What a family types to say which record is theirs: a record number, a birth date, a telephone number. Pure; nothing is guessed."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from tagging.text import fold

Why = Literal["lunar", "year", "impossible", "future"]

_HAN = str.maketrans("〇零一二三四五六七八九两", "001234567892")
_N = r"[0-9〇零一二三四五六七八九十]"
_YEAR = r"(?P<year>(?:[12]\d{3}|[〇零一二三四五六七八九]{4}|\d{2}|[〇零一二三四五六七八九]{2}))"
_WRITTEN = re.compile(
    rf"(?:{_YEAR}\s*年|(?P<named>今年|去年|前年|本年))?\s*的?\s*(?P<month>{_N}{{1,3}})\s*月\s*(?P<day>{_N}{{1,3}})\s*[日号]?"
)
_PLAIN = re.compile(r"(?<![\d.])(?P<year>\d{4}|\d{2})\s*(?P<mark>[-/.、\s])\s*(?P<month>\d{1,2})\s*(?P=mark)\s*(?P<day>\d{1,2})(?![\d.])")
_RUN = re.compile(r"(?<![0-9a-z])(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?![0-9a-z])")
# Days of other things than birth: 3月10日出院.
_OTHER_DAY = re.compile(r"出院|入院|住院|复诊|复查|手术|接种|打针|检查")
_CLAUSE = re.compile(r"[，。；;,!！?？\n]+")
_BORN = re.compile(r"生|出世")
_NEAR = {"大前天": 3, "前天": 2, "昨天": 1, "昨晚": 1, "今天": 0}
_ONLY_YEAR = re.compile(rf"\s*(?:{_YEAR}\s*年?|(?P<named>今年|去年|前年|本年))\s*(?:的|生的|出生的?)*\s*[。.]?\s*")
_YEARS_BACK = {"今年": 0, "本年": 0, "去年": 1, "前年": 2}
# 初八, 正月, 腊月: the moon's calendar, where the same words mean another day every year.
_LUNAR = re.compile(r"农历|阴历|旧历|老历|正月|腊月|冬月|闰|初[一二三四五六七八九十\d]|廿|年三十")

_PHONE = re.compile(r"(?<!\d)(?:\+?86[-\s]*)?(?P<number>1[3-9](?:[-\s]*\d){9}|0\d{2,3}[-\s]*\d{7,8})(?!\d)")
_RECORD = re.compile(r"(?<![A-Za-z0-9.])[A-Za-z]{0,4}(?:[-_/\s]*[A-Za-z0-9]){2,20}(?![A-Za-z0-9]|\.\d)")


@dataclass(frozen=True)
class BirthDate:
    """A birth date as it was typed: a day, or why it is none yet. For `year`, `month` and `day_of_month` are known."""

    day: date | None = None
    why: Why | None = None
    month: int | None = None
    day_of_month: int | None = None


def read_birth_date(text: str, today: date, *, before: BirthDate | None = None) -> BirthDate | None:
    """The birth date in `text`; None when it holds none. `before` is the day and month that still lacked their year.

    2025年3月8号, 25.3.8, 20250308, 二〇二五年三月八日, 今年3月8日, 昨天. A lunar date, a day without a year, one that is not in the
    calendar or that has not come are said so, to be asked back.
    """
    folded = fold(text)
    if _LUNAR.search(folded):
        return BirthDate(why="lunar")
    if before is not None and before.month and before.day_of_month and (only := _ONLY_YEAR.fullmatch(folded)):
        return _day(_year(only["year"], only["named"], today), before.month, before.day_of_month, today)
    clauses = [clause for clause in _CLAUSE.split(folded) if _BORN.search(clause) or not _OTHER_DAY.search(clause)]
    for clause in sorted(clauses, key=lambda clause: not _BORN.search(clause)):
        for pattern in (_RUN, _PLAIN, _WRITTEN):
            if found := pattern.search(clause):
                groups = found.groupdict()
                year = _year(groups["year"], groups.get("named"), today)
                return _day(year, _number(groups["month"]), _number(groups["day"]), today)
        if _BORN.search(clause) or clause.strip() in _NEAR:
            near = next((back for word, back in _NEAR.items() if word in clause), None)
            if near is not None:
                return BirthDate(today - timedelta(days=near))
    return None


def read_phone(text: str) -> str | None:
    """The telephone number in `text`, digits alone; spaces, dashes and +86 do not matter."""
    found = _PHONE.search(fold(text).translate(_HAN))
    return re.sub(r"\D", "", found["number"]) if found else None


def read_record_number(text: str) -> str | None:
    """The record number in `text` as it is compared: its letters and digits, however they are printed; None when there is none.

    A number has two characters at least and one digit; of several the longest counts.
    """
    folded = _PHONE.sub("，", fold(text))
    for pattern in (_PLAIN, _WRITTEN):
        dated = pattern.search(folded)
        # 20250308 and 12-03-08 may as well be record numbers; 2025-03-08 is none.
        if dated and (pattern is _WRITTEN or len(dated["year"]) == 4):
            folded = folded[: dated.start()] + "，" + folded[dated.end() :]
    found = [record_key(each[0]) for each in _RECORD.finditer(folded)]
    found = [each for each in found if len(each) >= 2 and any(character.isdigit() for character in each)]
    return max(found, key=len, default=None)


def record_key(number: str) -> str:
    """A record number reduced to what is compared (records/patient.py does the same in the database)."""
    return re.sub(r"[^0-9A-Za-z]", "", fold(number)).upper()


def _year(written: str | None, named: str | None, today: date) -> int | None:
    if named:
        return today.year - _YEARS_BACK[named]
    if not written:
        return None
    year = int(written.translate(_HAN))
    if len(written) == 4:
        return year
    century = today.year // 100 * 100
    return century + year if century + year <= today.year else century - 100 + year


def _number(written: str) -> int:
    if "十" not in written:
        return int(written.translate(_HAN))
    tens, _, ones = written.partition("十")
    return int((tens or "1").translate(_HAN)) * 10 + int((ones or "0").translate(_HAN))


def _day(year: int | None, month: int, day: int, today: date) -> BirthDate:
    try:
        # 2000 had a 29 February: a day without its year is not judged more strictly than that.
        found = date(year if year is not None else 2000, month, day)
    except ValueError:
        return BirthDate(why="impossible")
    if year is None:
        return BirthDate(why="year", month=month, day_of_month=day)
    return BirthDate(why="future") if found > today else BirthDate(found)
