import re
import string
import xml.sax.saxutils
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.callback_error import CallbackError
from integrations.wecom.callback import Callback, event_key, selected_options
from integrations.wecom.signed import signature
from integrations.wecom.xml import read_xml

KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"  # pragma: allowlist secret
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = "<xml><FromUserName>lin</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><MsgId>7</MsgId><Content>{}</Content></xml>"


def of(vector: dict[str, Any], **more: Any) -> Callback:
    return Callback(vector["token"], vector["encoding_aes_key"], vector["receive_id"], **more)


def query(vector: dict[str, Any]) -> dict[str, str]:
    names = ("msg_signature", "timestamp", "nonce", "echostr")
    return {name: vector[name] for name in names if name in vector}


def at(vector: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(vector["timestamp"]), UTC)


@pytest.fixture
def callback() -> Callback:
    return Callback("a-token", KEY, "ww-corp")


def sent(callback: Callback, message: str, *, now: datetime = NOW, envelope: str = "<xml><Encrypt>{}</Encrypt></xml>") -> tuple[Any, bytes]:
    """A callback as WeCom sends it."""
    encrypted = callback.encrypt(message)
    moment = str(int(now.timestamp()))
    asked = {"msg_signature": signature("a-token", moment, "n1", encrypted), "timestamp": moment, "nonce": "n1"}
    return asked, envelope.format(encrypted).encode()


def refused(callback: Callback, asked: Any, body: bytes, now: datetime = NOW) -> tuple[str, int]:
    with pytest.raises(CallbackError) as caught:
        callback.open(asked, body, now)
    return caught.value.code, caught.value.status


def test_recorded_traffic_opens(crypto_vector: dict[str, Any]) -> None:
    vector = crypto_vector
    if vector["kind"] == "verify_url":
        assert of(vector).verify_url(query(vector)) == vector["expected_plaintext"]
    elif vector["kind"] == "decrypt_xml":
        fields = of(vector).open(query(vector), vector["body_xml"].encode(), at(vector))
        assert vector["expected_fields"].items() <= fields.items()
        assert fields == read_xml(vector["expected_plaintext"])
    elif vector["kind"] == "signature":
        assert signature(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"]) == vector["msg_signature"]
        assert of(vector).decrypt(vector["encrypt"]) == vector["expected_plaintext"]
    else:
        sealed = of(vector, entropy=lambda _: vector["random16"].encode()).seal(
            vector["plaintext"], vector["nonce"], int(vector["timestamp"])
        )
        fields = read_xml(sealed)
        assert (fields["Encrypt"], fields["MsgSignature"]) == (vector["expected_encrypt"], vector["expected_signature"])
        assert (fields["TimeStamp"], fields["Nonce"]) == (vector["timestamp"], vector["nonce"])


def test_forged_traffic_is_refused(crypto_negative: dict[str, Any]) -> None:
    vector = crypto_negative
    with pytest.raises(CallbackError) as caught:
        if vector["kind"] == "verify_url":
            of(vector).verify_url(query(vector))
        else:
            of(vector).open(query(vector), vector["body_xml"].encode(), at(vector))
    assert caught.value.code == {"signature": "bad_signature", "receive_id": "wrong_receive_id"}[vector["expect_error"]]
    assert caught.value.status == 403


def test_a_wrong_key_stops_the_start_with_one_sentence(bad_key: dict[str, Any]) -> None:
    with pytest.raises(CallbackError, match="bad_encoding_aes_key: EncodingAESKey must be the 43 letters and digits"):
        Callback("a-token", bad_key["encoding_aes_key"], "ww-corp")


def test_recorded_events_survive_the_way(callback: Callback, callback_plaintext: dict[str, Any]) -> None:
    fields = callback.open(*sent(callback, callback_plaintext["plaintext_xml"]), NOW)
    for tag, value in re.findall(r"<(\w+)><!\[CDATA\[(.*?)\]\]></\1>", callback_plaintext["plaintext_xml"].split("<SelectedItems>")[0]):
        assert fields[tag] == value
    assert event_key(fields) == event_key(dict(reversed(fields.items())))


def test_the_card_in_the_documents_has_two_questions(callback: Callback) -> None:
    item = "<SelectedItem><QuestionKey>{}</QuestionKey><OptionIds>{}</OptionIds></SelectedItem>"
    card = (
        "<xml><FromUserName>lin</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>template_card_event</Event>"
        "<SelectedItems>{}</SelectedItems></xml>"
    )
    one = card.format(item.format("q1", "<OptionId>a</OptionId>"))
    two = card.format(item.format("q1", "<OptionId>a</OptionId><OptionId>b</OptionId>") + item.format("q2", "<OptionId>c</OptionId>"))
    assert selected_options(callback.open(*sent(callback, one), NOW)) == {"q1": ["a"]}
    assert selected_options(callback.open(*sent(callback, two), NOW)) == {"q1": ["a", "b"], "q2": ["c"]}
    assert selected_options(callback.open(*sent(callback, card.format("")), NOW)) == {}


@given(st.integers(0, 31), st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40))
def test_every_pad_comes_back(extra: int, words: str) -> None:
    callback = Callback("a-token", KEY, "ww-corp")
    message = words + "x" * extra
    assert callback.decrypt(callback.encrypt(message)) == message


