"""Who is in charge of a chat: the bot, a nurse, the pool; and what the family hears meanwhile."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from records.chat import Chat
from records.database import Database
from records.message import Inbound, Outbound
from records.staff import Staff
from tests.bot.conftest import Parrot
from tests.bot.stage import ACCOUNT, Family, Stage, open_stage


async def mother_of(stage: Stage, nickname: str = "zhao") -> Family:
    return await stage.family(nickname, {"name": "小满", "days": 400})


async def nurse(stage: Stage, family: Family, act: str, userid: str = "linyue", **order: Any) -> None:
    """A nurse does something in her WeCom client."""
    await stage.control("POST", f"{family.path}/servicer", userid=userid, act=act, **order)
    await stage.settle()


async def in_charge(stage: Stage, family: Family) -> tuple[str, str | None]:
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat).where(Chat.external_userid == family.user))).one()
        owner = await tx.get(Staff, chat.owner_id) if chat.owner_id is not None else None
    return chat.state, owner.userid if owner is not None else None


async def recorded(stage: Stage, family: Family) -> list[tuple[int, str | None, str]]:
    """Origin, text and state of what was pulled from this chat, events left out."""
    async with stage.db.transaction() as tx:
        rows = await tx.scalars(
            select(Inbound).join(Chat).where(Chat.external_userid == family.user, Inbound.origin != 4).order_by(Inbound.id)
        )
        return [(row.origin, row.text, row.state) for row in rows]


async def test_from_the_bot_to_the_nurse_and_back(stage: Stage) -> None:
    mother = await mother_of(stage)
    await mother.says("我要找人工")
    assert "已经通知" in await mother.last()
    chat = await mother.chat()
    assert (chat["service_state"], chat["servicer_userid"]) == (3, "linyue")
    assert await in_charge(stage, mother) == ("human", "linyue")
    assert [card["card_state"]["disabled"] for card in await stage.cards("linyue")] == [False]

    # While the nurse writes, the bot is silent and everything is on record.
    heard = await mother.hears()
    await nurse(stage, mother, "say", text={"content": "您好，我是林悦"})
    await mother.says("谢谢，宝宝今天挺好")
    assert await mother.hears() == heard
    assert await recorded(stage, mother) == [
        (3, "我要找人工", "done"),
        (5, "您好，我是林悦", "recorded"),
        (3, "谢谢，宝宝今天挺好", "recorded"),
    ]

    # A red flag in that time still raises its own alert; the words are the nurse's.
    await mother.says("宝宝刚才抽搐了，叫不醒")
    assert await mother.hears() == heard
    asked, danger = await stage.flags()
    assert (asked.category, danger.level) == ("human_request", "emergency")
    assert "抽搐" in (await stage.cards("linyue"))[-1]["template_card"]["quote_area"]["quote_text"]

    # The nurse ends the session, the bot answers again.
    await nurse(stage, mother, "end")
    assert await in_charge(stage, mother) == ("bot", None)
    assert await mother.hears() == heard
    await mother.says("今天喝奶很好")
    assert await mother.last() == "听到：今天喝奶很好"


async def test_from_nurse_to_nurse(stage: Stage) -> None:
    mother = await mother_of(stage)
    await mother.says("我要找人工")
    await nurse(stage, mother, "transfer", to_userid="hemin")
    assert await in_charge(stage, mother) == ("human", "hemin")
    await mother.says("在吗")
    await nurse(stage, mother, "say", userid="hemin", text={"content": "在的"})
    await nurse(stage, mother, "end", userid="hemin")
    assert await in_charge(stage, mother) == ("bot", None)
    # A nurse who writes into an ended chat takes it again.
    await nurse(stage, mother, "say", text={"content": "还有一件事"})
    assert await in_charge(stage, mother) == ("human", "linyue")
    await mother.says("您说")
    assert len(await mother.hears()) == 1


async def nobody_receives(stage: Stage) -> None:
    for userid in ("linyue", "hemin"):
        await stage.control("POST", f"members/{userid}/status", servicing=False, open_kfid=ACCOUNT)


async def notices(stage: Stage) -> list[tuple[str, str, str | None]]:
    """What became of the words about a hand-over that reached nobody: route, state, error."""
    async with stage.db.transaction() as tx:
        rows = await tx.scalars(select(Outbound).where(Outbound.purpose == "notice").order_by(Outbound.seq))
        return [(row.route, row.state, row.error) for row in rows]


async def test_a_nurse_who_has_stopped_receiving_leaves_the_chat_to_the_pool(stage: Stage) -> None:
    mother = await mother_of(stage)
    await stage.control("POST", "members/linyue/status", servicing=False, open_kfid=ACCOUNT)
    await mother.says("我要找人工")
    assert (await mother.chat())["service_state"] == 2
    assert await in_charge(stage, mother) == ("human", None)
    # The alert does not depend on the session.
    assert len(await stage.cards("linyue")) == 1
    # The family hears how things stand, which is all that WeCom lets the bot say there.
    called, waiting = await mother.hears()
    assert "已经通知" in called
    for words in ("还没有人接入", "都已存好", "正在呼叫值班护士", "010-5555-0101", "120"):
        assert words in waiting
    await mother.says("有人吗")
    assert len(await mother.hears()) == 2
    await nurse(stage, mother, "take", userid="hemin")
    assert await in_charge(stage, mother) == ("human", "hemin")
    assert await notices(stage) == [("kf_event", "sent", None)]


async def test_whoever_has_the_alert_and_not_the_chat_is_not_said_to_be_called(stage: Stage) -> None:
    mother = await mother_of(stage)
    await nobody_receives(stage)
    await mother.says("宝宝刚才抽搐了，叫不醒")
    await stage.click("linyue", (await stage.cards("linyue"))[0], "claim")
    assert await in_charge(stage, mother) == ("human", None)
    waiting = await mother.last()
    assert "医护人员已经知道这件事" in waiting
    assert "正在呼叫" not in waiting


@pytest.mark.parametrize(
    "faults",
    [
        [{"drop": True}],
        [{"drop": True, "after": True}],
        [{"body": "<html>", "after": True}],
        [{"drop": True, "after": True}, {"errcode": -1, "times": 9}],
        [{"http_status": 502, "times": 5}],
    ],
    ids=["cut before it was read", "cut after it was done", "garbage after it was done", "cut, then busy", "broken proxy"],
)
async def test_the_pools_words_arrive_once(stage: Stage, faults: list[dict[str, Any]]) -> None:
    mother = await mother_of(stage)
    await nobody_receives(stage)
    for fault in faults:
        await stage.control("POST", "faults", path="kf/send_msg_on_event", **fault)
    await mother.says("我要找人工")
    for _ in range(4):
        await stage.move(timedelta(seconds=65))
    assert [said for said in await mother.hears() if "还没有人接入" in said] == (await mother.hears())[1:]
    assert len(await mother.hears()) == 2
    assert await notices(stage) == [("kf_event", "sent", None)]


async def test_a_nurse_who_is_faster_than_the_pools_words_makes_them_needless(stage: Stage) -> None:
    mother = await mother_of(stage)
    await stage.control("POST", "members/linyue/status", servicing=False, open_kfid=ACCOUNT)
    await stage.control("POST", "faults", path="kf/send_msg_on_event", errcode=45009, window=50)
    await mother.says("我要找人工")
    await nurse(stage, mother, "take", userid="hemin")
    await stage.move(timedelta(seconds=65))
    assert len(await mother.hears()) == 1
    assert await notices(stage) == [("kf_event", "failed", "human_owns")]


async def test_a_move_to_the_pool_whose_answer_was_lost_is_known_all_the_same(stage: Stage) -> None:
    mother = await mother_of(stage)
    await stage.control("POST", "faults", path="kf/service_state/trans", errcode=95019)
    await stage.control("POST", "faults", path="kf/service_state/trans", drop=True, after=True)
    await mother.says("我要找人工")
    await stage.move(timedelta(seconds=65))
    assert (await mother.chat())["service_state"] == 2
    assert await in_charge(stage, mother) == ("human", None)
    # WeCom gives the code once: nothing can be said, and nothing is tried.
    assert await notices(stage) == []


async def test_a_hand_over_that_wecom_refuses_is_not_passed_over_in_silence(stage: Stage) -> None:
    mother = await mother_of(stage)
    await stage.control("POST", "faults", path="kf/service_state/trans", errcode=95004)
    await mother.says("我要找人工")
    said = await mother.last()
    for words in ("没能转到护士那里", "正在呼叫值班护士", "010-5555-0101"):
        assert words in said
    assert await in_charge(stage, mother) == ("bot", None)
    assert [(flag.category, flag.state) for flag in await stage.flags()] == [("human_request", "delivered")]
    await mother.says("今天喝奶很好")
    assert await mother.last() == "听到：今天喝奶很好"


async def test_with_nobody_on_call_the_family_hears_so(db: Database, tmp_path: Path) -> None:
    async with open_stage(db, Parrot(), tmp_path, on_call=False) as stage:
        mother = await mother_of(stage)
        await mother.says("我要找人工")
        said = await mother.last()
        assert "没有护士在线" in said
        assert "010-5555-0101" in said
        assert "已经通知" not in said
        assert await in_charge(stage, mother) == ("bot", None)
        assert [(flag.category, flag.state) for flag in await stage.flags()] == [("human_request", "raised")]
        await mother.says("宝宝刚才抽搐了，叫不醒")
        said = await mother.last()
        assert "120" in said
        assert "已通知" not in said
        # The bot stays in charge, and still answers.
        await mother.says("今天喝奶很好")
        assert await mother.last() == "听到：今天喝奶很好"


async def test_wecom_knows_better_who_has_the_session(stage: Stage) -> None:
    """The console's own rule may give a new session to a nurse at once: the bot gets 95018 and believes it."""
    stage.simulator.account(ACCOUNT).auto_assign = True
    mother = await mother_of(stage)
    await mother.says("你好")
    assert await mother.hears() == []
    state, owner = await in_charge(stage, mother)
    assert (state, owner) == ("human", "linyue")
    async with stage.db.transaction() as tx:
        rows = [(row.state, row.error) for row in await tx.scalars(select(Outbound).where(Outbound.route == "kf"))]
    assert rows == [("failed", "human_owns")]
    await nurse(stage, mother, "end")
    stage.simulator.account(ACCOUNT).auto_assign = False
    await mother.says("在吗")
    assert await mother.last() == "听到：在吗"


