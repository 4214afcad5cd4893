"""MLLP: messages on a stream of bytes, between 0x0B and 0x1C 0x0D. Pure: whoever owns the connection feeds it and answers."""

import re
from dataclasses import dataclass
from typing import Literal

from integrations.hl7.split import LARGEST

START, END = b"\x0b", b"\x1c\r"
# A lone 0x1C ends a frame too if the next one follows. A 0x0B inside a text is a line break of a word processor, but one before a new
# message says that the message before it never ended.
_END = re.compile(rb"\x1c(?:\r|(?=\n{0,2}\x0b))|(?=\x0b(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS)[!-/:-@\[-`{-~])")
_LONGEST_END = 12
# What some senders put between frames, to keep a connection alive or out of habit.
_IDLE = b"\r\n\0 \x1c"


@dataclass(frozen=True)
class Frame:
    """The bytes of one frame, a message or not."""

    data: bytes


@dataclass(frozen=True)
class Noise:
    """`size` bytes that were no frame. `code`: outside (between frames: nobody waits for an answer), or one of those that a sender waits
    for: no_start (they end like a frame), unterminated (a new message began, or the connection ended, inside it), too_large."""

    size: int
    code: Literal["outside", "no_start", "unterminated", "too_large"]

    @property
    def awaited(self) -> bool:
        """Whether a sender waits for an answer to these bytes."""
        return self.code != "outside"


class Deframer:
    """Bytes as they arrive → frames and noise, in their order. Keeps at most `largest` bytes plus what one `feed` brings."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._seen = 0  # so many bytes of the buffer hold no end of a frame
        self._inside = False
        self._dropped = 0  # bytes of the present frame or noise that are counted, not kept

    def feed(self, data: bytes) -> list[Frame | Noise]:
        """What is complete after these bytes."""
        self._buffer += data
        found: list[Frame | Noise] = []
        at = 0
        while True:
            step = self._read(at, found) if self._inside else self._skip(at, found)
            if step is None:
                break
            at = step
        at = self._keep_within_bounds(at)
        del self._buffer[:at]
        self._seen = max(0, self._seen - at)
        return found

    def flush(self) -> list[Frame | Noise]:
        """What the connection leaves when it falls idle or ends: a frame closed by a lone 0x1C is one, anything else is noise."""
        rest = bytes(self._buffer)
        size = len(rest) + self._dropped
        inside, whole = self._inside, not self._dropped
        self._buffer.clear()
        self._seen, self._inside, self._dropped = 0, False, 0
        if not inside:
            return [Noise(size, "outside")] if rest.strip(_IDLE) or not whole else []
        body = rest.rstrip(b"\n")
        if whole and body.endswith(b"\x1c"):
            return [Frame(body[:-1])]
        return [Noise(size, "unterminated" if whole else "too_large")]

    def _skip(self, at: int, found: list[Frame | Noise]) -> int | None:
        """On to the next start block, or to an end block that had none."""
        start = self._buffer.find(START, at)
        limit = start if start >= 0 else len(self._buffer)
        # The search goes back one byte, since the two of an end may arrive apart.
        end = self._buffer.find(END, max(at, self._seen - 1), limit)
        if end >= 0:
            if self._dropped or self._buffer[at:end].strip(_IDLE):
                found.append(Noise(end - at + self._dropped, "no_start"))
            self._dropped, self._seen = 0, end + 2
            return end + 2
        if start < 0:
            self._seen = len(self._buffer)
            return None
        if self._dropped or self._buffer[at:start].strip(_IDLE):
            found.append(Noise(start - at + self._dropped, "outside"))
        self._inside, self._dropped, self._seen = True, 0, start + 1
        return start + 1

    def _read(self, at: int, found: list[Frame | Noise]) -> int | None:
        """On behind the end of the present frame."""
        match = _END.search(self._buffer, max(at, self._seen - _LONGEST_END))
        if match is None:
            self._seen = len(self._buffer)
            return None
        size = match.start() - at + self._dropped
        if size > self._largest:
            found.append(Noise(size, "too_large"))
        elif match.end() == match.start():
            found.extend([Noise(size, "unterminated")] if size else [])
        else:
            found.append(Frame(bytes(self._buffer[at : match.start()])))
        self._inside, self._dropped, self._seen = False, 0, match.end()
        return match.end()

    def _keep_within_bounds(self, at: int) -> int:
        """Noise is counted, not kept, and so is a frame that has grown too large; the last bytes stay, as an end may begin in them."""
        excess = len(self._buffer) - at - _LONGEST_END
        if excess > 0 and (not self._inside or self._dropped or excess > self._largest):
            self._dropped += excess
            at += excess
        return at


def frame(data: bytes) -> bytes:
    """A message as it goes onto the stream."""
    return START + data + END
