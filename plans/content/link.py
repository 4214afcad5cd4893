"""Signed links to a content's page: a token that names one showing of a content to one family, short-lived, and nothing about the child.

A token is 32 characters: the number of the reading, when it expires, and an HMAC over both with the hospital's key.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

# As long as a family may scroll back to it (R).
LASTS = timedelta(days=7)
PATH = "/h5/content"
_BODY = Struct(">QI")
_TAG = 12
_CHARACTERS = 4 * (_BODY.size + _TAG) // 3


def sign_reading(key: bytes, read_id: int, now: datetime) -> str:
    """The token of a reading, good for LASTS from `now` on."""
    body = _BODY.pack(read_id, int((now + LASTS).timestamp()))
    return urlsafe_b64encode(body + _tag(key, body)).decode()


def read_token(key: bytes, token: str) -> tuple[int, datetime] | None:
    """Number and end of the reading that `token` was signed for; None when it was not signed with `key`."""
    if len(token) != _CHARACTERS or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        return None
    body, tag = raw[: _BODY.size], raw[_BODY.size :]
    # One token has one spelling.
    if not hmac.compare_digest(_tag(key, body), tag) or urlsafe_b64encode(raw).decode() != token:
        return None
    number, seconds = _BODY.unpack(body)
    return number, datetime.fromtimestamp(seconds, UTC)


def _tag(key: bytes, body: bytes) -> bytes:
    # The key is shared with invitations; what is signed for one is nothing to the other.
    return hmac.digest(key, b"careloop content\0" + body, sha256)[:_TAG]
