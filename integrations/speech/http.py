"""A recogniser behind an HTTP address of the hospital's own: audio goes in as a POST, JSON with text and confidence comes back."""

import json
import math

import aiohttp

from integrations.speech.port import Heard, SpeechError

# A minute of speech has some 300 characters.
MAX_REPLY, MAX_TEXT = 64 << 10, 2000
# One second in which nobody speaks, as AMR without data.
SILENCE, SILENCE_FORMAT = b"#!AMR\n" + b"\x7c" * 50, "audio/amr"

_CODES = {
    401: ("speech_not_granted", True),
    403: ("speech_not_granted", True),
    408: ("speech_timeout", False),
    413: ("speech_too_large", True),
    415: ("speech_format", True),
    422: ("speech_format", True),
    429: ("speech_busy", False),
}


class HttpRecogniser:
    """Posts to `url`; `timeout` (s) is for the whole request, `max_bytes` for the recording. `token`, if any, goes as a bearer's.

    The contract: POST with the recording as body and its media type as Content-Type; answer 200 and {"text": "…", "confidence": 0.93}.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, *, timeout: float, max_bytes: int) -> None:
        self._session, self._url, self._max_bytes = session, url, max_bytes
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def recognise(self, audio: bytes, format: str) -> Heard:
        """See Recogniser. Asks once; a redirection is not followed, because a child's name may be in the recording."""
        if len(audio) > self._max_bytes:
            raise SpeechError("speech_too_large", permanent=True)
        headers = {**self._headers, "Content-Type": format, "Accept": "application/json"}
        try:
            async with self._session.post(self._url, data=audio, headers=headers, timeout=self._timeout, allow_redirects=False) as answer:
                if answer.status != 200:
                    code, permanent = _CODES.get(answer.status, ("speech_refused", answer.status < 500))
                    raise SpeechError("speech_busy" if answer.status >= 500 else code, permanent=permanent)
                body = await _body(answer)
        except TimeoutError:
            raise SpeechError("speech_timeout", permanent=False) from None
        except aiohttp.ClientError:
            raise SpeechError("speech_unreachable", permanent=False) from None
        return read(body)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_REPLY:
            raise SpeechError("speech_garbage", permanent=True)
    return body


def read(body: bytes) -> Heard:
    """The answer of a recogniser, checked: text in one line that a database can keep. Raises SpeechError `speech_garbage`."""
    try:
        answer = json.loads(body)
        text, confidence = answer["text"], answer["confidence"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SpeechError("speech_garbage", permanent=True) from None
    if not isinstance(text, str) or isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise SpeechError("speech_garbage", permanent=True)
    if not (math.isfinite(confidence) and 0 <= confidence <= 1):
        raise SpeechError("speech_garbage", permanent=True)
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return Heard(line[:MAX_TEXT], float(confidence))
