"""All that we begin is held back at once, and goes on; what answers never waits. What is stuck is tried once more."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.bulk import lanes_waiting
from bot.doctor import for_newer_workers, paused
from bot.stuck import StuckError, again, stuck
from bot.sweep import sweep
from records.message import CUSTOMER, Inbound, Outbound, enqueue
from records.sending import pause_sending, resume_sending, sending
from records.state import StateChange
from records.wecom import CallbackEvent
from tests.bot.stage import ZONE, Family, Stage


async def pause(stage: Stage) -> bool:
    async with stage.db.transaction() as tx:
        return await pause_sending(tx, by="hemin", reason="发错了内容", now=stage.clock())


async def resume(stage: Stage) -> bool:
    async with stage.db.transaction() as tx:
        return await resume_sending(tx, by="hemin", reason="已改正", now=stage.clock())


async def begun(stage: Stage, key: str, *, useful: timedelta = timedelta(days=2)) -> None:
    """A message that we begin by ourselves, in the first chat."""
    body, now = {"msgtype": "text", "text": {"content": key}}, stage.clock()
    async with stage.db.transaction() as tx:
        await enqueue(tx, key, line="chat:1", route="kf", payload=body, purpose="content", now=now, chat_id=1, useful_until=now + useful)


async def zhao(stage: Stage) -> Family:
    family = await stage.family("赵敏", {"name": "小满", "days": 60, "birth_weight_g": 3400})
    await family.says("你好")
    return family


async def test_what_we_begin_waits_while_it_is_paused_and_answers_do_not(stage: Stage) -> None:
    family = await zhao(stage)
    await stage.enrol(family.patients[0])
    assert await pause(stage) and not await pause(stage)
    await begun(stage, "content:useful")
    await begun(stage, "content:soon useless", useful=timedelta(hours=1))
    await stage.settle()
    await family.says("在吗")
    await stage.move(timedelta(days=1))
    assert await family.hears() == ["听到：你好", "听到：在吗"]
    [finding] = await paused(stage.db, ZONE)
    assert not finding.ok and "hemin" in finding.text and "发错了内容" in finding.text
    await family.says("烧到40度，抽搐了")
    assert [flag.level for flag in await stage.flags()] == ["emergency"]
    before = len(await family.hears())
    assert before == 3
    assert await resume(stage) and not await resume(stage)
    await stage.move(timedelta(minutes=2))
    assert "content:useful" in (await family.hears())[before:] and "content:soon useless" not in await family.hears()
    assert await paused(stage.db, ZONE) == []
    async with stage.db.transaction() as tx:
        assert not (await sending(tx)).waits
        moves = await tx.execute(
            select(StateChange.new, StateChange.by, StateChange.reason).where(StateChange.entity == "sending").order_by(StateChange.id)
        )
        assert [tuple(row) for row in moves] == [("paused", "hemin", "发错了内容"), ("on", "hemin", "已改正")]


async def test_lanes_rest_while_it_is_paused(stage: Stage) -> None:
    await zhao(stage)
    await pause(stage)
    await begun(stage, "content:1")
    await stage.settle()
    async with stage.db.transaction() as tx:
        row = await tx.get_one(Outbound, "content:1")
        assert (row.state, row.attempts) == ("queued", 0) and await lanes_waiting(tx, stage.clock())


async def test_a_message_that_failed_is_sent_once_more(stage: Stage) -> None:
    family = await zhao(stage)
    async with stage.db.transaction() as tx:
        await enqueue(
            tx, "clinician:1", line="chat:1", route="kf", payload={"msgtype": "text", "text": {"content": "明天见"}},
            purpose="clinician", now=stage.clock(), chat_id=1, not_before=stage.clock() + timedelta(days=1),
        )  # fmt: skip
        await tx.execute(update(Outbound).where(Outbound.key == "clinician:1").values(state="failed", error="bad_secret", attempts=1))
    async with stage.db.transaction() as tx:
        [row] = [each for each in await stuck(tx, 10) if each.kind == "outgoing"]
        assert (row.key, row.error, row.doubtful) == ("clinician:1", "bad_secret", False)
        await again(tx, "outgoing", "clinician:1", by="hemin", reason="密钥已改", now=stage.clock())
    await stage.settle()
    assert await family.last() == "明天见"
    async with stage.db.transaction() as tx:
        assert await stuck(tx, 10) == []
        with pytest.raises(StuckError, match="neither failed"):
            await again(tx, "outgoing", "clinician:1", by="hemin", reason="", now=stage.clock())


async def test_what_may_have_arrived_is_repeated_only_where_it_is_taken_once(stage: Stage) -> None:
    family = await zhao(stage)
    heard = await family.hears()
    async with stage.db.transaction() as tx:
        reply = (await tx.scalars(select(Outbound.key).where(Outbound.purpose == "reply"))).one()
        doubtful = {"state": "sent", "sent_at": stage.clock(), "response": {"doubtful": True}}
        await tx.execute(update(Outbound).where(Outbound.key == reply).values(**doubtful))
        await enqueue(tx, "sms:1", line="family:1", route="sms", payload={"address": 1}, purpose="content", now=stage.clock())
        await tx.execute(update(Outbound).where(Outbound.key == "sms:1").values(**doubtful))
    async with stage.db.transaction() as tx:
        assert {each.key for each in await stuck(tx, 10) if each.doubtful} == {reply, "sms:1"}
        with pytest.raises(StuckError, match="twice"):
            await again(tx, "outgoing", "sms:1", by="hemin", reason="", now=stage.clock())
        await again(tx, "outgoing", reply, by="hemin", reason="", now=stage.clock())
    await stage.settle()
    # WeCom knows the id and shows it once.
    assert await family.hears() == heard


async def test_an_alerts_card_and_what_is_useless_are_not_sent_again(stage: Stage) -> None:
    await zhao(stage)
    async with stage.db.transaction() as tx:
        for key, purpose in (("card:1", "card"), ("old:1", "content")):
            await enqueue(tx, key, line="staff:linyue", route="app", payload={}, purpose=purpose, now=stage.clock())
        await tx.execute(update(Outbound).where(Outbound.key.in_(["card:1", "old:1"])).values(state="failed", useful_until=stage.clock()))
        for key, code in (("card:1", "made_anew"), ("old:1", "useless"), ("nothing", "not_stuck")):
            with pytest.raises(StuckError) as refused:
                await again(tx, "outgoing", key, by="hemin", reason="", now=stage.clock())
            assert refused.value.code == code


async def test_a_familys_message_that_was_set_aside_is_read_again(stage: Stage) -> None:
    family = await zhao(stage)
    async with stage.db.transaction() as tx:
        said = {"chat_id": 1, "msgid": "m-dead", "origin": CUSTOMER, "msgtype": "text", "text": "还好吗", "body": {}}
        set_aside = {"sent_at": stage.clock(), "received_at": stage.clock(), "state": "dead", "attempts": 5, "error": "ValueError"}
        message = Inbound(**said, **set_aside)
        tx.add(message)
    async with stage.db.transaction() as tx:
        assert [(each.kind, each.key) for each in await stuck(tx, 10)] == [("message", str(message.id))]
        await again(tx, "message", str(message.id), by="hemin", reason="修好了", now=stage.clock())
        with pytest.raises(StuckError):
            await again(tx, "message", "x", by="hemin", reason="", now=stage.clock())
    await stage.settle()
    async with stage.db.transaction() as tx:
        assert (await tx.get_one(Inbound, message.id)).state == "done"
    assert await family.last() == "听到：还好吗"


async def test_a_callback_that_was_given_up_is_carried_out_again(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        given_up = {"event": "text", "fields": {}, "received_at": stage.clock(), "handled_at": stage.clock(), "attempts": 5}
        tx.add(CallbackEvent(key="k1", error="ValueError", **given_up))
    async with stage.db.transaction() as tx:
        await again(tx, "callback", "k1", by="hemin", reason="", now=stage.clock())
        with pytest.raises(StuckError, match="not given up"):
            await again(tx, "callback", "k2", by="hemin", reason="", now=stage.clock())
    await stage.settle()
    async with stage.db.transaction() as tx:
        assert (await tx.get_one(CallbackEvent, "k1")).handled_at is not None


async def test_what_only_a_newer_version_can_send_waits_for_it_and_holds_up_nobody(stage: Stage) -> None:
    family = await zhao(stage)
    async with stage.db.transaction() as tx:
        await enqueue(tx, "new:1", line="chat:1", route="hologram", payload={}, purpose="reply", now=stage.clock(), chat_id=1)
    await stage.handlers["deliver"]("chat:1")
    assert await sweep(stage.db, stage.clock) == {}
    await stage.control("POST", f"{family.path}/say", msgtype="text", text={"content": "在吗"})
    async with asyncio.timeout(20):
        while "听到：在吗" not in await family.hears():  # noqa: ASYNC110 - WeCom's
            await asyncio.sleep(0.05)
    async with stage.db.transaction() as tx:
        row = await tx.get_one(Outbound, "new:1")
        assert (row.state, row.attempts) == ("queued", 0)
    [finding] = await for_newer_workers(stage.db)
    assert not finding.ok and "hologram（1）" in finding.text
