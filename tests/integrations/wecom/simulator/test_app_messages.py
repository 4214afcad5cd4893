"""Application messages and template cards."""

import pytest

LIN, QIN, HE = "linyue", "qinlan", "hemin"
AGENT = 1000002


def text(to="linyue", content="新预警", **more):
    return {"touser": to, "msgtype": "text", "agentid": AGENT, "text": {"content": content}, **more}


def alert(task_id="alert-1", **more):
    buttons = [{"text": "我来处理", "style": 1, "key": "claim"}, {"text": "转值班", "style": 2, "key": "pass"}]
    card = {"card_type": "button_interaction", "main_title": {"title": "高热预警"}, "task_id": task_id, "button_list": buttons}
    return {"touser": f"{LIN}|{QIN}", "msgtype": "template_card", "agentid": AGENT, "template_card": {**card, **more}}


def vote(mode, task_id="vote-1"):
    options = [{"id": "cough", "text": "咳嗽"}, {"id": "fever", "text": "发热"}]
    return {
        "touser": LIN,
        "msgtype": "template_card",
        "agentid": AGENT,
        "template_card": {
            "card_type": "vote_interaction",
            "main_title": {"title": "哪些症状？"},
            "task_id": task_id,
            "checkbox": {"question_key": "symptoms", "mode": mode, "option_list": options},
            "submit_button": {"text": "提交", "key": "submit"},
        },
    }


async def inbox(corp, userid):
    return await corp.control("GET", f"members/{userid}/messages")


async def click(corp, userid, task_id, key, *, status=200, **more):
    return await corp.control("POST", f"members/{userid}/cards/{task_id}/click", {"key": key, **more}, status=status)


async def update(corp, code, *, errcode=0, **more):
    body = {"userids": [LIN, QIN], "agentid": AGENT, "response_code": code, **more}
    return await corp.call("message/update_template_card", body, errcode=errcode)


async def test_some_wrong_names_are_only_listed(corp):
    answer = await corp.call("message/send", text(to="linyue|Nobody|LINYUE"))
    assert answer["invaliduser"] == "nobody"
    assert [m["text"]["content"] for m in await inbox(corp, LIN)] == ["新预警"]
    await corp.call("message/send", text(to="nobody|noone"), errcode=81013)
    await corp.call("message/send", text(to=""), errcode=82001)
    await corp.call("message/send", text(to="|".join(["linyue"] * 1001)), errcode=40032)


async def test_departments_tags_and_everyone(corp):
    await corp.call("message/send", {**text(to=""), "toparty": "2|99"})
    await corp.call("message/send", {**text(to=""), "totag": "1"})
    await corp.call("message/send", text(to="@all"))
    counts = {userid: len(await inbox(corp, userid)) for userid in (LIN, QIN, "luqi", "dingkai")}
    assert counts == {LIN: 3, QIN: 2, "luqi": 2, "dingkai": 1}


async def test_over_thirty_a_minute_is_dropped_without_a_word(corp):
    for n in range(32):
        await corp.call("message/send", text(content=f"第{n}条"))
    assert len(await inbox(corp, LIN)) == 30
    dropped = [m["dropped"] for m in (await corp.control("GET", "ledger"))["app_messages"]]
    assert dropped.count([LIN]) == 2
    await corp.pass_time(61)
    await corp.call("message/send", text(content="又能收到"))
    assert len(await inbox(corp, LIN)) == 31


async def test_the_same_request_again_is_not_delivered_within_the_interval(corp):
    body = text(enable_duplicate_check=1, duplicate_check_interval=600)
    first = await corp.call("message/send", body)
    assert (await corp.call("message/send", body))["msgid"] == first["msgid"]
    await corp.call("message/send", {**body, "text": {"content": "另一条"}})
    assert len(await inbox(corp, LIN)) == 2
    await corp.pass_time(601)
    await corp.call("message/send", body)
    assert len(await inbox(corp, LIN)) == 3


@pytest.mark.parametrize(
    ("message", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": "热" * 683}}, 45002),
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 2049}}, 45002),
        ({"msgtype": "postcard"}, 40008),
        ({"msgtype": "textcard", "textcard": {"title": "t", "url": "https://a.cn"}}, 41033),
        ({"msgtype": "textcard", "textcard": {"description": "t", "url": "https://a.cn"}}, 41016),
        ({"msgtype": "textcard", "textcard": {"title": "t", "description": "d", "url": "a.cn"}}, 45034),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "https://a.cn"}] * 9}}, 45008),
        ({"msgtype": "file", "file": {"media_id": "gone"}}, 40007),
        ({"msgtype": "template_card", "template_card": {}}, 41016),
        ({"msgtype": "text", "text": {"content": "x"}, "safe": "0"}, 40058),
        ({"msgtype": "text", "text": {"content": "x"}, "urgent": 1}, 40058),
    ],
)
async def test_wrong_messages_get_the_right_code(corp, message, errcode):
    await corp.call("message/send", {"touser": LIN, "agentid": AGENT, **message}, errcode=errcode)
    assert await inbox(corp, LIN) == []


