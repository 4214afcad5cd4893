"""Signed links to a content's page: a token that names one showing of a content to one family, short-lived, and nothing about the child."""

from datetime import datetime, timedelta

from plans.sealed import SPELT, seal, unseal

# As long as a family may scroll back to it (R).
LASTS = timedelta(days=7)
PATH = "/h5/content"
# The pattern of every page's address.
ADDRESS = rf"{PATH}/{SPELT}"
_PURPOSE = "content"


def sign_reading(key: bytes, read_id: int, now: datetime) -> str:
    """The token of a reading, good for LASTS from `now` on."""
    return seal(key, _PURPOSE, read_id, now + LASTS)


def read_token(key: bytes, token: str) -> tuple[int, datetime] | None:
    """Number and end of the reading that `token` was signed for; None when it was not signed with `key`."""
    return unseal(key, _PURPOSE, token)
