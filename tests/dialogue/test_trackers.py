"""Conversations stay small, are saved with the turn, and are never taken up stale."""

from datetime import date

import pytest
from sqlalchemy import select, update

from bot.dialogue.agent import Dialogue
from records.chat import Conversation
from tests.dialogue.conftest import NOW, Family

pytestmark = pytest.mark.dialogue


async def stored(family: Family) -> Conversation:
    async with family.db.transaction() as tx:
        row = await tx.scalar(select(Conversation).where(Conversation.chat_id == family.chat_id))
        assert row is not None
        return row


async def test_a_conversation_is_cut_at_a_turn_and_keeps_its_slots(family: Family) -> None:
    await family.says("你好")
    for _ in range(40):
        await family.says("谢谢")
    row = await stored(family)
    events = [event["event"] for event in row.tracker]
    assert "user" not in events
    assert len(row.tracker) < 10
    assert row.version == 41
    family.dialogue.forget(family.chat_id)
    assert "随访助手" not in await family.says("你好")


async def test_a_long_talk_inside_a_follow_up_keeps_the_form(family: Family) -> None:
    asked = await family.is_asked()
    for _ in range(20):
        assert asked in await family.says("谢谢")
    family.dialogue.forget(family.chat_id)
    assert "3.40公斤" in await family.says("3.4公斤")


async def test_another_process_takes_the_conversation_up(family: Family, model) -> None:
    elsewhere = Dialogue.load(model, clock=lambda: NOW)
    here = family.dialogue
    await family.is_asked()
    await family.says("你好")
    family.dialogue = elsewhere
    assert "吃了几次奶" in await family.says("3.4公斤")
    family.dialogue = here
    # The live tracker here is out of date now; the saved one counts.
    await family.says("吃了8次奶，换了7片尿布")
    assert (await family.task()).state == "done"


async def test_a_turn_that_is_rolled_back_is_forgotten(family: Family) -> None:
    await family.says("体温36.8")
    with pytest.raises(RuntimeError):
        async with family.db.transaction() as tx:
            await family.dialogue.turn(await family.turn_on(tx, "你好"))
            raise RuntimeError
    assert (await stored(family)).version == 1
    assert "随访助手" in await family.says("你好")


async def test_several_conversations_are_taken_up_and_saved_in_one_go(family: Family, new_family) -> None:
    other = await new_family(("小满", date(2026, 1, 20), "M"))
    await family.says("别再发消息了")
    family.dialogue.forget(family.chat_id)
    async with family.db.transaction() as tx:
        await family.dialogue.prepare(tx, [family.chat_id, other.chat_id])
        first = await family.dialogue.turn(await family.turn_on(tx, "是的"))
        greeted = await family.dialogue.turn(await other.turn_on(tx, "你好"))
        thanked = await family.dialogue.turn(await other.turn_on(tx, "你好"))
        await family.dialogue.save(tx)
    assert "已停止" in first[0].text
    assert "随访助手" in greeted[0].text and "随访助手" not in thanked[0].text
    assert ((await stored(family)).version, (await stored(other)).version) == (2, 1)


async def test_a_row_that_moved_meanwhile_is_not_overwritten(family: Family) -> None:
    from bot.dialogue.trackers import ConversationMoved

    await family.says("你好")
    trackers = family.dialogue._trackers
    with pytest.raises(ConversationMoved) as moved:
        async with family.db.transaction() as tx:
            tracker = await trackers.load(tx, family.chat_id, now=NOW, form=None)
            await tx.execute(update(Conversation).where(Conversation.chat_id == family.chat_id).values(version=9))
            trackers.keep(tx, family.chat_id, tracker, now=NOW)
            await trackers.write(tx)
    assert moved.value.permanent is False


async def test_after_half_a_day_an_open_question_is_closed(family: Family) -> None:
    from datetime import timedelta

    await family.says("别再发消息了")
    family.now += timedelta(hours=13)
    await family.says("是的")
    assert family.turn is not None and not family.turn.stop


def test_slots_are_shared_and_never_changed(dialogue: Dialogue) -> None:
    from rasa.shared.core.events import Restarted, SlotSet
    from rasa.shared.core.trackers import DialogueStateTracker

    domain = dialogue._agent.domain
    first, second = (DialogueStateTracker.from_events(name, [], slots=domain.slots, domain=domain) for name in ("1", "2"))
    first.update(SlotSet("missed", 2), domain)
    twin = first.copy()
    twin.update(SlotSet("missed", 3), domain)
    twin.update(SlotSet("introduced", True), domain)
    assert (first.get_slot("missed"), twin.get_slot("missed"), second.get_slot("missed")) == (2, 3, None)
    assert first.get_slot("introduced") is None
    first.update(Restarted(), domain)
    assert (first.get_slot("missed"), twin.get_slot("missed")) == (None, 3)
    assert all(slot.value is None for slot in domain.slots)
