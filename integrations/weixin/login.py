"""What the mini program's front end posts when it is opened: the code of `wx.login`, by which the service learns whose it is."""

import json
import re

from integrations.callback_error import CallbackError
from integrations.wecom.limits import TokenBucket

# Anybody can post a login code, and each costs a call to the platform: so many a second, and so many at once.
LOGINS_PER_SECOND, LOGINS_AT_ONCE = 20.0, 200.0
_CODE = re.compile(r"[0-9A-Za-z_-]{16,64}")


def read_code(body: bytes) -> str:
    """The code in ``{"code": "…"}``. Raises CallbackError bad_body."""
    try:
        code = json.loads(body)["code"]
    except (ValueError, TypeError, KeyError, RecursionError) as err:
        raise CallbackError("bad_body", 400) from err
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise CallbackError("bad_body", 400)
    return code


def login_bucket() -> TokenBucket:
    """A bucket, full, out of which whoever takes codes takes one for each."""
    return TokenBucket(LOGINS_PER_SECOND, LOGINS_AT_ONCE)
