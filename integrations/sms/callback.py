"""What the provider reports: which texts arrived, and what families answered to them (docs/push.md)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.callback_error import CallbackError
from integrations.push import PushReceipt
from integrations.sms.signature import NONCE, SIGNATURE, TIME, matches

MOST_REPORTS = 1000
# What ends texts, by the operators' custom, in whole: R, T, TD, 退订, also with what a telephone adds.
_STOP = re.compile(r"\s*(?:退订|拒收|取消|td?|r|n)\s*[。.!！]?\s*", re.IGNORECASE)
# The provider's status for ours.
_FAILED = {"opted_out": "user_blocked", "blocked": "user_blocked", "bad_phone": "bad_address"}


@dataclass(frozen=True)
class TextAnswer:
    """A family answered a text; ``stop``: it wants no more."""

    phone: str
    stop: bool
    at: datetime


@dataclass(frozen=True)
class Reports:
    """One call of the provider."""

    receipts: tuple[PushReceipt, ...] = ()
    answers: tuple[TextAnswer, ...] = ()


class SmsCallback:
    """Opens the provider's calls. ``path`` is where they come in; ``window`` how far a call's time may lie from now, either way."""

    def __init__(self, secret: str, path: str, *, window: timedelta = timedelta(minutes=10), max_bytes: int = 1 << 20) -> None:
        if not secret:
            raise CallbackError("bad_token", 500, "the secret must not be empty")
        self._secret, self._path, self._window, self._max_bytes = secret, path, window, max_bytes

    def open(self, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
        """The body, checked. Raises CallbackError: too_large, bad_signature, stale, bad_body."""
        if len(body) > self._max_bytes:
            raise CallbackError("too_large", 413, f"{len(body)} bytes")
        timestamp, nonce, given = (headers.get(name, "") for name in (TIME, NONCE, SIGNATURE))
        if not matches(given, self._secret, method="POST", path=self._path, timestamp=timestamp, nonce=nonce, body=body):
            raise CallbackError("bad_signature", 403)
        if not re.fullmatch(r"[0-9]{1,10}", timestamp) or abs(now.timestamp() - int(timestamp)) > self._window.total_seconds():
            raise CallbackError("stale", 403, "timestamp outside the window; is this machine's clock right?")
        try:
            fields = json.loads(body)
            read_reports(fields)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as err:
            raise CallbackError("bad_body", 400) from err
        checked: dict[str, Any] = fields
        return checked


def read_reports(fields: Any) -> Reports:
    """The reports in a call's body. Raises ValueError, TypeError, KeyError for what is none."""
    if not isinstance(fields, dict):
        raise TypeError("not an object")
    receipts, answers = fields.get("receipts", []), fields.get("answers", [])
    if not isinstance(receipts, list) or not isinstance(answers, list) or len(receipts) + len(answers) > MOST_REPORTS:
        raise ValueError(f"at most {MOST_REPORTS} reports")
    return Reports(tuple(_receipt(each) for each in receipts), tuple(_answer(each) for each in answers))


def _receipt(each: Any) -> PushReceipt:
    status = _text(each, "status")
    if status not in ("delivered", "failed"):
        raise ValueError("status")
    code = None if status == "delivered" else _FAILED.get(str(each.get("code")), "system_failed")
    return PushReceipt("sms", _text(each, "message_id"), _text(each, "phone"), code is None, code, _at(each))


def _answer(each: Any) -> TextAnswer:
    text = each["text"]
    if not isinstance(text, str):
        raise TypeError("text")
    return TextAnswer(_text(each, "phone"), _STOP.fullmatch(text) is not None, _at(each))


def _text(each: Any, name: str) -> str:
    value = each[name]
    if not isinstance(value, str) or not 0 < len(value) <= 64 or "\0" in value:
        raise ValueError(name)
    return value


def _at(each: Any) -> datetime:
    at = each["at"]
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 1 << 33:
        raise ValueError("at")
    return datetime.fromtimestamp(at, UTC)
