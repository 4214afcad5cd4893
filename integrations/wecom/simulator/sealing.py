"""Opaque strings that carry their own meaning: sync_msg cursors and callback tokens. Nothing has to be stored for them."""

import base64
import hashlib
import struct

_TAG = 8


def seal(number: int, *, key: str, scope: str, filler: str = "") -> str:
    """`number` as an opaque string that only the same `key` and `scope` can open; `filler` only makes it longer."""
    body = struct.pack(">Q", number)
    text = base64.urlsafe_b64encode(_tag(body, key, scope) + body).decode().rstrip("=")
    return f"{text}.{filler}" if filler else text


def unseal(text: str, *, key: str, scope: str) -> int | None:
    """The number in a sealed string; None if it was not made by `seal` with this key and scope."""
    head = text.partition(".")[0]
    try:
        raw = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except ValueError:
        return None
    if len(raw) != _TAG + 8 or raw[:_TAG] != _tag(raw[_TAG:], key, scope):
        return None
    return int(struct.unpack(">Q", raw[_TAG:])[0])


def _tag(body: bytes, key: str, scope: str) -> bytes:
    return hashlib.blake2b(scope.encode() + body, digest_size=_TAG, key=key.encode()).digest()
