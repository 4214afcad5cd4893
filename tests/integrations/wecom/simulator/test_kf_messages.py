"""微信客服 messages: what goes out, what comes in, and the window between them."""

import pytest

ACCOUNT = "wkSimulatedChildrensHospital01"
HOUR = 3600


async def test_a_message_goes_round(corp):
    mother = await corp.family()
    msgid = await mother.says("宝宝发烧了")
    (item,) = await corp.pull()
    assert (item["msgid"], item["origin"], item["text"]["content"]) == (msgid, 3, "宝宝发烧了")
    assert (item["open_kfid"], item["external_userid"]) == (ACCOUNT, mother.id)
    sent = await mother.hears("现在多少度？", msgid="reply_1")
    assert sent["msgid"] == "reply_1"
    said = (await mother.chat())["messages"]
    assert [(m["from"], m["text"]["content"]) for m in said] == [("customer", "宝宝发烧了"), ("bot", "现在多少度？")]
    assert await corp.pull() == []


async def test_five_replies_then_the_next_customer_message_opens_again(corp):
    mother = await corp.family()
    await mother.says("在吗")
    for n in range(5):
        await mother.hears(f"第{n}条")
    await mother.hears("第6条", errcode=95001)
    assert (await mother.chat())["window"]["left"] == 0
    await mother.says("嗯")
    await mother.hears("好的")
    assert (await mother.chat())["window"]["left"] == 4


async def test_after_48_hours_nothing_goes(corp):
    mother = await corp.family()
    await mother.says("在吗")
    await corp.pass_time(48 * HOUR - 5)
    await mother.hears("还在")
    await corp.pass_time(10)
    await mother.hears("晚了", errcode=95002)
    assert await mother.state() == 4
    assert (await mother.chat())["window"] == {"until": None, "left": 0}


@pytest.mark.parametrize(("replies", "hours", "fail_type"), [(0, 49, 4), (5, 0, 6)])
async def test_the_platform_may_say_no_only_later(corp, replies, hours, fail_type):
    await corp.switch(window_failure="later")
    mother = await corp.family()
    await mother.says("在吗")
    for n in range(replies):
        await mother.hears(f"第{n}条")
    await corp.pass_time(hours * HOUR)
    await mother.hears("到不了", msgid="lost_1")
    (failure,) = await corp.events("msg_send_fail")
    assert (failure["fail_msgid"], failure["fail_type"]) == ("lost_1", fail_type)
    assert (await mother.chat())["messages"][-1]["status"] == "failed"


async def test_a_customer_who_refuses_gets_nothing(corp):
    mother = await corp.family()
    await mother.says("别发了")
    await mother.does("refuse", on=True)
    await mother.hears("好的")
    (failure,) = await corp.events("msg_send_fail")
    assert failure["fail_type"] == 10


async def test_a_msgid_is_good_once_in_an_account(corp):
    mother, father = await corp.family(), await corp.family("果果爸爸")
    await mother.says("在吗")
    await father.says("在吗")
    await mother.hears("你好", msgid="task-812")
    assert (await mother.hears("你好", msgid="task-812", errcode=40058))["errmsg"].startswith("msgid already used")
    await father.hears("你好", msgid="task-812", errcode=40058)
    assert len((await mother.chat())["messages"]) == 2


@pytest.mark.parametrize("msgid", ["a" * 33, "含中文", "a b", "a#b"])
async def test_msgids_have_a_charset_and_a_length(corp, msgid):
    mother = await corp.family()
    await mother.says("在吗")
    await mother.hears("你好", msgid=msgid, errcode=40058)


async def test_text_is_measured_in_bytes(corp):
    mother = await corp.family()
    await mother.says("在吗")
    await mother.hears("热" * 682)
    await mother.hears("热" * 683, errcode=45002)
    await mother.hears("a" * 2048)


