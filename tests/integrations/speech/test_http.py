"""The contract with a recogniser behind an address, and everything that can be wrong with it."""

import json

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from integrations.speech.http import MAX_REPLY, SILENCE, HttpRecogniser, read
from integrations.speech.port import Heard, SpeechError
from tests.integrations.speech.recogniser import TOKEN, serving


async def test_a_recording_goes_out_and_its_text_comes_back() -> None:
    async with serving() as (server, recogniser):
        server.hears(("宝宝烧到\n38度5", 0.91))
        assert await recogniser.recognise(SILENCE, "audio/amr") == Heard("宝宝烧到 38度5", 0.91)
        assert server.asked == [("audio/amr", f"Bearer {TOKEN}", SILENCE)]


@pytest.mark.parametrize(
    ("answer", "code", "permanent"),
    [
        (web.Response(status=401), "speech_not_granted", True),
        (web.Response(status=404), "speech_refused", True),
        (web.Response(status=413), "speech_too_large", True),
        (web.Response(status=415), "speech_format", True),
        (web.Response(status=429), "speech_busy", False),
        (web.Response(status=503), "speech_busy", False),
        (web.Response(status=302, headers={"Location": "https://example.org/"}), "speech_refused", True),
        (web.Response(text="<html>"), "speech_garbage", True),
        (web.Response(text='{"text": "发烧"}'), "speech_garbage", True),
        (web.Response(text='{"text": "发烧", "confidence": 93}'), "speech_garbage", True),
        (web.Response(text='{"text": "发烧", "confidence": NaN}'), "speech_garbage", True),
        (web.Response(text='{"text": ["发烧"], "confidence": 1}'), "speech_garbage", True),
        (web.Response(body=b" " * (MAX_REPLY + 1)), "speech_garbage", True),
        (5.0, "speech_timeout", False),
    ],
)
async def test_what_is_wrong_has_a_code(answer: web.Response | float, code: str, permanent: bool) -> None:
    async with serving() as (server, recogniser):
        server.hears(answer)
        with pytest.raises(SpeechError) as failed:
            await recogniser.recognise(SILENCE, "audio/amr")
        assert (failed.value.code, failed.value.permanent) == (code, permanent)
        assert len(server.asked) == 1


async def test_too_long_a_recording_is_not_sent() -> None:
    async with serving() as (server, recogniser):
        with pytest.raises(SpeechError, match="speech_too_large"):
            await recogniser.recognise(b"0" * (1 << 17), "audio/amr")
        assert server.asked == []


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as session:
        recogniser = HttpRecogniser(session, "http://127.0.0.1:9/", "", timeout=1, max_bytes=1 << 16)
        with pytest.raises(SpeechError, match="speech_unreachable") as failed:
            await recogniser.recognise(SILENCE, "audio/amr")
        assert not failed.value.permanent


@given(st.binary() | st.dictionaries(st.sampled_from(["text", "confidence"]), st.text() | st.floats() | st.none()).map(json.dumps))
def test_any_answer_is_a_text_in_one_line_or_garbage(answer: bytes | str) -> None:
    try:
        heard = read(answer.encode() if isinstance(answer, str) else answer)
    except SpeechError as err:
        assert err.code == "speech_garbage"
    else:
        assert heard.text.isprintable() and 0 <= heard.confidence <= 1


def test_what_a_database_cannot_keep_is_left_out() -> None:
    assert read(b'{"text": "a\\u0000b\\ud83d c", "confidence": 1}') == Heard("a b c", 1.0)
