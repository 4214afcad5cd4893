"""Mainland mobile numbers."""

import re

from integrations.push import PushRefused

# 11 digits, of which the second is never 0 to 2.
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_COUNTRY = re.compile(r"(?:\+|00)86")


def mobile(number: str) -> str:
    """The 11 digits of a mainland mobile number, however it is written (+86 138-0013-8000). Raises PushRefused ``bad_address``."""
    digits = _COUNTRY.sub("", re.sub(r"[ \-()\u3000]", "", number), count=1)
    if not _MOBILE.fullmatch(digits):
        raise PushRefused("bad_address", permanent=True, detail="not a mainland mobile number")
    return digits