@pytest.mark.parametrize(
    ("message", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text"}, 44004),
        ({"msgtype": "sticker"}, 40008),
        ({"text": {"content": "x"}}, 40008),
        ({"msgtype": "text", "text": {"content": 5}}, 40058),
        ({"msgtype": "text", "text": {"content": "x", "colour": "red"}}, 40058),
        ({"msgtype": "text", "text": "x"}, 40058),
        ({"msgtype": "image", "image": {"media_id": "gone"}}, 40007),
        ({"msgtype": "link", "link": {"title": "t", "url": "www.example.com", "thumb_media_id": "m"}}, 45034),
        ({"msgtype": "link", "link": {"title": "题" * 43, "url": "https://a.cn", "thumb_media_id": "m"}}, 40058),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"type": "text", "text": {"content": "x"}}] * 11}}, 95008),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"type": "poll", "text": {"content": "x"}}]}}, 95009),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"type": "click", "click": {"id": "1", "content": "好" * 43}}]}}, 40058),
        ({"msgtype": "location", "location": {"latitude": "31", "longitude": 121.4}}, 40058),
    ],
)
async def test_wrong_messages_get_the_right_code(corp, message, errcode):
    mother = await corp.family()
    await mother.says("在吗")
    await corp.call("kf/send_msg", {"touser": mother.id, "open_kfid": ACCOUNT, **message}, errcode=errcode)
    assert len((await mother.chat())["messages"]) == 1


async def test_who_and_where_must_exist(corp):
    text = {"msgtype": "text", "text": {"content": "x"}}
    await corp.call("kf/send_msg", {"touser": "wmNobody", "open_kfid": ACCOUNT, **text}, errcode=40096)
    await corp.call("kf/send_msg", {"touser": "wmNobody", "open_kfid": "wkNowhere", **text}, errcode=95004)
    await corp.call("kf/send_msg", {"touser": "wmNobody", **text}, errcode=40058)


async def test_a_menu_tap_is_a_text_with_the_items_id(corp):
    mother = await corp.family()
    await mother.says("在吗")
    menu = {"head_content": "吃药了吗？", "list": [{"type": "click", "click": {"id": "v1_yes", "content": "吃了"}}]}
    await corp.call("kf/send_msg", {"touser": mother.id, "open_kfid": ACCOUNT, "msgtype": "msgmenu", "msgmenu": menu})
    await corp.pull()
    await corp.pass_time(30 * 24 * HOUR)
    await mother.does("say", msgtype="text", text={"menu_id": "v1_yes"})
    (tap,) = await corp.pull()
    assert (tap["msgtype"], tap["text"]) == ("text", {"menu_id": "v1_yes", "content": "吃了"})
    assert (await mother.chat())["window"]["left"] == 5


async def test_recalls_and_events_carry_their_ids_inside(corp):
    mother = await corp.family()
    msgid = await mother.says("发错了")
    await mother.does("recall", msgid=msgid)
    await corp.pull()
    corp.cursor = ""
    event = (await corp.pull())[-1]
    assert event["origin"] == 4
    assert not {"open_kfid", "external_userid"} & event.keys()
    assert event["event"] == {
        "event_type": "user_recall_msg",
        "open_kfid": ACCOUNT,
        "external_userid": mother.id,
        "recall_msgid": msgid,
    }
    assert (await mother.chat())["messages"][0]["status"] == "recalled"


async def test_the_ledger_keeps_what_was_sent_and_what_was_refused(corp):
    mother, father = await corp.family(), await corp.family("果果爸爸")
    await mother.says("在吗")
    await father.says("在吗")
    for who, n in ((mother, 1), (father, 2), (mother, 3)):
        await who.hears(f"第{n}条", msgid=f"m{n}")
    await mother.hears("重复", msgid="m1", errcode=40058)
    await mother.hears("重复", msgid="m1", errcode=40058)
    ledger = await corp.control("GET", "ledger")
    assert [(m["msgid"], m["external_userid"], m["body"]["content"]) for m in ledger["messages"]] == [
        ("m1", mother.id, "第1条"),
        ("m2", father.id, "第2条"),
        ("m3", mother.id, "第3条"),
    ]
    assert ledger["rejected"] == [{"path": "kf/send_msg", "errcode": 40058, "count": 2}]
