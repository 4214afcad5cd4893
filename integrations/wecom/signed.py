"""Whether a callback is the platform's own. That takes its Token alone: what is inside stays sealed.

Pure and light, without a cipher: the process at the network's edge, which must not be able to read, imports only this.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from integrations.callback_error import CallbackError
from integrations.wecom.xml import XmlError, read_xml

# How far a callback's timestamp may lie from now, either way.
WINDOW = timedelta(minutes=10)


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """SHA-1 in hex over the four values, sorted and joined."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted))).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()  # the platform's choice of hash


def check_sealed(token: str, query: Mapping[str, str], body: bytes, now: datetime, *, window: timedelta = WINDOW) -> str:
    """What is encrypted in a POST, signed and of now. Raises CallbackError: missing_field, bad_xml, bad_signature, stale."""
    encrypted = need(read_fields(body), "Encrypt")
    check_signature(token, query, encrypted)
    check_time(need(query, "timestamp"), now, window)
    return encrypted


def check_signature(token: str, query: Mapping[str, str], encrypted: str) -> None:
    """Raises CallbackError missing_field, bad_signature."""
    given, timestamp, nonce = (need(query, name) for name in ("msg_signature", "timestamp", "nonce"))
    expected = signature(token, timestamp, nonce, encrypted)
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()):
        raise CallbackError("bad_signature", 403)


def check_time(timestamp: str, now: datetime, window: timedelta) -> None:
    """Raises CallbackError stale."""
    # Ten digits last until 2286; a longer run of digits would overflow a float.
    if not re.fullmatch(r"[0-9]{1,10}", timestamp) or abs(now.timestamp() - int(timestamp)) > window.total_seconds():
        raise CallbackError("stale", 403, "timestamp outside the window; is this machine's clock right?")


def need(fields: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises CallbackError missing_field."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise CallbackError("missing_field", 400, name)
    return value


def read_fields(source: str | bytes) -> dict[str, Any]:
    """The XML of a callback. Raises CallbackError bad_xml."""
    try:
        return read_xml(source)
    except XmlError as err:
        raise CallbackError("bad_xml", 400, str(err)) from err
