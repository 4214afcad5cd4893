"""When, in whatever form a system writes it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.timestamp import day_of, iso, moment_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20261120101500", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("20261120101500+0800", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("20261120101500+0000", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("20261120101500Z", datetime(2026, 11, 20, 10, 15, tzinfo=UTC)),
        ("202611201015+0215", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        ("20261120101500.123-0500", datetime(2026, 11, 20, 15, 15, tzinfo=UTC)),
        ("20261120101500123", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("2026-11-20 10:15:00.0", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("2026/11/5 08:30", datetime(2026, 11, 5, 0, 30, tzinfo=UTC)),
        ("20261120", datetime(2026, 11, 19, 16, 0, tzinfo=UTC)),
        ("202611202400", datetime(2026, 11, 20, 16, 0, tzinfo=UTC)),
        ("202611209999", datetime(2026, 11, 19, 16, 0, tzinfo=UTC)),
        ("20261120101500+9900", datetime(2026, 11, 20, 2, 15, tzinfo=UTC)),
        ("202611", None),
        ("20261131", None),
        ("昨天", None),
        ("", None),
        ("00010101", None),
        ("٢٠٢٤0115", None),
    ],
)
def test_moments(written: str, meant: datetime | None) -> None:
    assert moment_of(written, SHANGHAI) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20240229235959-1200", date(2024, 2, 29)),
        ("2024-02-29", date(2024, 2, 29)),
        ("20230229", None),
        ("202402", None),
        ("20240200", None),
    ],
)
def test_a_day_is_the_day_written(written: str, meant: date | None) -> None:
    assert day_of(written) == meant


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4,18}([+-][0-9]{2,5})?", fullmatch=True))
def test_any_text(text: str) -> None:
    moment, day = moment_of(text, SHANGHAI), day_of(text)
    assert moment is None or (day is not None and moment.tzinfo is UTC)
    iso(text).encode("utf-8", "surrogatepass")


@given(st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_what_is_written_is_read(at: datetime) -> None:
    assert iso(at.strftime("%Y%m%d%H%M%S+0000")) == at.isoformat()
    assert moment_of(at.strftime("%Y%m%d%H%M%S+0000"), SHANGHAI) == at
