"""The link of a push: it names one attempt and nobody, cannot be made without the hospital's key, and leads into the chat.

A token is 't' and 24 bytes: the attempt's number, when it expires, and an HMAC over both (as invitations have, plans/invitation.py).
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

# A task is seldom useful for longer, and a link that is kept is of no use afterwards (R).
LASTS = timedelta(days=14)

_BODY = Struct(">QI")
_TAG = 12
_MARK = "t"
_CHARACTERS = 1 + 4 * (_BODY.size + _TAG) // 3


def is_contact_token(token: str) -> bool:
    """Whether `token` is of this kind, good or not; invitations are shorter."""
    return token.startswith(_MARK) and len(token) == _CHARACTERS


def sign(key: bytes, contact_id: int, expires_at: datetime) -> str:
    """The token of an attempt."""
    body = _BODY.pack(contact_id, int(expires_at.timestamp()))
    return _MARK + urlsafe_b64encode(body + _tag(key, body)).decode()


def verify(key: bytes, token: str, now: datetime) -> int | None:
    """The attempt that `token` was signed for; None when it was not signed with `key`, or is too old."""
    if not is_contact_token(token) or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token[1:])
    except ValueError:
        return None
    body, tag = raw[: _BODY.size], raw[_BODY.size :]
    if not hmac.compare_digest(_tag(key, body), tag):
        return None
    contact_id, seconds = _BODY.unpack(body)
    return int(contact_id) if now < datetime.fromtimestamp(seconds, UTC) else None


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"careloop contact\0" + body, sha256)[:_TAG]
