"""The session state machine, servicers' acts, and the codes that moves earn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wecom.simulator import session
from integrations.wecom.simulator.config import STRICT_MOVES
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.state import Chat

HOUR = 3600
LIN, QIN = "linyue", "qinlan"

STEPS = st.one_of(
    st.just(("says", 0)),
    st.just(("reply", 0)),
    st.tuples(st.just("moves"), st.integers(0, 4)),
    st.tuples(st.just("waits"), st.integers(1, 60 * HOUR)),
)


@given(st.lists(STEPS, max_size=40))
def test_no_sequence_of_acts_breaks_the_rules(steps):
    chat, now, since_customer = Chat("wk1", "wm1"), 1_000_000.0, 0
    for act, value in steps:
        before = session.effective_state(chat, now)
        if act == "waits":
            now += value
        elif act == "says":
            begins = session.note_customer_message(chat, now)
            assert begins == (before == session.ENDED)
            assert session.effective_state(chat, now) == (session.NEW if begins else before)
            since_customer = 0
        elif act == "reply":
            try:
                session.check_state_allows_send(chat)
            except ApiError as err:
                assert err.code == 95018
                assert chat.service_state in (session.POOL, session.HUMAN, session.ENDED)
                continue
            if session.closed_window(chat, now) is None:
                session.note_reply(chat)
                since_customer += 1
                assert session.effective_state(chat, now) == session.BOT
        else:
            try:
                session.check_move(chat, value, STRICT_MOVES, now)
            except ApiError as err:
                assert err.code == (95013 if before == session.ENDED else 95016)
                assert value not in STRICT_MOVES[before]
                continue
            assert value in STRICT_MOVES[before]
            session.move(chat, value, LIN)
            assert (chat.servicer_userid == LIN) == (value == session.HUMAN)
        assert since_customer <= session.MAX_REPLIES
        if chat.last_customer_at is not None and session.in_window(chat, now):
            assert session.replies_left(chat, now) == session.MAX_REPLIES - since_customer
        else:
            assert session.replies_left(chat, now) == 0


async def in_pool(corp):
    mother = await corp.family()
    await mother.says("要人工")
    return mother, await mother.moved_to(2)


async def with_lin(corp):
    mother = await corp.family()
    await mother.says("要人工")
    return mother, await mother.moved_to(3, LIN)


async def test_the_first_reply_makes_the_chat_the_bots(corp):
    mother = await corp.family()
    assert await mother.state() == 4
    await mother.says("在吗")
    assert await mother.state() == 0
    await mother.hears("在的")
    assert await mother.state() == 1


async def test_the_bot_may_not_speak_in_pool_human_hands_or_after_the_end(corp):
    mother, _ = await in_pool(corp)
    await mother.hears("我来", errcode=95018)
    await mother.moved_to(3, LIN)
    await mother.hears("我来", errcode=95018)
    await mother.moved_to(4)
    await mother.hears("我来", errcode=95018)
    await mother.says("还有问题")
    assert await mother.state() == 0
    await mother.hears("请说")


@pytest.mark.parametrize(
    ("path", "target", "errcode"),
    [([1], 0, 95016), ([1], 2, 0), ([2], 1, 95016), ([2], 4, 0), ([3], 1, 95016), ([3], 2, 95016), ([], 4, 95016), ([1, 4], 1, 95013)],
)
async def test_moves_outside_the_table_are_refused(corp, path, target, errcode):
    mother = await corp.family()
    await mother.says("在吗")
    for step in path:
        await mother.moved_to(step, LIN if step == 3 else None)
    await mother.moved_to(target, errcode=errcode)


async def test_the_table_can_be_changed(corp):
    mother, _ = await with_lin(corp)
    await mother.moved_to(1, errcode=95016)
    await corp.switch(transitions={0: [1, 2, 3], 1: [2, 3, 4], 2: [3, 4], 3: [1, 3, 4], 4: []})
    await mother.moved_to(1)
    assert await mother.state() == 1


async def test_a_human_must_be_a_servicer_who_receives(corp):
    mother = await corp.family()
    await mother.says("要人工")
    await mother.moved_to(3, errcode=40058)
    await mother.moved_to(3, "dingkai", errcode=95014)
    await mother.moved_to(3, "nobody", errcode=95014)
    await corp.control("POST", f"members/{LIN}/status", {"servicing": False, "open_kfid": corp.sim.config.kf_accounts[0].open_kfid})
    await mother.moved_to(3, LIN, errcode=95019)
    (event,) = await corp.events("servicer_status_change")
    assert (event["servicer_userid"], event["status"]) == (LIN, 2)
    assert "external_userid" not in event
    await mother.moved_to(3, QIN)
    chat = await mother.chat()
    assert (chat["service_state"], chat["servicer_userid"]) == (3, QIN)


async def test_a_nurse_takes_answers_transfers_ends_and_reopens(corp):
    mother, _ = await in_pool(corp)
    await mother.nurse(LIN, "take")
    await mother.nurse(LIN, "say", text={"content": "我是林护士"})
    await mother.nurse(LIN, "transfer", to_userid=QIN)
    await mother.nurse(QIN, "end")
    await mother.nurse(LIN, "reopen")
    items = await corp.pull()
    (words,) = [item for item in items if item["origin"] == 5]
    assert (words["servicer_userid"], words["text"]["content"]) == (LIN, "我是林护士")
    changes = [item["event"] for item in items if item["msgtype"] == "event"]
    told = [(e["change_type"], e.get("old_servicer_userid"), e.get("new_servicer_userid"), "msg_code" in e) for e in changes]
    assert told == [(1, None, LIN, True), (2, LIN, QIN, False), (3, QIN, None, True), (4, QIN, LIN, False)]


async def test_a_servicers_word_reopens_an_ended_chat(corp):
    mother, _ = await with_lin(corp)
    await mother.moved_to(4)
    await mother.nurse(LIN, "say", text={"content": "再补充一句"})
    assert await mother.state() == 3


async def test_only_the_owner_may_act(corp):
    mother, _ = await with_lin(corp)
    for act in ("say", "end", "transfer"):
        body = {"userid": QIN, "act": act, "text": {"content": "x"}, "to_userid": LIN}
        await corp.control("POST", f"chats/{corp.sim.config.kf_accounts[0].open_kfid}/{mother.id}/servicer", body, status=409)


async def test_api_moves_raise_no_event(corp):
    await with_lin(corp)
    assert await corp.events("session_status_change") == []


async def test_a_servicer_takes_back_words_and_rejects_a_customer(corp):
    mother, _ = await with_lin(corp)
    msgid = (await mother.nurse(LIN, "say", text={"content": "发错"}))["msgid"]
    await mother.nurse(LIN, "recall", msgid=msgid)
    await mother.nurse(LIN, "reject", on=True)
    await mother.says("听得到吗")
    items = await corp.pull()
    kinds = [item["event"]["event_type"] for item in items if item["msgtype"] == "event"]
    assert kinds == ["servicer_recall_msg", "reject_customer_msg_switch_change"]
    assert not any(item["msgtype"] == "text" and item["text"]["content"] == "听得到吗" for item in items)
    assert (await mother.chat())["messages"][-1]["status"] == "failed"


async def test_an_account_that_assigns_by_itself_keeps_the_bot_out(corp):
    made = await corp.control("POST", "accounts", {"name": "自动接待", "servicers": [LIN], "auto_assign": True})
    mother = await corp.family()
    await corp.control("POST", f"chats/{made['open_kfid']}/{mother.id}/say", {"msgtype": "text", "text": {"content": "在吗"}})
    body = {"touser": mother.id, "open_kfid": made["open_kfid"], "msgtype": "text", "text": {"content": "我来"}}
    await corp.call("kf/send_msg", body, errcode=95018)


async def on_event(corp, code, *, errcode=0, msgtype="text"):
    body = {"text": {"content": "您好"}} if msgtype == "text" else {"msgmenu": {"head_content": "您好"}}
    return await corp.call("kf/send_msg_on_event", {"code": code, "msgtype": msgtype, **body}, errcode=errcode)


async def welcome_code(corp, mother, **context):
    await mother.does("enter", **context)
    return (await corp.events("enter_session"))[-1].get("welcome_code")


async def test_the_welcome_must_be_quick_and_goes_once(corp):
    mother, father = await corp.family(), await corp.family("果果爸爸")
    code = await welcome_code(corp, mother, scene="ward3", scene_param="visit-12")
    await on_event(corp, code, msgtype="msgmenu")
    await on_event(corp, code, errcode=40058)
    late = await welcome_code(corp, father)
    await corp.pass_time(21)
    await on_event(corp, late, errcode=40058)
    assert [m["from"] for m in (await mother.chat())["messages"]] == ["bot"]


async def test_no_welcome_for_one_who_was_greeted_or_wrote_in_48_hours(corp):
    mother, father = await corp.family(), await corp.family("果果爸爸")
    await on_event(corp, await welcome_code(corp, mother))
    assert await welcome_code(corp, mother) is None
    await father.says("在吗")
    assert await welcome_code(corp, father) is None
    await corp.pass_time(49 * HOUR)
    assert await welcome_code(corp, mother)
    assert await welcome_code(corp, father)
    await corp.switch(native_welcome=True)
    assert await welcome_code(corp, await corp.family("新家长")) is None


async def test_entering_is_no_message_and_tells_where_from(corp):
    mother = await corp.family()
    await mother.does("enter", scene="ward3", scene_param="visit-12")
    (event,) = await corp.events("enter_session")
    assert (event["scene"], event["scene_param"]) == ("ward3", "visit-12")
    await mother.hears("欢迎", errcode=95018)
    assert (await mother.chat())["window"]["left"] == 0


async def test_the_pools_prompt_is_a_text_while_the_chat_waits_there(corp):
    mother, answer = await in_pool(corp)
    await on_event(corp, answer["msg_code"], errcode=40008, msgtype="msgmenu")
    await corp.pass_time(40 * HOUR)
    await on_event(corp, answer["msg_code"])
    await on_event(corp, answer["msg_code"], errcode=40058)
    father, answer = await in_pool(corp)
    taken = await father.moved_to(3, LIN)
    await on_event(corp, answer["msg_code"], errcode=95018)
    await on_event(corp, taken["msg_code"])
    assert "msg_code" not in await father.moved_to(3, QIN)
    assert (await mother.chat())["messages"][-1]["from"] == "bot"


async def test_the_end_has_twenty_seconds_for_a_last_word(corp):
    mother, _ = await with_lin(corp)
    await mother.nurse(LIN, "end")
    code = (await corp.events("session_status_change"))[-1]["msg_code"]
    await on_event(corp, code, msgtype="msgmenu")
    father, _ = await with_lin(corp)
    code = (await father.moved_to(4))["msg_code"]
    await corp.pass_time(21)
    await on_event(corp, code, errcode=40058)
    again, _ = await with_lin(corp)
    code = (await again.moved_to(4))["msg_code"]
    await again.says("等等")
    await on_event(corp, code, errcode=95018)


async def test_prompts_do_not_use_up_the_five(corp):
    mother, answer = await in_pool(corp)
    await on_event(corp, answer["msg_code"])
    assert (await mother.chat())["window"]["left"] == 5