async def test_every_other_type_arrives(corp, png):
    picture = (await corp.upload(png))["media_id"]
    voice = (await corp.upload(b"#!AMR\n" + bytes(20), "voice", "a.amr"))["media_id"]
    article = {"title": "t", "thumb_media_id": picture, "content": "c"}
    bodies = {
        "markdown": {"content": "**注意**"},
        "image": {"media_id": picture},
        "voice": {"media_id": voice},
        "textcard": {"title": "题" * 60, "description": "d", "url": "https://a.cn", "btntxt": "查看详细情况"},
        "news": {"articles": [{"title": "t", "url": "https://a.cn"}]},
        "mpnews": {"articles": [article]},
        "miniprogram_notice": {"appid": "wx1", "title": "随访", "content_item": [{"key": "时间", "value": "今天"}]},
    }
    for msgtype, body in bodies.items():
        await corp.call("message/send", {"touser": LIN, "agentid": AGENT, "msgtype": msgtype, msgtype: body})
    seen = await inbox(corp, LIN)
    assert [m["msgtype"] for m in seen] == list(bodies)
    shown = next(m["textcard"] for m in seen if m["msgtype"] == "textcard")
    assert len(shown["title"].encode()) <= 128
    assert shown["btntxt"] == "查看详细"


async def test_a_message_can_be_recalled_for_a_day(corp):
    first = await corp.call("message/send", text(content="一"))
    second = await corp.call("message/send", text(content="二"))
    await corp.call("message/recall", {"msgid": first["msgid"]})
    await corp.pass_time(86401)
    await corp.call("message/recall", {"msgid": second["msgid"]}, errcode=42052)
    await corp.call("message/recall", {"msgid": "unknown"}, errcode=40058)
    assert [m["status"] for m in await inbox(corp, LIN)] == ["recalled", "sent"]


async def test_a_click_comes_back_and_the_claim_shows_on_every_card(corp):
    sent = await corp.call("message/send", alert())
    assert sent["response_code"]
    await click(corp, LIN, "alert-1", "claim")
    (event,) = await corp.delivered()
    assert {key: event[key] for key in ("Event", "FromUserName", "EventKey", "TaskId", "CardType", "AgentID")} == {
        "Event": "template_card_event",
        "FromUserName": LIN,
        "EventKey": "claim",
        "TaskId": "alert-1",
        "CardType": "button_interaction",
        "AgentID": str(AGENT),
    }
    assert event["ResponseCode"] != sent["response_code"]
    await update(corp, event["ResponseCode"], button={"replace_name": "林悦已处理"})
    for userid in (LIN, QIN):
        (card,) = await inbox(corp, userid)
        assert card["template_card"]["button_list"] == [{"text": "林悦已处理", "disabled": True}]
        assert card["card_state"]["disabled"]
    await click(corp, QIN, "alert-1", "claim", status=409)


async def test_a_response_code_updates_once_within_72_hours(corp):
    code = (await corp.call("message/send", alert()))["response_code"]
    assert (await update(corp, code, button={"replace_name": "已处理"}, userids=[LIN, HE, "nobody"]))["invaliduser"] == ["nobody", HE]
    await update(corp, code, button={"replace_name": "再改"}, errcode=40058)
    second = (await click(corp, QIN, "alert-1", "claim"))["response_code"]
    third = (await click(corp, QIN, "alert-1", "pass"))["response_code"]
    assert second != third
    await corp.pass_time(72 * 3600 + 1)
    await update(corp, second, button={"replace_name": "太晚"}, errcode=40058)
    await update(corp, "made-up", button={"replace_name": "x"}, errcode=40058)


async def test_a_whole_card_can_be_replaced(corp):
    code = (await corp.call("message/send", alert()))["response_code"]
    notice = {"card_type": "text_notice", "main_title": {"title": "已结案"}, "card_action": {"type": 1, "url": "https://a.cn"}}
    await update(corp, code, template_card={**notice, "task_id": "other"}, errcode=42016)
    await update(corp, code, template_card=notice)
    assert (await inbox(corp, QIN))[0]["template_card"]["main_title"] == {"title": "已结案"}


async def test_a_task_id_is_good_once_in_an_app(corp):
    await corp.call("message/send", alert())
    await corp.call("message/send", alert(), errcode=42014)
    await corp.call("message/send", alert("alert-2"))


