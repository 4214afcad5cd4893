"""When a team works, over lunch, weekends, holidays and the working days that are shifted for them."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from plans.working_hours import Hours, OtherDay, when_text

ZONE = ZoneInfo("Asia/Shanghai")
DAY = ((time(8), time(12)), (time(14), time(17, 30)))
# National Day of 2026, with the Sunday before and the Saturday after that are worked for it.
HOLIDAYS = {date(2026, 10, day): OtherDay(None, "国庆节") for day in range(1, 8)}
SHIFTED = {date(2026, 9, 20): OtherDay(0, "调休"), date(2026, 10, 10): OtherDay(4, "调休")}
HOURS = Hours((DAY, DAY, DAY, DAY, DAY[:1], (), ()), HOLIDAYS | SHIFTED)


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (at(9, 14, 9), None),
        (at(9, 14, 8), None),
        (at(9, 14, 7, 59), at(9, 14, 8)),
        (at(9, 14, 12), at(9, 14, 14)),
        (at(9, 14, 17, 30), at(9, 15, 8)),
        # A Friday's afternoon is off, and so is a usual Saturday.
        (at(9, 11, 12), at(9, 14, 8)),
        # The Sunday before the holiday works as a Monday does, the Saturday after it as a Friday.
        (at(9, 20, 15), None),
        (at(10, 10, 15), at(10, 12, 8)),
        (at(9, 30, 18), at(10, 8, 8)),
        (at(10, 3, 10), at(10, 8, 8)),
    ],
)
def test_until_when_a_team_rests(now: datetime, opens: datetime | None) -> None:
    assert HOURS.rests_until(now, ZONE) == opens


def test_a_team_that_does_not_open_is_not_waited_for() -> None:
    assert Hours(((),) * 7, {}).rests_until(at(9, 14, 9), ZONE) is None


def test_the_moment_in_a_familys_words() -> None:
    now = at(9, 30, 22)
    assert when_text(at(10, 1, 8), now, ZONE) == "明天8:00"
    assert when_text(at(9, 30, 23, 5), now, ZONE) == "今天23:05"
    assert when_text(at(10, 8, 8), now, ZONE) == "10月8日（周四）8:00"