async def test_a_nurse_who_was_silent_for_two_days_no_longer_has_the_chat(stage: Stage) -> None:
    mother = await mother_of(stage)
    await mother.says("我要找人工")
    # A nurse's word keeps the session alive …
    await stage.move(timedelta(hours=30))
    await nurse(stage, mother, "say", text={"content": "好些了吗"})
    await stage.move(timedelta(hours=30))
    await mother.says("好些了")
    assert len(await mother.hears()) == 1
    # … entering the chat does not.
    await stage.move(timedelta(hours=30))
    await mother.enters()
    await stage.move(timedelta(hours=30))
    heard = await mother.hears()
    await mother.says("又来了")
    assert (await mother.hears())[len(heard) :] == ["听到：又来了"]
    assert await in_charge(stage, mother) == ("bot", None)


async def test_two_who_write_at_once_are_both_answered_in_their_own_chats(stage: Stage) -> None:
    families = [await mother_of(stage, name) for name in ("zhao", "qian", "sun")]

    async def say(family: Family, text: str) -> None:
        await stage.control("POST", f"{family.path}/say", msgtype="text", text={"content": text})

    await asyncio.gather(*(say(family, f"{family.user}第{number}句") for number in range(4) for family in families))
    await stage.settle()
    for family in families:
        heard = "\n".join(await family.hears())
        assert [heard.count(f"{family.user}第{number}句") for number in range(4)] == [1] * 4
        assert not any(other.user in heard for other in families if other is not family)