@pytest.mark.parametrize("chosen", [["cough"], ["cough", "fever"]])
async def test_one_choice_and_several_come_in_one_shape_of_xml(corp, chosen):
    await corp.call("message/send", vote(1))
    await click(corp, LIN, "vote-1", "submit", selected={"symptoms": chosen})
    (event,) = await corp.delivered()
    item = event["SelectedItems"]["SelectedItem"]
    assert item["QuestionKey"] == "symptoms"
    assert item["OptionIds"]["OptionId"] == (chosen[0] if len(chosen) == 1 else chosen)


async def test_several_questions_make_several_items(corp):
    selectors = [
        {"question_key": key, "title": key, "option_list": [{"id": "1", "text": "一"}, {"id": "2", "text": "二"}]}
        for key in ("ward", "shift")
    ]
    card = {
        "card_type": "multiple_interaction",
        "main_title": {"title": "排班"},
        "task_id": "plan-1",
        "select_list": selectors,
        "submit_button": {"text": "提交", "key": "go"},
    }
    await corp.call("message/send", {"touser": LIN, "agentid": AGENT, "msgtype": "template_card", "template_card": card})
    await click(corp, LIN, "plan-1", "go", selected={"ward": ["1"], "shift": ["2"]})
    (event,) = await corp.delivered()
    assert [item["QuestionKey"] for item in event["SelectedItems"]["SelectedItem"]] == ["ward", "shift"]


async def test_only_what_the_card_offers_can_be_chosen(corp):
    await corp.call("message/send", vote(0))
    await click(corp, LIN, "vote-1", "other", status=404)
    await click(corp, LIN, "vote-1", "submit", selected={"symptoms": ["rash"]}, status=400)
    await click(corp, LIN, "vote-1", "submit", selected={"symptoms": ["cough", "fever"]}, status=400)
    await click(corp, QIN, "vote-1", "submit", status=404)


async def test_the_corner_menu_has_its_own_event(corp):
    menu = {"action_list": [{"text": "稍后提醒", "key": "later"}]}
    await corp.call("message/send", alert(action_menu=menu))
    await click(corp, LIN, "alert-1", "later")
    (event,) = await corp.delivered()
    assert (event["Event"], event["EventKey"]) == ("template_card_menu_event", "later")


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"card_type": "poster"}, 42031),
        ({"main_title": {"desc": "x"}}, 41016),
        ({"button_list": []}, 40016),
        ({"button_list": [{"text": "x", "key": str(n)} for n in range(7)]}, 40016),
        ({"button_list": [{"key": "x"}]}, 42038),
        ({"button_list": [{"text": "x"}]}, 42039),
        ({"button_list": [{"text": "a", "key": "x"}, {"text": "b", "key": "x"}]}, 42039),
        ({"task_id": ""}, 42014),
        ({"task_id": "含中文"}, 42014),
        ({"task_id": "a" * 129}, 42014),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        ({"horizontal_content_list": [{"value": "v"}]}, 42027),
        ({"horizontal_content_list": [{"keyname": "k", "type": 1}]}, 42028),
        ({"horizontal_content_list": [{"keyname": "k", "type": 3, "userid": "nobody"}]}, 42050),
        ({"button_selection": {"question_key": "q", "option_list": [{"id": str(n), "text": "x"} for n in range(11)]}}, 42037),
        ({"action_menu": {"action_list": [{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]}}, 42051),
        ({"checkbox": {"question_key": "q", "option_list": [{"id": "1", "text": "x"}]}}, 40058),
    ],
)
async def test_wrong_cards_get_the_right_code(corp, change, errcode):
    await corp.call("message/send", alert(**change), errcode=errcode)


@pytest.mark.parametrize(
    ("card", "errcode"),
    [
        ({"card_type": "text_notice", "main_title": {"title": "t"}}, 42045),
        ({"card_type": "text_notice", "card_action": {"type": 1, "url": "https://a.cn"}}, 41016),
        ({"card_type": "text_notice", "sub_title_text": "t", "card_action": {"type": 1}}, 42028),
        ({"card_type": "text_notice", "sub_title_text": "t", "card_action": {"type": 2}}, 42030),
        ({"card_type": "text_notice", "sub_title_text": "t", "card_action": {"type": 1, "url": "https://a.cn"}}, 0),
        ({"card_type": "news_notice", "main_title": {"title": "t"}, "card_action": {"type": 1, "url": "https://a.cn"}}, 42044),
    ],
)
async def test_notices_need_somewhere_to_go(corp, card, errcode):
    body = {"touser": LIN, "agentid": AGENT, "msgtype": "template_card", "template_card": card}
    answer = await corp.call("message/send", body, errcode=errcode)
    assert "response_code" not in answer


async def test_a_member_can_write_to_an_app(corp):
    await corp.control("POST", f"members/{LIN}/say", {"content": "今天值班的是谁"})
    (message,) = await corp.delivered()
    assert (message["MsgType"], message["FromUserName"], message["Content"]) == ("text", LIN, "今天值班的是谁")
    assert message["MsgId"]