def test_all_pads_1_to_32_occur(callback: Callback) -> None:
    sizes = {len(("x" * extra).encode()) + 20 + len("ww-corp") for extra in range(32)}
    assert {32 - size % 32 for size in sizes} == set(range(1, 33))
    assert [callback.decrypt(callback.encrypt("x" * extra)) for extra in range(32)] == ["x" * extra for extra in range(32)]


@settings(max_examples=50)
@given(st.text(alphabet=string.ascii_letters + "发烧38度<&>", min_size=1))
def test_what_is_sealed_opens_for_the_same_corp(words: str) -> None:
    callback = Callback("a-token", KEY, "ww-corp")
    moment = int(NOW.timestamp())
    body = callback.seal(TEXT.format(xml.sax.saxutils.escape(words)), "n1", moment)
    asked = {"msg_signature": read_xml(body)["MsgSignature"], "timestamp": str(moment), "nonce": "n1"}
    assert callback.open(asked, body.encode(), NOW)["Content"] == words


def test_an_empty_receive_id_is_a_receive_id() -> None:
    nobody, corp = Callback("a-token", KEY, ""), Callback("a-token", KEY, "ww-corp")
    assert nobody.decrypt(nobody.encrypt("hello")) == "hello"
    with pytest.raises(CallbackError, match="wrong_receive_id"):
        corp.decrypt(nobody.encrypt("hello"))


def test_a_replay_is_refused(callback: Callback) -> None:
    asked, body = sent(callback, TEXT.format("hello"))
    assert callback.open(asked, body, NOW + timedelta(minutes=10))["Content"] == "hello"
    assert callback.open(asked, body, NOW - timedelta(minutes=10))["Content"] == "hello"
    for late in (timedelta(minutes=10, seconds=1), -timedelta(minutes=10, seconds=1)):
        assert refused(callback, asked, body, NOW + late) == ("stale", 403)
    assert Callback("a-token", KEY, "ww-corp", window=timedelta(hours=1)).open(asked, body, NOW + timedelta(minutes=59))


