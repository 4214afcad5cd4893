"""What the provider reports is believed only when it is signed and fresh."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.callback_error import CallbackError
from integrations.push import PushReceipt
from integrations.sms.callback import Reports, SmsCallback, TextAnswer, read_reports
from integrations.sms.signature import NONCE, SIGNATURE, TIME, sign

SECRET, PATH = "sms-callback-secret", "/sms/callback"
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
AT = int(NOW.timestamp())
RECEIPT = {"message_id": "m1", "request_id": "k1", "phone": "13800138000", "status": "delivered", "at": AT}


def call(fields: Any, *, secret: str = SECRET, at: int = AT, path: str = PATH) -> tuple[dict[str, str], bytes]:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    signed = sign(secret, method="POST", path=path, timestamp=str(at), nonce="42", body=body)
    return {TIME: str(at), NONCE: "42", SIGNATURE: signed}, body


def opened(*args: Any, **kwargs: Any) -> Reports:
    headers, body = call(*args, **kwargs)
    return read_reports(SmsCallback(SECRET, PATH).open(headers, body, NOW))


def test_receipts_and_answers_are_read() -> None:
    failed = {**RECEIPT, "message_id": "m2", "status": "failed", "code": "opted_out"}
    answer = {"phone": "13800138000", "text": "退订", "at": AT}
    assert opened({"receipts": [RECEIPT, failed], "answers": [answer]}) == Reports(
        (
            PushReceipt("sms", "m1", "13800138000", True, None, NOW),
            PushReceipt("sms", "m2", "13800138000", False, "user_blocked", NOW),
        ),
        (TextAnswer("13800138000", True, NOW),),
    )
    assert opened({}) == Reports()


@pytest.mark.parametrize("text", ["退订", " TD ", "t", "R", "拒收", "取消。", "n"])
def test_these_answers_want_no_more(text: str) -> None:
    assert opened({"answers": [{"phone": "13800138000", "text": text, "at": AT}]}).answers[0].stop


@pytest.mark.parametrize("text", ["", "好的", "退订什么意思", "宝宝拒收奶", "thanks", "TT"])
def test_these_do_not(text: str) -> None:
    assert not opened({"answers": [{"phone": "13800138000", "text": text, "at": AT}]}).answers[0].stop


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "another"}, "bad_signature"),
        ({"path": "/sms/other"}, "bad_signature"),
        ({"at": AT - 601}, "stale"),
        ({"at": AT + 601}, "stale"),
    ],
)
def test_a_forged_or_old_call_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(CallbackError) as refused:
        opened({"receipts": [RECEIPT]}, **change)
    assert (refused.value.code, refused.value.status) == (code, 403)


def test_a_changed_body_is_refused() -> None:
    headers, body = call({"receipts": [RECEIPT]})
    with pytest.raises(CallbackError) as refused:
        SmsCallback(SECRET, PATH).open(headers, body.replace(b"m1", b"m2"), NOW)
    assert refused.value.code == "bad_signature"
    with pytest.raises(CallbackError) as refused:
        SmsCallback(SECRET, PATH).open({}, body, NOW)
    assert refused.value.code == "bad_signature"


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"[",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"receipts": {}},
        {"receipts": ["x"]},
        {"receipts": [None]},
        {"receipts": [{**RECEIPT, "status": "lost"}]},
        {"receipts": [{**RECEIPT, "at": "now"}]},
        {"receipts": [{**RECEIPT, "at": True}]},
        {"receipts": [{**RECEIPT, "at": 1 << 60}]},
        {"receipts": [{**RECEIPT, "message_id": ""}]},
        {"receipts": [{**RECEIPT, "phone": "a\0b"}]},
        {"receipts": [RECEIPT] * 1001},
        {"answers": [{"phone": "13800138000", "at": AT}]},
    ],
)
def test_a_body_that_means_nothing_is_refused(fields: Any) -> None:
    with pytest.raises(CallbackError) as refused:
        opened(fields)
    assert (refused.value.code, refused.value.status) == ("bad_body", 400)


def test_settings_and_sizes() -> None:
    with pytest.raises(CallbackError):
        SmsCallback("", PATH)
    headers, body = call({"receipts": [RECEIPT]})
    with pytest.raises(CallbackError) as refused:
        SmsCallback(SECRET, PATH, window=timedelta(hours=1), max_bytes=10).open(headers, body, NOW)
    assert refused.value.code == "too_large"
