"""The link of a push: it names one attempt and nobody, cannot be made without the hospital's key, and leads into the chat."""

from datetime import datetime, timedelta

from plans.sealed import CHARACTERS, seal, unseal

# A task is seldom useful for longer, and a link that is kept is of no use afterwards (R).
LASTS = timedelta(days=14)
# Tells its tokens from those of invitations, which come in the same place.
_MARK = "t"
_PURPOSE = "contact"


def is_contact_token(token: str) -> bool:
    """Whether `token` is of this kind, good or not; invitations are shorter."""
    return token.startswith(_MARK) and len(token) == len(_MARK) + CHARACTERS


def sign(key: bytes, contact_id: int, expires_at: datetime) -> str:
    """The token of an attempt."""
    return _MARK + seal(key, _PURPOSE, contact_id, expires_at)


def verify(key: bytes, token: str, now: datetime) -> int | None:
    """The attempt that `token` was signed for; None when it was not signed with `key`, or is too old."""
    read = unseal(key, _PURPOSE, token.removeprefix(_MARK)) if is_contact_token(token) else None
    return read[0] if read is not None and now < read[1] else None
