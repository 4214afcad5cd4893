"""A parent's message on its whole road, over HTTP, through the simulated WeCom."""

import asyncio
from datetime import timedelta

from sqlalchemy import Connection, event, select

from records.chat import Chat
from records.message import Inbound
from records.observation import Observation
from records.patient import Carer, PatientCarer
from tests.bot.stage import Family, Stage


async def test_a_message_is_answered_once_by_one_message(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("今天挺好的")
    assert await mother.hears() == ["听到：今天挺好的"]


async def test_a_red_flag_is_answered_at_once_and_reaches_the_nurse(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 60, "birth_weight_g": 3300})
    await mother.says("宝宝38.6度，刚才抽了一下")
    said = await mother.last()
    assert "120" in said
    assert "已通知" in said
    flags = await stage.flags()
    assert [flag.state for flag in flags] == ["delivered"]
    assert flags[0].level == "emergency"
    card = (await stage.cards("linyue"))[-1]["template_card"]
    assert "小满" in card["main_title"]["desc"]
    assert "刚才抽了一下" in card["quote_area"]["quote_text"]
    assert [button["text"] for button in card["button_list"]] == ["接手", "转交", "已处理"]


async def test_a_burst_is_answered_in_few_messages_and_in_order(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says(*[f"第{number}句" for number in range(10)])
    heard = "\n".join(await mother.hears())
    assert [heard.index(f"第{number}句") for number in range(10)] == sorted(heard.index(f"第{number}句") for number in range(10))
    assert len(await mother.hears()) <= 5


async def test_long_text_emoji_and_odd_types_are_all_answered(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    for odd in ("好" * 2000, "👶🏻❤️", "/restart", "<script>alert(1)</script>"):
        await mother.says(odd)
    await mother.sends("location", latitude=39.9, longitude=116.3, name="家", address="某路")
    async with stage.db.transaction() as tx:
        states = (await tx.scalars(select(Inbound.state).where(Inbound.origin == 3))).all()
    assert states == ["done"] * 5
    assert "文字" in await mother.last()


async def test_a_broken_dialogue_is_not_silence(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("崩溃")
    assert "护士" in await mother.last()
    assert [(flag.category, flag.state) for flag in await stage.flags()] == [("dialogue_down", "delivered")]
    await mother.says("没事了")
    assert await mother.last() == "听到：没事了"


async def together(stage: Stage, *said: tuple[Family, str]) -> None:
    """All of this is stored at one moment, and the chats are handled at one moment."""
    now = stage.clock()
    async with stage.db.transaction() as tx:
        rows = await tx.execute(select(Chat.external_userid, Chat.id))
        chats = {user: chat_id for user, chat_id in rows}
        for number, (family, words) in enumerate(said):
            row = {"msgid": f"m{number}", "origin": 3, "msgtype": "text", "text": words, "body": {}, "sent_at": now, "received_at": now}
            tx.add(Inbound(chat_id=chats[family.user], **row))
    await asyncio.gather(*(stage.handlers["drain"](str(chats[family.user])) for family, _ in said))
    await stage.settle()


async def test_families_that_write_at_once_are_answered_each_whatever_the_others_say(stage: Stage) -> None:
    words = ["今天挺好的", "崩溃", "宝宝38.6度", "请转人工", "谢谢", "睡得很香"]
    families = [await stage.family(f"zhao{number}", {"name": f"小满{number}", "days": 60}) for number, _ in enumerate(words)]
    for family in families:
        await family.says("在吗")
    await together(stage, *zip(families, words, strict=True))
    heard = [(await family.hears())[1:] for family in families]
    assert [heard[0], heard[4], heard[5]] == [["听到：今天挺好的"], ["听到：谢谢"], ["听到：睡得很香"]]
    assert "120" in heard[2][0]
    assert all(len(said) == 1 for said in heard)
    assert sorted(flag.category for flag in await stage.flags()) == ["dialogue_down", "fever_infant_lt3m", "human_request"]


async def test_what_one_parent_tells_counts_for_the_other_at_the_same_moment(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 20, "birth_weight_g": 3300})
    father = await stage.family("zhaoba")
    async with stage.db.transaction() as tx:
        carer = await tx.scalar(select(Carer.id).where(Carer.external_userid == father.user))
        tx.add(PatientCarer(patient_id=mother.patients[0], carer_id=carer, relationship="父亲", primary=False))
    for parent in (mother, father):
        await parent.says("在吗")
    await together(stage, (mother, "宝宝体温38.6"), (father, "宝宝体温38.4"))
    assert [len(await parent.hears()) for parent in (mother, father)] == [2, 2]
    async with stage.db.transaction() as tx:
        values = await tx.scalars(select(Observation.value).where(Observation.code == "temperature").order_by(Observation.value))
        assert list(values) == [38.4, 38.6]


async def test_a_stranger_with_an_emergency_is_helped_too(stage: Stage) -> None:
    someone = await stage.stranger("anon")
    await someone.says("孩子叫不醒了，嘴唇发紫")
    assert "120" in await someone.last()
    assert (await stage.flags())[0].patient_id is None
    assert "没有绑定" in (await stage.cards("linyue"))[-1]["template_card"]["main_title"]["desc"]


async def test_welcome_on_entering(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.enters()
    assert "随访助手" in await mother.last()


async def test_more_than_five_answers_wait_for_the_next_word(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("你好")
    await stage.move(timedelta(hours=49))
    async with stage.db.transaction() as tx:
        from records.chat import Chat
        from records.message import enqueue

        chat = (await tx.scalars(select(Chat))).one()
        body = {"msgtype": "text", "text": {"content": "结果出来了"}}
        await enqueue(tx, "late", line=f"chat:{chat.id}", route="kf", payload=body, purpose="reply", chat_id=chat.id, now=stage.clock())
    await stage.settle()
    assert "结果出来了" not in await mother.hears()
    await mother.says("在吗")
    assert (await mother.hears())[-2:] == ["结果出来了", "听到：在吗"]


async def test_while_the_dialogue_loads_danger_does_not_wait(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    parrot, stage.turns.talker, stage.turns.loading = stage.turns.talker, None, True
    for text in ("今天天气不错", "孩子抽搐了"):
        await stage.control("POST", f"{mother.path}/say", msgtype="text", text={"content": text})
    async with asyncio.timeout(20):
        while [flag.state for flag in await stage.flags()] != ["delivered"]:  # noqa: ASYNC110 - the card comes from outside
            await asyncio.sleep(0.05)
    assert await mother.hears() == []
    stage.turns.talker, stage.turns.loading = parrot, False
    await stage.move(timedelta(seconds=30))
    assert "天气不错" in (await mother.last())
    assert "120" in (await mother.last())
    assert [flag.repeats for flag in await stage.flags()] == [0]


async def test_a_turn_ends_every_transaction_with_a_commit(stage: Stage) -> None:
    """With a rollback the driver forgets all that its connection has prepared, and each statement is planned anew."""
    rolled_back: list[Connection] = []
    event.listen(stage.db.engine.sync_engine, "rollback", rolled_back.append)
    mother = await stage.family("zhao", {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39})
    await mother.says("你好", "宝宝今天喝奶80毫升", "体温37度2")
    assert await mother.hears()
    assert not rolled_back
