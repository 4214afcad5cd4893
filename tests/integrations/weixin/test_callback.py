"""Callbacks are believed only when they are signed, fresh, ours, and XML."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto

from integrations.callback_error import CallbackError
from integrations.weixin.callback import WeixinCallback

TOKEN, KEY, APPID = "WeixinToken", "SandboxOnlySandboxOnlySandboxOnlySandboxOnA", "wx0123456789abcdef"
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
AT = str(int(NOW.timestamp()))
FOLLOW = (
    "<xml><ToUserName>gh_hospital</ToUserName><FromUserName><![CDATA[o-zhao-openid]]></FromUserName>"
    f"<CreateTime>{AT}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe]]></Event><EventKey></EventKey></xml>"
)


def signed(timestamp: str = AT, nonce: str = "42", token: str = TOKEN) -> dict[str, str]:
    signature = hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode(), usedforsecurity=False).hexdigest()
    return {"signature": signature, "timestamp": timestamp, "nonce": nonce}


def sealed(message: str = FOLLOW, appid: str = APPID, timestamp: str = AT) -> tuple[dict[str, str], bytes]:
    """Sealed by wechatpy, as the platform does it."""
    body = WeChatCrypto(TOKEN, KEY, appid).encrypt_message(message, "42", timestamp)
    signature = body.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    return {**signed(timestamp), "msg_signature": signature, "encrypt_type": "aes"}, body.encode()


@pytest.fixture(params=["plain", "encrypted"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(mode: str, message: str = FOLLOW, *, timestamp: str = AT, now: datetime = NOW, **query: str) -> dict[str, Any]:
    if mode == "plain":
        return WeixinCallback(TOKEN, "", APPID).open({**signed(timestamp), **query}, message.encode(), now)
    given, body = sealed(message, timestamp=timestamp)
    return WeixinCallback(TOKEN, KEY, APPID).open({**given, **query}, body, now)


def code_of(error: pytest.ExceptionInfo[CallbackError]) -> tuple[str, int]:
    return error.value.code, error.value.status


def test_a_signed_message_is_read(mode: str) -> None:
    fields = opened(mode)
    assert (fields["FromUserName"], fields["Event"], fields["EventKey"]) == ("o-zhao-openid", "subscribe", "")


def test_the_address_check_is_answered_with_the_echo(mode: str) -> None:
    callback = WeixinCallback(TOKEN, KEY if mode == "encrypted" else "", APPID)
    assert callback.verify_url({**signed(), "echostr": "6093481234"}) == "6093481234"
    for wrong in ({**signed(token="other"), "echostr": "1"}, {"echostr": "1"}):
        with pytest.raises(CallbackError) as refused:
            callback.verify_url(wrong)
        assert code_of(refused) == ("bad_signature", 403)
    with pytest.raises(CallbackError) as refused:
        callback.verify_url({**signed(), "echostr": "<script>"})
    assert code_of(refused) == ("missing_field", 400)


@pytest.mark.parametrize("forged", ["", "0" * 40, "Ä", "\ud800"])
def test_a_forged_signature_is_refused(mode: str, forged: str) -> None:
    with pytest.raises(CallbackError) as refused:
        opened(mode, **{"signature" if mode == "plain" else "msg_signature": forged})
    assert refused.value.code in {"bad_signature", "missing_field"} and refused.value.status in {400, 403}


@pytest.mark.parametrize("off", [timedelta(minutes=11), timedelta(minutes=-11)])
def test_an_old_message_is_refused(mode: str, off: timedelta) -> None:
    with pytest.raises(CallbackError) as refused:
        opened(mode, now=NOW + off)
    assert code_of(refused) == ("stale", 403)


@pytest.mark.parametrize("timestamp", ["x", "-1", "9" * 30, "１２"])
def test_a_time_that_is_none_is_refused(timestamp: str) -> None:
    with pytest.raises(CallbackError) as refused:
        opened("plain", timestamp=timestamp)
    assert code_of(refused) == ("stale", 403)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "<xml>",
        "not xml",
        '{"MsgType": "event"}',
        '<!DOCTYPE x [<!ENTITY a "b">]><xml><MsgType>&a;</MsgType></xml>',
        "<html><a>1</a></html>",
        "<xml><MsgType>event</MsgType></xml>",
        FOLLOW.replace("FromUserName", "Someone"),
        "<xml>" + "<a>" * 40 + "</a>" * 40 + "</xml>",
    ],
)
def test_what_is_no_message_is_refused(mode: str, message: str) -> None:
    with pytest.raises(CallbackError) as refused:
        opened(mode, message)
    assert refused.value.code in {"bad_xml", "missing_field"} and refused.value.status == 400


def test_a_plain_message_is_refused_where_encryption_is_set() -> None:
    with pytest.raises(CallbackError) as refused:
        WeixinCallback(TOKEN, KEY, APPID).open({**signed(), "msg_signature": "0" * 40}, FOLLOW.encode(), NOW)
    assert refused.value.code == "missing_field"


def test_a_message_to_another_account_is_refused() -> None:
    query, body = sealed(appid="wx-somebody-else")
    with pytest.raises(CallbackError) as refused:
        WeixinCallback(TOKEN, KEY, APPID).open(query, body, NOW)
    assert code_of(refused) == ("wrong_receive_id", 403)


def test_a_changed_envelope_is_refused() -> None:
    query, body = sealed()
    with pytest.raises(CallbackError) as refused:
        WeixinCallback(TOKEN, KEY, APPID).open(query, body.replace(b"<![CDATA[", b"<![CDATA[AAAA", 1), NOW)
    assert code_of(refused) == ("bad_signature", 403)


def test_a_body_without_end_is_refused() -> None:
    with pytest.raises(CallbackError) as refused:
        WeixinCallback(TOKEN, "", APPID, max_bytes=100).open(signed(), b"<xml>" + b"a" * 100, NOW)
    assert code_of(refused) == ("too_large", 413)


@pytest.mark.parametrize(("token", "key", "code"), [("", KEY, "bad_token"), (TOKEN, "short", "bad_encoding_aes_key")])
def test_settings_that_cannot_be_right_stop_the_start(token: str, key: str, code: str) -> None:
    with pytest.raises(CallbackError) as refused:
        WeixinCallback(token, key, APPID)
    assert refused.value.code == code
