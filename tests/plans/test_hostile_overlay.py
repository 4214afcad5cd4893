"""A change of triage that is written to do harm: refused with a sentence, in no time and in no memory to speak of."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.triage_overlays import OverlayError, read_overlay

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEVELS = "".join(f"{name}: &{name} [{','.join([f'*{below}'] * 9)}]\n" for below, name in zip("abcdefgh", "bcdefghi", strict=True))
# Nine lines that unfold to 43 million words.
ALIASES = f"a: &a [x,x,x,x,x,x,x,x,x]\n{LEVELS}"


def read(text: str) -> None:
    read_overlay(text, "随访中心", "张伟", NOW, ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ALIASES, "alias"),
        ("rules: &a {b: *a}", "alias"),
        ("[" * 4_000, "yaml"),
        ("rules: " + "1" * 39_000, "yaml"),
        ("rules: 2026-13-45", "yaml"),
        ("rules: !!python/object/apply:os.system [x]", "yaml"),
        ("1: 2", "parts"),
    ],
    ids=["aliases", "itself", "deep", "a-long-number", "no-day", "an-object", "a-number"],
)
def test_a_hostile_change_is_named(text: str, code: str) -> None:
    with pytest.raises(OverlayError) as refused:
        read(text)
    assert refused.value.code == code


@settings(deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"(rules|add|bands|replies): [\[\]{}&*!:,a-z0-9.\-]{0,60}", fullmatch=True))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        read(text)
    except OverlayError as err:
        assert err.code
