from collections.abc import Callable
from typing import Any

import pytest

from integrations.wecom import app_message, card
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from tests.integrations.wecom.fake import OK, FakeWecom, Status

ACTION = card.open_url("https://console.example.cn/alerts/7")
TITLE = card.title("高热惊厥？", "赵宝宝 89天")


def alert(**more: Any) -> dict[str, Any]:
    pieces: dict[str, Any] = {
        "main_title": TITLE,
        "button_list": [card.button("我来处理", "claim:7"), card.link_button("打开聊天", "https://console.example.cn/chats/7")],
        "task_id": "alert_7@1",
        "horizontal_content_list": [
            card.row("家长", "赵妈妈"),
            card.row("责任护士", "林护士", userid="lin"),
            card.row("病历", "看", url="https://a.cn"),
        ],
    }
    return card.button_interaction(**(pieces | more))


async def test_an_alert_card_goes_out_and_its_code_comes_back(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("message/send", OK | {"invaliduser": "qin", "msgid": "m1", "response_code": "r1"})
    sent = await app_message.send(client, 7, app_message.template_card(alert()), touser=["lin", "Qin"], duplicate_check=600)
    assert (sent.response_code, sent.msgid, sent.reached(["lin", "Qin"])) == ("r1", "m1", ("lin",))
    body = wecom.asked_for("message/send")[0].body
    assert (body["touser"], body["agentid"], body["enable_duplicate_check"], body["duplicate_check_interval"]) == ("lin|Qin", 7, 1, 600)
    assert body["template_card"]["button_list"][0] == {"text": "我来处理", "key": "claim:7", "style": 1, "type": 0}
    assert "toparty" not in body


async def test_a_lost_alert_is_repeated_only_under_the_duplicate_check(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("message/send", Status(502), OK | {"msgid": "m1"})
    with pytest.raises(WecomError, match="unknown_outcome"):
        await app_message.send(client, 7, app_message.text("请看"), touser=["lin"])
    wecom.answer("message/send", Status(502), OK | {"msgid": "m1"})
    assert (await app_message.send(client, 7, app_message.text("请看"), touser=["lin"], duplicate_check=600)).msgid == "m1"


async def test_all_recipients_refused_is_an_error(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("message/send", {"errcode": 81013, "errmsg": ""})
    with pytest.raises(WecomError) as caught:
        await app_message.send(client, 7, app_message.text("请看"), touser=["nobody"])
    assert (caught.value.code, caught.value.permanent) == ("no_recipient", True)


async def test_a_claimed_alert_is_replaced_for_everyone(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("message/update_template_card", OK | {"invaliduser": ["qin"]})
    assert await app_message.update_template_card(client, 7, "r2", replace_name="林护士已接手", userids=["lin", "qin"]) == ("qin",)
    new = card.text_notice(main_title=TITLE, card_action=ACTION)
    await app_message.update_template_card(client, 7, "r3", card=new, userids=["lin"], enable_id_trans=True)
    first, second = (asked.body for asked in wecom.asked_for("message/update_template_card"))
    assert first["button"] == {"replace_name": "林护士已接手"} and "template_card" not in first
    assert second["template_card"] == new and second["enable_id_trans"] == 1
    with pytest.raises(WecomError, match="bad_request"):
        await app_message.update_template_card(client, 7, "r4", userids=["lin"])


def test_the_five_types() -> None:
    options, submit = {"a": "轻", "b": "重"}, card.submit_button("提交", "s")
    cards = [
        card.text_notice(main_title=TITLE, card_action=ACTION),
        card.text_notice(sub_title_text="只有一行", card_action=ACTION),
        card.news_notice(main_title=TITLE, card_image={"url": "https://a.cn/1.png"}, card_action=ACTION),
        alert(button_selection=card.selection("level", "分级", options, "b")),
        card.vote_interaction(
            main_title=TITLE,
            checkbox=card.checkbox("q", options, checked=["a"]),
            submit_button=card.submit_button("提交", "s"),
            task_id="t",
        ),
        card.multiple_interaction(main_title=TITLE, select_list=[card.selection("q", "分级", options)], submit_button=submit, task_id="t"),
    ]
    assert [each["card_type"] for each in cards] == [
        "text_notice",
        "text_notice",
        "news_notice",
        "button_interaction",
        "vote_interaction",
        "multiple_interaction",
    ]
    assert cards[4]["checkbox"]["option_list"][0] == {"id": "a", "text": "轻", "is_checked": True}


def many(count: int) -> dict[str, str]:
    return {f"o{number}": "选项" for number in range(count)}


def vote(options: dict[str, str]) -> dict[str, Any]:
    submit = card.submit_button("提交", "s")
    return card.vote_interaction(main_title=TITLE, checkbox=card.checkbox("q", options), submit_button=submit, task_id="t")


def test_the_largest_lawful_lists() -> None:
    assert alert(button_list=[card.button("好", f"k{number}") for number in range(6)], task_id="t" * 128)
    assert vote(many(20))
    assert alert(horizontal_content_list=[card.row("a", "b")] * 6)


@pytest.mark.parametrize(
    "build",
    [
        lambda: alert(button_list=[card.button("好", f"k{number}") for number in range(7)]),
        lambda: alert(button_list=[card.button("好", "same"), card.button("不", "same")]),
        lambda: alert(button_list=[card.button("", "k")]),
        lambda: alert(button_list=[card.button("好", "")]),
        lambda: alert(button_list=[card.button("好", "k", style=5)]),
        lambda: alert(button_list=[card.link_button("好", "a.cn")]),
        lambda: alert(button_list=[card.button("好", "长" * 342)]),
        lambda: alert(button_list=[]),
        lambda: alert(task_id="t" * 129),
        lambda: alert(task_id="alert:7"),
        lambda: alert(task_id=""),
        lambda: alert(main_title={}),
        lambda: alert(main_title={"title": ""}),
        lambda: alert(horizontal_content_list=[card.row("a", "b")] * 7),
        lambda: alert(vertical_content_list=[{"title": "a"}] * 5),
        lambda: alert(jump_list=[{"type": 0, "title": "a"}] * 4),
        lambda: alert(button_selection=card.selection("q", "t", many(11))),
        lambda: alert(button_selection=card.selection("q", "t", {"a": "b"}, "c")),
        lambda: card.text_notice(card_action=ACTION),
        lambda: card.text_notice(main_title=TITLE),
        lambda: card.text_notice(main_title=TITLE, card_action={"type": 1}),
        lambda: card.text_notice(main_title=TITLE, card_action={"type": 3}),
        lambda: card.text_notice(main_title=TITLE, card_action=ACTION, action_menu={"action_list": [{"text": "a", "key": "k"}]}),
        lambda: card.news_notice(main_title={"desc": "d"}, card_image={"url": "u"}, card_action=ACTION),
        lambda: card.news_notice(main_title=TITLE, card_action=ACTION),
        lambda: vote(many(21)),
        lambda: vote({}),
        lambda: vote({"长" * 43: "a"}),
        lambda: card.multiple_interaction(
            main_title=TITLE,
            select_list=[card.selection(f"q{number}", "t", {"a": "b"}) for number in range(4)],
            submit_button=card.submit_button("提交", "s"),
            task_id="t",
        ),
        lambda: card.check_card({"card_type": "hologram"}),
        lambda: card.check_card({}),
    ],
)
def test_a_bad_card_is_refused_here(build: Callable[[], Any]) -> None:
    with pytest.raises(WecomError) as caught:
        build()
    assert caught.value.code in ("bad_request", "too_large") and caught.value.permanent


def test_text_messages_keep_their_limits() -> None:
    assert app_message.textcard("题", "文", "https://a.cn", "看详情")["textcard"]["btntxt"] == "看详情"
    builds: list[Callable[[], Any]] = [
        lambda: app_message.text("好" * 683),
        lambda: app_message.markdown("好" * 683),
        lambda: app_message.textcard("题" * 43, "文", "https://a.cn"),
        lambda: app_message.textcard("题", "文" * 171, "https://a.cn"),
        lambda: app_message.textcard("题", "文", "a.cn"),
        lambda: app_message.textcard("题", "文", "https://a.cn", "五个字的钮"),
    ]
    for build in builds:
        with pytest.raises(WecomError, match=r"bad_request|too_large"):
            build()


async def test_nobody_to_send_to_is_a_bug(client: WecomClient, wecom: FakeWecom) -> None:
    for touser, toparty in (([], []), (["u"] * 1001, []), ([], ["1"] * 101)):
        with pytest.raises(WecomError, match="bad_request"):
            await app_message.send(client, 7, app_message.text("请看"), touser=touser, toparty=toparty)
    assert wecom.asked_for("message/send") == []
