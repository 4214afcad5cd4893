from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wecom.inbound import EVENTS, MSGTYPES, Inbound, InboundError, parse_item

ITEM = {"msgid": "m1", "open_kfid": "wk1", "external_userid": "wm1", "send_time": 1772323200, "origin": 3}
EVENT = {"msgid": "m1", "send_time": 1772323200, "origin": 4, "msgtype": "event"}
BODIES: dict[str, dict[str, Any]] = {
    "text": {"content": "38度5"},
    "image": {"media_id": "x"},
    "voice": {"media_id": "x"},
    "video": {"media_id": "x"},
    "file": {"media_id": "x"},
    "location": {"latitude": 23.1, "longitude": 113.3, "name": "医院", "address": ""},
    "link": {"title": "t", "desc": "", "url": "https://a.b", "pic_url": ""},
    "business_card": {"userid": "lin"},
    "miniprogram": {"title": "t", "appid": "wx1", "pagepath": "p", "thumb_media_id": "x"},
    "msgmenu": {"head_content": "h", "list": [], "tail_content": ""},
    "channels_shop_product": {"product_id": "p"},
    "channels_shop_order": {"order_id": "o"},
    "merged_msg": {"title": "t", "item": [{"send_time": 1, "msgtype": "text", "sender_name": "s", "msg_content": "{}"}]},
    "channels": {"sub_type": 1, "nickname": "n", "title": "t"},
    "meeting": {},
    "schedule": {},
    "note": {},
}
EVENT_BODIES: dict[str, dict[str, Any]] = {
    "enter_session": {"external_userid": "wm1", "scene": "er", "scene_param": "visit7", "welcome_code": "w"},
    "msg_send_fail": {"external_userid": "wm1", "fail_msgid": "m0", "fail_type": 6},
    "servicer_status_change": {"servicer_userid": "lin", "status": 1, "stop_type": 0},
    "session_status_change": {"external_userid": "wm1", "change_type": 1, "new_servicer_userid": "lin", "msg_code": "c"},
    "user_recall_msg": {"external_userid": "wm1", "recall_msgid": "m0"},
    "servicer_recall_msg": {"external_userid": "wm1", "recall_msgid": "m0", "servicer_userid": "lin"},
    "reject_customer_msg_switch_change": {"external_userid": "wm1", "servicer_userid": "lin", "reject_switch": 1},
}


def message(msgtype: str, body: Any, **more: Any) -> dict[str, Any]:
    return {**ITEM, "msgtype": msgtype, msgtype: body, **more}


def event(event_type: str, **body: Any) -> dict[str, Any]:
    return {**EVENT, "event": {"event_type": event_type, "open_kfid": "wk1", **body}}


def test_every_documented_kind_has_an_example() -> None:
    assert set(BODIES) == set(MSGTYPES) and set(EVENT_BODIES) == set(EVENTS)


@pytest.mark.parametrize("msgtype", MSGTYPES)
def test_a_documented_message_is_known(msgtype: str) -> None:
    raw = message(msgtype, BODIES[msgtype])
    item = parse_item(raw)
    assert (item.msgid, item.open_kfid, item.external_userid, item.origin) == ("m1", "wk1", "wm1", 3)
    assert item.known and item.raw is raw and item.body == BODIES[msgtype]
    assert item.send_time.isoformat() == "2026-03-01T00:00:00+00:00"
    assert item.media_id == BODIES[msgtype].get("media_id")
    assert item.text == BODIES[msgtype].get("content")


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_has_its_ids_inside(event_type: str) -> None:
    body = EVENT_BODIES[event_type]
    item = parse_item(event(event_type, **body))
    assert (item.open_kfid, item.external_userid) == ("wk1", body.get("external_userid"))
    assert (item.event_type, item.known, item.servicer_userid) == (event_type, True, body.get("servicer_userid"))
    assert body.items() <= item.body.items()
    assert (item.text, item.menu_id, item.media_id) == (None, None, None)


def test_a_menu_tap_is_a_text_with_its_menu_id() -> None:
    assert parse_item(message("text", {"content": "好", "menu_id": "task_7"})).menu_id == "task_7"
    assert parse_item(message("text", {"content": "好", "menu_id": ""})).menu_id is None


def test_a_nurses_words_are_hers() -> None:
    item = parse_item(message("text", {"content": "马上来"}, origin=5, servicer_userid="lin"))
    assert (item.origin, item.servicer_userid, item.text) == (5, "lin", "马上来")


@pytest.mark.parametrize(
    "raw",
    [
        message("hologram", {"beam": 1}),
        message("text", {"content": ""}),
        message("text", {"content": 385}),
        message("text", None),
        {**ITEM, "msgtype": "text"},
        message("image", {}),
        message("image", {"media_id": ""}),
        event("teleported", external_userid="wm1"),
        {**EVENT, "event": {"open_kfid": "wk1"}},
        event("msg_send_fail", external_userid="wm1"),
    ],
)
def test_what_the_documents_do_not_have_is_kept_as_unknown(raw: dict[str, Any]) -> None:
    item = parse_item(raw)
    assert not item.known and item.raw is raw and not item.text


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, "item"),
        ([], "item"),
        ("text", "item"),
        ({}, "msgtype"),
        (message("text", {"content": "hi"}, msgid=""), "msgid"),
        (message("text", {"content": "hi"}, msgid=7), "msgid"),
        (message("text", {"content": "hi"}, open_kfid=None), "open_kfid"),
        (message("text", {"content": "hi"}, external_userid=None), "external_userid"),
        (message("text", {"content": "hi"}, origin=None), "origin"),
        (message("text", {"content": "hi"}, origin=True), "origin"),
        (message("text", {"content": "hi"}, send_time="now"), "send_time"),
        (message("text", {"content": "hi"}, send_time=0), "send_time"),
        (message("text", {"content": "hi"}, send_time=10**30), "send_time"),
        ({**ITEM, "msgtype": ["text"]}, "msgtype"),
        ({**EVENT, "event": {"event_type": "enter_session", "external_userid": "wm1"}}, "open_kfid"),
        ({**EVENT, "event": None}, "open_kfid"),
    ],
)
def test_a_broken_item_is_named_and_kept(raw: Any, field: str) -> None:
    with pytest.raises(InboundError) as caught:
        parse_item(raw)
    assert (caught.value.field, caught.value.permanent) == (field, True)
    assert caught.value.raw is raw
    assert "hi" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from([*ITEM, "msgtype", "servicer_userid", "event", *MSGTYPES])
bodies = st.dictionaries(st.sampled_from(["content", "media_id", "event_type", "open_kfid", "external_userid", "fail_msgid"]), json_values)


@given(st.dictionaries(fields, json_values | bodies | st.sampled_from([*MSGTYPES, "event"])), st.booleans())
def test_any_item_is_parsed_or_refused_with_its_raw(raw: dict[str, Any], whole: bool) -> None:
    item = {**message("text", {"content": "hi"}), **raw} if whole else raw
    try:
        parsed = parse_item(item)
    except InboundError as error:
        assert error.raw is item
    else:
        assert isinstance(parsed, Inbound) and parsed.raw is item and parsed.send_time.tzinfo is not None
