"""What the mini program's front end posts when it is opened: the code of `wx.login`, by which the service learns whose it is."""

import json
import re

from integrations.wecom.callback import CallbackError

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
