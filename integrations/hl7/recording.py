"""Messages in a file: plain, in a batch, or a recorded MLLP stream, which is read as a listener would read it."""

import hashlib
from collections.abc import Iterator

from integrations.hl7.ack import judge
from integrations.hl7.errors import HL7Error
from integrations.hl7.mllp import END, START, Deframer, Frame, Noise
from integrations.hl7.read import Message, read
from integrations.hl7.split import split


def messages_of(data: bytes, charset: str | None = None) -> Iterator[Message | HL7Error]:
    """Every message in the sender's order, and in the place of one that cannot be taken the reason why.

    A stream is a wire's: what a listener would refuse is refused, and a frame sent again (the same bytes) is told once. A file's messages
    are told even if a listener would not take them.
    """
    if START in data and END in data:
        yield from _of_stream(data, charset)
    else:
        yield from _of_text(data, charset)


def _of_stream(data: bytes, charset: str | None) -> Iterator[Message | HL7Error]:
    deframer = Deframer()
    seen: set[bytes] = set()
    for found in [*deframer.feed(data), *deframer.flush()]:
        if isinstance(found, Noise):
            if found.awaited:
                yield HL7Error(found.code)
            continue
        yield from _of_frame(found, charset, seen)


def _of_frame(frame: Frame, charset: str | None, seen: set[bytes]) -> Iterator[Message | HL7Error]:
    digest = hashlib.sha256(frame.data).digest()
    if digest in seen:
        return
    seen.add(digest)
    verdict = judge(frame.data)
    if verdict.error is not None:
        yield HL7Error(verdict.error)
        return
    yield from _of_text(frame.data, charset)


def _of_text(data: bytes, charset: str | None) -> Iterator[Message | HL7Error]:
    try:
        found = split(data)
    except HL7Error as err:
        yield err
        return
    for each in found:
        yield _one(each, charset)


def _one(data: bytes, charset: str | None) -> Message | HL7Error:
    try:
        return read(data, charset)
    except HL7Error as err:
        return err
