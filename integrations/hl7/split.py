"""One file or stream body → its messages, as bytes: batches, several messages in a row, comments between them, leftover MLLP framing."""

import re
from collections.abc import Iterator

from integrations.hl7.charset import without_utf16
from integrations.hl7.errors import HL7Error

# 32 MB: the largest real documents are 820 kB; an image series has no business in a v2 message.
LARGEST = 32_000_000

# MSH and a separator at the start of a line; MLLP's 0x0B and 0x1C count as line ends. Punctuation only, so that "MSH为空" is a text.
_START = re.compile(rb"(?:^|[\r\n\x0b\x1c])[ \t]*(?=(?:\xef\xbb\xbf)?MSH[!-/:-@\[-`{-~])")
# The envelope of a batch ends a message.
_ENVELOPE = re.compile(rb"[\r\n\x1c](?:\xef\xbb\xbf)?[ \t]*(?:BTS|FTS|BHS|FHS)(?:[!-/:-@\[-`{-~]|[\r\n]|$)")


def split(data: bytes) -> list[bytes]:
    """The messages in these bytes, in their order, each from its MSH on. Raises HL7Error(not_hl7) if there is none."""
    found = list(_messages(without_utf16(data)))
    if not found:
        raise HL7Error("not_hl7")
    return found


def _messages(data: bytes) -> Iterator[bytes]:
    starts = [match.end() for match in _START.finditer(data)]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=False):
        envelope = _ENVELOPE.search(data, start, end)
        yield data[start : envelope.start() if envelope else end]
