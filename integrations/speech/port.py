"""What the service wants of speech recognition; whoever brings a recogniser of his own writes a class with this one method."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Heard:
    """What was heard: `text` in one line, empty when nobody speaks; `confidence` from 0 (a guess) to 1 (sure)."""

    text: str
    confidence: float


class SpeechError(Exception):
    """Nothing was recognised.

    ``code``       speech_too_large, speech_timeout, speech_unreachable, speech_busy, speech_not_granted, speech_format, speech_refused,
                   speech_garbage; callers look at this and at ``permanent``.
    ``permanent``  True when the same recording cannot be recognised later without a change.
    """

    def __init__(self, code: str, *, permanent: bool) -> None:
        super().__init__(code)
        self.code, self.permanent = code, permanent


class Recogniser(Protocol):
    """Turns a recording into text."""

    async def recognise(self, audio: bytes, format: str) -> Heard:
        """What is said in `audio`, whose media type is `format` (WeCom's is audio/amr). Raises SpeechError; keeps nothing."""
        ...
