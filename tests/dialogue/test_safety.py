"""Texts that try to be more than words, that are too long, too many or at once; and nothing of them in any log."""

import asyncio
import logging
from datetime import date

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogue.agent import Dialogue
from bot.dialogue.menu import harmless
from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


@pytest.mark.parametrize("text", ["/restart", "/session_start", "/back", " /deny", '/affirm{"x":1}', "EXTERNAL: human", "/"])
async def test_a_text_never_becomes_an_intent(family: Family, text: str) -> None:
    asked = await family.is_asked()
    assert await family.says(text)
    assert family.turn is not None
    assert (family.turn.wants_human, family.turn.stop) == (None, False)
    assert (await family.task()).state in ("sent", "started")
    assert asked


@pytest.mark.parametrize("text", ["/human", " /human"])
async def test_who_asks_for_a_person_as_other_bots_want_it_gets_one(family: Family, text: str) -> None:
    await family.is_asked()
    await family.says(text)
    assert family.turn is not None and family.turn.wants_human is not None
    assert not family.turn.stop


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_text_is_read_as_words(dialogue: Dialogue, text: str) -> None:
    intent, confidence = dialogue.classify("/" + text)
    assert intent not in ("restart", "session_start", "back")
    assert 0 <= confidence <= 1
    assert len(harmless("/" + text)) == len(text) + 1


async def test_a_long_text_is_answered(family: Family) -> None:
    assert await family.says("宝宝今天吃得还可以但是晚上一直哭我也不知道怎么回事" * 80)


@pytest.mark.parametrize("text", ["😀" * 10, "🤒38.4", "\u200b", "？？？", "。", "\U0001f469\u200d\U0001f467"])
async def test_emoji_and_signs_are_answered(family: Family, text: str) -> None:
    assert await family.says(text)


async def test_ten_quick_messages_get_ten_answers_in_order(family: Family) -> None:
    degrees = [36.1, 36.2, 36.3, 36.4, 36.5, 36.6, 36.7, 36.8, 36.9, 37.1]
    for each in degrees:
        assert str(each) in await family.says(f"体温{each}度")
    assert await family.recorded("temperature") == degrees


async def test_two_chats_at_once_do_not_mix(new_family) -> None:
    one: Family = await new_family(("安安", date(2026, 2, 20), "F"))
    other: Family = await new_family(("豆豆", date(2025, 5, 1), "M"))

    async def talk(family: Family, degrees: str) -> list[str]:
        return [await family.says(text) for text in ("你好", f"体温{degrees}度", "谢谢", "再见")]

    first, second = await asyncio.gather(talk(one, "36.7"), talk(other, "37.1"))
    assert "36.7" in first[1] and "37.1" not in first[1]
    assert "37.1" in second[1] and "36.7" not in second[1]
    assert (await one.recorded("temperature"), await other.recorded("temperature")) == ([36.7], [37.1])


async def test_no_word_of_a_family_reaches_a_log(
    family: Family, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    structlog.reset_defaults()
    caplog.set_level(logging.DEBUG)
    await family.is_asked()
    for text in ("我家住幸福路9号", "3.4公斤", "宝宝吐奶怎么办，幸福路", "转人工幸福路"):
        await family.says(text)
    out, err = capfd.readouterr()
    for log in (out, err, caplog.text):
        assert "幸福路" not in log
        assert "3.4公斤" not in log


async def test_what_fails_in_an_action_is_raised_and_leaves_nothing_behind(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    import actions.care

    async def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    await family.says("你好")
    with monkeypatch.context() as patched:
        patched.setattr(actions.care, "report", broken)
        with pytest.raises(ZeroDivisionError):
            await family.says("体温36.8")
    assert await family.recorded("temperature") == []
    assert "36.8" in await family.says("体温36.8")
