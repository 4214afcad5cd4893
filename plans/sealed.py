"""Tokens of signed links: a number and when it expires, with an HMAC by the hospital's key. They name a row and nobody.

What is sealed for one `purpose` is nothing to another, though the key is the same.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from struct import Struct

_BODY = Struct(">QI")
_TAG = 12
# So long is every token, and spelt so.
CHARACTERS = 4 * (_BODY.size + _TAG) // 3
SPELT = rf"[0-9A-Za-z_-]{{{CHARACTERS}}}"


def seal(key: bytes, purpose: str, number: int, expires_at: datetime) -> str:
    """The token for `number`."""
    body = _BODY.pack(number, int(expires_at.timestamp()))
    return urlsafe_b64encode(body + _tag(key, purpose, body)).decode()


def unseal(key: bytes, purpose: str, token: str) -> tuple[int, datetime] | None:
    """Number and end that `token` was sealed for; None when it was not sealed with `key` for this purpose."""
    if len(token) != CHARACTERS or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        return None
    body, tag = raw[: _BODY.size], raw[_BODY.size :]
    # One token has one spelling: what decodes to the same bytes from other characters was not made here.
    if not hmac.compare_digest(_tag(key, purpose, body), tag) or urlsafe_b64encode(raw).decode() != token:
        return None
    number, seconds = _BODY.unpack(body)
    return number, datetime.fromtimestamp(seconds, UTC)


def _tag(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(key, f"careloop {purpose}\0".encode() + body, sha256)[:_TAG]