async def uploaded(stage: Stage, kind: str, name: str, data: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("media", data, filename=name)
    async with stage.session.post(f"{stage.simulator_url}/sim/media?type={kind}", data=form) as answer:
        return str((await answer.json())["media_id"])


async def test_what_is_not_text_is_kept_and_answered(stage: Stage) -> None:
    mother = await mother_of(stage)
    files = [
        ("image", "a.jpg", b"\xff\xd8\xff\xe0picture"),
        ("voice", "a.amr", b"#!AMR\nvoice"),
        ("video", "a.mp4", b"\0\0\0\x18ftypmp42"),
        ("file", "a.pdf", b"%PDF-1.4"),
    ]
    for kind, name, data in files:
        await mother.sends(kind, media_id=await uploaded(stage, kind, name, data))
        assert "人工" in await mother.last() or "打字" in await mother.last(), kind
    async with stage.db.transaction() as tx:
        rows = list(await tx.scalars(select(Inbound).where(Inbound.origin == 3).order_by(Inbound.id)))
    assert [row.state for row in rows] == ["done"] * 4
    assert [(stage.media / row.outcome["media"]["file"]).read_bytes() for row in rows] == [data for _, _, data in files]


async def test_a_message_taken_back_is_marked(stage: Stage) -> None:
    mother = await mother_of(stage)
    sent = await stage.control("POST", f"{mother.path}/say", msgtype="text", text={"content": "发错了"})
    await stage.settle()
    await stage.control("POST", f"{mother.path}/recall", msgid=sent["msgid"])
    await stage.settle()
    async with stage.db.transaction() as tx:
        row = (await tx.scalars(select(Inbound).where(Inbound.msgid == sent["msgid"]))).one()
    assert row.outcome["recalled_at"]
    # An answer that is out is out; taking back what was never said here does no harm.
    assert await mother.hears() == ["听到：发错了"]
