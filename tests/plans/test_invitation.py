"""Signed tokens: only what was signed here opens anything."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.binding_answer import read_relationship
from plans.invitation import sign, signing_key, verify
from records.database import Database

KEY, END = b"k" * 32, datetime(2026, 3, 16, 8, tzinfo=UTC)


@given(st.integers(1, 2**63 - 1), st.integers(0, 10**6))
def test_a_token_says_what_was_signed_in_little_room(number: int, minutes: int) -> None:
    end = END + timedelta(minutes=minutes)
    token = sign(KEY, number, end)
    assert verify(KEY, token) == (number, end)
    assert len(token.encode()) <= 128 and all(character.isalnum() or character in "-_" for character in token)


@given(st.integers(0, 31), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=/ 张"))
def test_one_changed_character_makes_it_void(place: int, character: str) -> None:
    token = sign(KEY, 17, END)
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or verify(KEY, changed) is None


@given(st.text(max_size=140))
def test_no_text_opens_anything(text: str) -> None:
    assert verify(KEY, text) is None


def test_another_installations_token_is_void() -> None:
    assert verify(b"x" * 32, sign(KEY, 17, END)) is None


async def test_the_key_is_made_once(db: Database) -> None:
    async with db.transaction() as tx:
        key = await signing_key(tx)
    async with db.transaction() as tx:
        assert await signing_key(tx) == key and len(key) == 32


@pytest.mark.parametrize(
    ("text", "relationship"),
    [
        ("妈妈", "母亲"),
        ("我是她爸", "父亲"),
        ("孩子他外婆", "外祖父母"),
        ("爷爷奶奶", "祖父母"),
        ("妈妈上班去了，我是奶奶", "祖父母"),
        ("我是爸爸，妈妈在睡觉", "父亲"),
        ("家里的阿姨", "保姆"),
        ("姑姑", "亲属"),
        ("我是监护人", "监护人"),
        ("本人", "本人"),
    ],
)
def test_who_writes(text: str, relationship: str) -> None:
    found = read_relationship(text)
    assert found is not None and found.name == relationship


@pytest.mark.parametrize("text", ["", "你好", "随便", "38.5"])
def test_who_writes_is_not_guessed(text: str) -> None:
    assert read_relationship(text) is None
