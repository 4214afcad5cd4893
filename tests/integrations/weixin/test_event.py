"""What callbacks say about a family, in the platform's own forms."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.push import PushReceipt
from integrations.wecom.xml import read_xml
from integrations.weixin.event import Agreed, Declined, Followed, Unfollowed, read_events

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
HEAD = {"ToUserName": "gh_hospital", "FromUserName": "o-zhao", "CreateTime": str(int(AT.timestamp())), "MsgType": "event"}


def events(channel: Any = "official_account", **fields: Any) -> list[Any]:
    return list(read_events(channel, {**HEAD, **fields}))


def block(name: str, *rows: str) -> Any:
    """A block as its XML is read: one row is a dict, several are a list."""
    return read_xml(f"<xml><{name}>{''.join(f'<List>{row}</List>' for row in rows)}</{name}></xml>")[name]


def test_following_and_unfollowing() -> None:
    assert events(Event="subscribe", EventKey="qrscene_1") == [Followed("o-zhao", AT)]
    assert events(Event="unsubscribe") == [Unfollowed("o-zhao", AT)]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("success", None),
        ("failed:user block", "user_blocked"),
        ("failed: user block", "user_blocked"),
        ("failed: system failed", "system_failed"),
        ("failed:freq limit", "system_failed"),
        ("", "system_failed"),
    ],
)
def test_a_template_message_arrived_or_not(status: str, code: str | None) -> None:
    assert events(Event="TEMPLATESENDJOBFINISH", MsgID="3487542469355618313", Status=status) == [
        PushReceipt("official_account", "3487542469355618313", "o-zhao", code is None, code, AT)
    ]


def test_a_report_without_a_number_tells_only_whose_it_is() -> None:
    assert [each.message_id for each in events(Event="TEMPLATESENDJOBFINISH", MsgID="0", Status="success")] == [""]


def test_agreeing_and_refusing_in_the_dialogue() -> None:
    yes = "<TemplateId>tpl-task</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>0</PopupScene>"
    no = "<TemplateId>tpl-survey</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>0</PopupScene>"
    name = "SubscribeMsgPopupEvent"
    assert events("mini_program", Event="subscribe_msg_popup_event", **{name: block(name, yes)}) == [Agreed("o-zhao", "tpl-task", AT)]
    assert events("mini_program", Event="subscribe_msg_popup_event", **{name: block(name, yes, no, yes)}) == [
        Agreed("o-zhao", "tpl-task", AT),
        Declined("o-zhao", "tpl-survey", AT),
        Agreed("o-zhao", "tpl-task", AT),
    ]


def test_switching_off_in_the_settings() -> None:
    name = "SubscribeMsgChangeEvent"
    off = "<TemplateId>tpl-task</TemplateId><SubscribeStatusString>reject</SubscribeStatusString>"
    assert events("mini_program", Event="subscribe_msg_change_event", **{name: block(name, off)}) == [Declined("o-zhao", "tpl-task", AT)]
    assert events(Event="subscribe_msg_change_event", **{name: block(name, off.replace("reject", "accept"))}) == []


def test_a_subscription_message_arrived_or_not() -> None:
    name = "SubscribeMsgSentEvent"
    row = "<TemplateId>tpl</TemplateId><MsgID>2794188253209100289</MsgID><ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus>"
    fields = {"Event": "subscribe_msg_sent_event", name: block(name, row, row.replace("<ErrorCode>0", "<ErrorCode>1"))}
    assert [(each.message_id, each.delivered, each.code) for each in events("mini_program", **fields)] == [
        ("2794188253209100289", True, None),
        ("2794188253209100289", False, "system_failed"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"MsgType": "text", "Content": "你好"},
        {"Event": "CLICK", "EventKey": "menu"},
        {"Event": "subscribe_msg_popup_event"},
        {"Event": "subscribe_msg_popup_event", "SubscribeMsgPopupEvent": ""},
        {"Event": "subscribe_msg_popup_event", "SubscribeMsgPopupEvent": {"List": [{"TemplateId": ""}, "x"]}},
        {"Event": "subscribe", "FromUserName": ""},
        {"Event": "subscribe", "CreateTime": "soon"},
        {"Event": {"x": "y"}},
    ],
)
def test_what_is_not_ours_to_know_says_nothing(fields: dict[str, Any]) -> None:
    assert events(**fields) == []
