from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.wecom import corp_tag, external_contact, kf, mass_message, outbound
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from tests.integrations.wecom.fake import OK, FakeWecom

LINK = "https://work.weixin.qq.com/kf/kfc123?enc_scene=ENCabc"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_an_empty_page_may_have_more_behind_it(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/sync_msg", OK | {"next_cursor": "c1", "has_more": 1, "msg_list": []}, OK | {"next_cursor": "c2", "has_more": 0})
    first = await kf.sync_msg(client, "wk1", token="t")
    second = await kf.sync_msg(client, "wk1", cursor=first.next_cursor)
    assert (first.items, first.has_more, second.items, second.has_more, second.next_cursor) == ((), True, (), False, "c2")
    bodies = [asked.body for asked in wecom.asked_for("kf/sync_msg")]
    assert bodies[0] == {"open_kfid": "wk1", "limit": 1000, "voice_format": 0, "token": "t"}
    assert bodies[1] == {"open_kfid": "wk1", "limit": 1000, "voice_format": 0, "cursor": "c1"}


async def test_more_without_a_cursor_would_go_round_for_ever(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/sync_msg", OK | {"has_more": 1, "msg_list": []})
    with pytest.raises(WecomError, match="garbage_reply"):
        await kf.sync_msg(client, "wk1")


async def test_one_broken_item_does_not_lose_the_page(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/sync_msg", OK | {"next_cursor": "c", "has_more": 0, "msg_list": [None, {"msgid": "m2"}, "x"]})
    assert (await kf.sync_msg(client, "wk1")).items == (None, {"msgid": "m2"}, "x")


async def test_an_old_callback_token_is_told_apart(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/sync_msg", {"errcode": 95007, "errmsg": "invalid msg token"})
    with pytest.raises(WecomError) as caught:
        await kf.sync_msg(client, "wk1", token="old")
    assert (caught.value.code, caught.value.permanent) == ("sync_token_stale", False)


async def test_session_is_read_and_moved(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/service_state/get", OK | {"service_state": 3, "servicer_userid": "lin"}, OK | {"service_state": 1})
    assert await kf.service_state_get(client, "wk1", "wm1") == kf.SessionState(service_state=kf.HUMAN, servicer_userid="lin")
    assert (await kf.service_state_get(client, "wk1", "wm1")).servicer_userid is None
    assert await kf.service_state_trans(client, "wk1", "wm1", kf.ENDED) is None
    wecom.answer("kf/service_state/trans", {"errcode": 95016, "errmsg": ""}, {"errcode": 95019, "errmsg": ""})
    for code in ("session_state", "servicer_unavailable"):
        with pytest.raises(WecomError, match=code):
            await kf.service_state_trans(client, "wk1", "wm1", kf.HUMAN, "lin")


async def test_a_reply_of_the_wrong_shape_is_garbage_and_keeps_values_out(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/customer/batchget", OK | {"customer_list": [{"nickname": ["赵妈妈"]}]})
    with pytest.raises(WecomError) as caught:
        await kf.customer_batchget(client, ["wm1"])
    assert caught.value.code == "garbage_reply" and "external_userid" in caught.value.detail
    assert "赵妈妈" not in str(caught.value) and caught.value.__suppress_context__


async def test_a_missing_rate_is_not_zero(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/get_corp_statistic", OK | {"statistic_list": [{"stat_time": 1645545600, "statistic": {"session_cnt": 0}}]})
    (day,) = await kf.get_corp_statistic(client, "wk1", NOW - timedelta(days=2), NOW - timedelta(days=1))
    assert "ai_transfer_rate" not in day.statistic and day.statistic["session_cnt"] == 0


def test_a_link_carries_its_parameter_and_nothing_else_changes() -> None:
    url = kf.contact_link(LINK, "赴诊&7 +/=")
    assert url.startswith(LINK + "&scene_param=")
    assert parse_qs(urlsplit(url).query)["scene_param"] == ["赴诊&7 +/="]
    assert kf.contact_link(LINK, "好" * 42)


@pytest.mark.parametrize(
    ("url", "value"), [(LINK, ""), (LINK, "好" * 43), (LINK + "#x", "a"), (LINK + "&scene_param=a", "b"), (LINK.split("?")[0], "a")]
)
def test_an_unlawful_link_is_refused(url: str, value: str) -> None:
    with pytest.raises(WecomError, match="bad_request"):
        kf.contact_link(url, value)


async def test_the_rest_of_kf_asks_as_documented(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/add_contact_way", OK | {"url": LINK})
    assert await kf.add_contact_way(client, "wk1", "er_qr-1") == LINK
    config = OK | {"member_range": {"userid_list": ["lin"]}, "groupchat_range": {"chat_id_list": ["wr1"]}}
    wecom.answer("kf/customer/get_upgrade_service_config", config)
    targets = await kf.get_upgrade_service_config(client)
    assert (targets.member_range.userid_list, targets.groupchat_range.chat_id_list) == (("lin",), ("wr1",))
    await kf.account_update(client, "wk1", name="儿科随访")
    await kf.account_del(client, "wk1")
    await kf.servicer_del(client, "wk1", userids=["lin"])
    await kf.upgrade_to_member(client, "wk1", "wm1", "lin", "您好")
    await kf.upgrade_to_groupchat(client, "wk1", "wm1", "wr1")
    await kf.cancel_upgrade_service(client, "wk1", "wm1")
    asked = [(each.path, each.body) for each in wecom.asked if each.method == "POST"]
    assert asked == [
        ("kf/add_contact_way", {"open_kfid": "wk1", "scene": "er_qr-1"}),
        ("kf/account/update", {"open_kfid": "wk1", "name": "儿科随访"}),
        ("kf/account/del", {"open_kfid": "wk1"}),
        ("kf/servicer/del", {"open_kfid": "wk1", "userid_list": ["lin"]}),
        (
            "kf/customer/upgrade_service",
            {"open_kfid": "wk1", "external_userid": "wm1", "type": 1, "member": {"userid": "lin", "wording": "您好"}},
        ),
        (
            "kf/customer/upgrade_service",
            {"open_kfid": "wk1", "external_userid": "wm1", "type": 2, "groupchat": {"chat_id": "wr1", "wording": ""}},
        ),
        ("kf/customer/cancel_upgrade_service", {"open_kfid": "wk1", "external_userid": "wm1"}),
    ]


async def test_groups_and_tags_of_a_mass_send(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("externalcontact/add_msg_template", OK | {"msgid": "g1"})
    await mass_message.add_msg_template(client, tag_groups=[["et1", "et2"], ["et3"]], text="请复诊", allow_select=False)
    await mass_message.add_msg_template(client, chat_ids=["wr1"], sender="lin", text="请复诊")
    first, second = (each.body for each in wecom.asked_for("externalcontact/add_msg_template"))
    assert first["tag_filter"] == {"group_list": [{"tag_list": ["et1", "et2"]}, {"tag_list": ["et3"]}]} and first["allow_select"] is False
    assert (second["chat_type"], second["chat_id_list"], second["sender"]) == ("group", ["wr1"], "lin")
    await mass_message.remind_groupmsg_send(client, "g1")
    await mass_message.cancel_groupmsg_send(client, "g1")
    assert [each.body for each in wecom.asked[-2:]] == [{"msgid": "g1"}, {"msgid": "g1"}]


async def test_members_and_their_friends(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("externalcontact/get_follow_user_list", OK | {"follow_user": ["lin"]})
    wecom.answer("externalcontact/list", OK | {"external_userid": ["wm1", "wm2"]})
    wecom.answer("externalcontact/mark_tag", {"errcode": 84061, "errmsg": "not external contact"})
    assert await external_contact.get_follow_user_list(client) == ("lin",)
    assert await external_contact.list_by_user(client, "lin") == ("wm1", "wm2")
    with pytest.raises(WecomError) as caught:
        await corp_tag.mark_tag(client, "lin", "wm3", add=["et1"])
    assert (caught.value.code, caught.value.permanent) == ("not_a_friend", True)


REFUSED: list[Callable[[WecomClient], Awaitable[Any]]] = [
    lambda c: kf.account_add(c, "", "m"),
    lambda c: kf.account_add(c, "十七个字的名字十七个字的名字十七个", "m"),
    lambda c: kf.account_update(c, "wk1", name=""),
    lambda c: kf.add_contact_way(c, "wk1", "急诊"),
    lambda c: kf.add_contact_way(c, "wk1", "a" * 33),
    lambda c: kf.servicer_add(c, "wk1"),
    lambda c: kf.servicer_add(c, "wk1", userids=["u"] * 101),
    lambda c: kf.sync_msg(c, "wk1", limit=1001),
    lambda c: kf.send_msg(c, "wm1", "wk1", outbound.text("a"), msgid="m:1"),
    lambda c: kf.send_msg(c, "wm1", "wk1", outbound.text("a"), msgid="m" * 33),
    lambda c: kf.send_msg_on_event(c, "code", outbound.image("m1")),
    lambda c: kf.service_state_trans(c, "wk1", "wm1", kf.HUMAN),
    lambda c: kf.service_state_trans(c, "wk1", "wm1", kf.POOL, "lin"),
    lambda c: kf.service_state_trans(c, "wk1", "wm1", 5),
    lambda c: kf.customer_batchget(c, []),
    lambda c: kf.get_corp_statistic(c, "wk1", NOW, NOW + timedelta(days=33)),
    lambda c: external_contact.batch_get_by_user(c, []),
    lambda c: external_contact.remark(c, "lin", "wm1", remark="长" * 21),
    lambda c: external_contact.remark(c, "lin", "wm1", remark_mobiles=["1"] * 6),
    lambda c: corp_tag.add_corp_tag(c, []),
    lambda c: corp_tag.add_corp_tag(c, [("长" * 31, 1)], group_id="g"),
    lambda c: corp_tag.edit_corp_tag(c, "et1", name=""),
    lambda c: corp_tag.del_corp_tag(c),
    lambda c: corp_tag.mark_tag(c, "lin", "wm1"),
    lambda c: mass_message.send_welcome_msg(c, "code"),
    lambda c: mass_message.send_welcome_msg(c, "code", text="好" * 1334),
    lambda c: mass_message.add_msg_template(c, text="a"),
    lambda c: mass_message.add_msg_template(c, chat_ids=["wr1"], text="a"),
    lambda c: mass_message.add_msg_template(c, external_userids=["wm"] * 10_001, text="a"),
    lambda c: mass_message.add_msg_template(c, sender="lin", attachments=[{}] * 10),
]


@pytest.mark.parametrize("call", REFUSED)
async def test_what_wecom_would_refuse_costs_no_call(
    client: WecomClient, wecom: FakeWecom, call: Callable[[WecomClient], Awaitable[Any]]
) -> None:
    with pytest.raises(WecomError) as caught:
        await call(client)
    assert caught.value.code in ("bad_request", "too_large") and caught.value.permanent
    assert wecom.asked == []