def test_a_naive_now_is_a_bug(callback: Callback) -> None:
    with pytest.raises(ValueError, match="aware"):
        callback.open({}, b"", datetime(2026, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize("timestamp", ["", "soon", "1" * 400, "-1", "１２３"])
def test_a_strange_timestamp_is_refused(callback: Callback, timestamp: str) -> None:
    encrypted = callback.encrypt(TEXT.format("hello"))
    asked = {"msg_signature": signature("a-token", timestamp, "n", encrypted), "timestamp": timestamp, "nonce": "n"}
    assert refused(callback, asked, f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode())[0] in ("stale", "missing_field")


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
def test_a_missing_query_field_is_named(callback: Callback, name: str) -> None:
    asked, body = sent(callback, TEXT.format("hello"))
    del asked[name]
    with pytest.raises(CallbackError, match=f"missing_field: {name}"):
        callback.open(asked, body, NOW)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_xml"),
        (b"\xff\xfe", "bad_xml"),
        (b"{}", "bad_xml"),
        (b"<xml><Encrypt>", "bad_xml"),
        (b"<xml>words only</xml>", "bad_xml"),
        (b"<html><Encrypt>a</Encrypt></html>", "bad_xml"),
        (b'<?xml version="1.0" encoding="gbk"?><xml><Encrypt>\xc4\xe3</Encrypt></xml>', "bad_xml"),
        (b"<xml><ToUserName>a</ToUserName></xml>", "missing_field"),
        (b"<xml><Encrypt/></xml>", "missing_field"),
        (b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>", "missing_field"),
        (b"<xml><Encrypt>!!</Encrypt></xml>", "bad_signature"),
        (b"<!DOCTYPE xml><xml><Encrypt>a</Encrypt></xml>", "bad_xml"),
        (b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>', "bad_xml"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>', "bad_xml"),
        (b"<a>" * 5000 + b"</a>" * 5000, "bad_xml"),
        (b"<xml>" + b"<a/>" * 20000 + b"</xml>", "bad_xml"),
        (b"<xml><Encrypt>" + b"A" * (1 << 20) + b"</Encrypt></xml>", "too_large"),
    ],
)
def test_a_broken_body_is_refused(callback: Callback, body: bytes, code: str) -> None:
    asked, _ = sent(callback, TEXT.format("hello"))
    assert refused(callback, asked, body)[0] == code


def test_a_smaller_cap_can_be_set() -> None:
    small = Callback("a-token", KEY, "ww-corp", max_bytes=100)
    assert refused(small, *sent(small, TEXT.format("hello"))) == ("too_large", 413)


@pytest.mark.parametrize("encrypted", ["!!", "QUJD", "", "A" * 43 + "=", "QUFB" * 32])
def test_bad_ciphertext_with_a_right_signature(callback: Callback, encrypted: str) -> None:
    moment = str(int(NOW.timestamp()))
    asked = {"msg_signature": signature("a-token", moment, "n", encrypted), "timestamp": moment, "nonce": "n"}
    body = f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()
    assert refused(callback, asked, body)[0] in ("bad_ciphertext", "missing_field")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not xml", "bad_xml"),
        ("<xml><CreateTime>1</CreateTime></xml>", "missing_field"),
        ("<xml><MsgType>text</MsgType></xml>", "missing_field"),
        ("<xml><MsgType>event</MsgType><CreateTime>1</CreateTime></xml>", "missing_field"),
        ("<xml><MsgType>event</MsgType><CreateTime>1</CreateTime><Event>kf_msg_or_event</Event></xml>", "missing_field"),
        ('<!DOCTYPE x [<!ENTITY a "ha">]><xml><MsgType>&a;</MsgType><CreateTime>1</CreateTime></xml>', "bad_xml"),
    ],
)
def test_a_broken_inner_message_is_refused(callback: Callback, message: str, code: str) -> None:
    assert refused(callback, *sent(callback, message))[0] == code


def test_a_doctype_in_someones_words_is_only_words(callback: Callback) -> None:
    message = TEXT.format("<![CDATA[<!DOCTYPE x>]]>")
    assert callback.open(*sent(callback, message), NOW)["Content"] == "<!DOCTYPE x>"


@given(st.dictionaries(st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"]), st.text()), st.binary(max_size=200))
def test_rubbish_never_gets_further_than_its_own_error(asked: dict[str, str], body: bytes) -> None:
    callback = Callback("a-token", KEY, "ww-corp")
    with pytest.raises(CallbackError):
        callback.open(asked, body, NOW)
    with pytest.raises(CallbackError):
        callback.verify_url(asked)


@given(st.binary(max_size=128))
def test_any_ciphertext_is_opened_or_refused(sealed: bytes) -> None:
    import base64

    with pytest.raises(CallbackError):
        Callback("a-token", KEY, "ww-corp").decrypt(base64.b64encode(sealed).decode())


def test_two_patients_in_one_second_are_two_events() -> None:
    first = {"FromUserName": "sys", "CreateTime": "1", "MsgType": "event", "Event": "change_external_contact", "ExternalUserID": "wm1"}
    second = first | {"ExternalUserID": "wm2"}
    assert event_key(first) == event_key(dict(first)) != event_key(second)


def test_two_clicks_are_two_and_a_retry_is_one() -> None:
    click = {"MsgType": "event", "Event": "template_card_event", "TaskId": "t", "EventKey": "k", "FromUserName": "lin", "CreateTime": "1"}
    assert event_key(click | {"ResponseCode": "r1"}) == event_key(click | {"ResponseCode": "r1", "CreateTime": "2"})
    assert event_key(click | {"ResponseCode": "r1"}) != event_key(click | {"ResponseCode": "r2"})
    assert event_key(click) != event_key(click | {"FromUserName": "qin"})


def test_two_answers_1_are_two_messages() -> None:
    message = {"MsgType": "text", "FromUserName": "lin", "Content": "1", "CreateTime": "1"}
    assert event_key(message | {"MsgId": "1"}) != event_key(message | {"MsgId": "2"})
    assert len(event_key(message | {"MsgId": "1" * 500})) <= 80
