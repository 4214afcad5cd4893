"""One model takes over from another: conversations go on, and the old model leaves the memory."""

import gc
from pathlib import Path
from weakref import ref

import pytest
from sqlalchemy import select

from bot.dialogue.agent import Dialogue
from bot.retraining.examine import probes
from records.chat import Conversation
from tests.dialogue.conftest import NOW, ROOT, Family

pytestmark = pytest.mark.dialogue


def test_the_model_of_the_repository_is_fit_for_it(dialogue: Dialogue) -> None:
    assert {intent for _, intent in probes(ROOT)} >= {"human", "complaint", "stop_messages", "report"}
    misread = [(text, intent, got) for text, intent in probes(ROOT) if (got := dialogue.classify(text)[0]) != intent]
    assert misread == []
    assert dialogue.unfit(ROOT, probes(ROOT)) is None


def test_a_model_that_lacks_something_is_unfit(dialogue: Dialogue, tmp_path: Path) -> None:
    assert dialogue.unfit(ROOT, [("转人工", "greet")]) == "「转人工」: human, not greet"
    (tmp_path / "bot" / "domain").mkdir(parents=True)
    (tmp_path / "bot" / "domain" / "new.yml").write_text("actions: [action_of_tomorrow]\nintents:\n- human: {use_entities: []}\n")
    assert dialogue.unfit(tmp_path, []) == "domain: action_of_tomorrow"


async def test_what_the_new_model_does_not_know_of_a_conversation_is_left_out(family: Family) -> None:
    asked = await family.is_asked()
    assert asked in await family.says("谢谢")
    async with family.db.transaction() as tx:
        row = (await tx.scalars(select(Conversation).where(Conversation.chat_id == family.chat_id))).one()
        old = {"event": "slot", "timestamp": None, "name": "slot_of_yesterday", "value": 3}
        row.tracker = [*row.tracker[:-1], old, row.tracker[-1]]
    family.dialogue.forget(family.chat_id)
    assert "3.40公斤" in await family.says("3.4公斤")
    async with family.db.transaction() as tx:
        row = (await tx.scalars(select(Conversation).where(Conversation.chat_id == family.chat_id))).one()
        assert "slot_of_yesterday" not in str(row.tracker)


async def test_a_form_of_yesterday_holds_nobody_up(family: Family) -> None:
    await family.says("你好")
    async with family.db.transaction() as tx:
        row = (await tx.scalars(select(Conversation).where(Conversation.chat_id == family.chat_id))).one()
        loop = {"event": "active_loop", "timestamp": None, "name": "form_of_yesterday"}
        wanted = {"event": "slot", "timestamp": None, "name": "requested_slot", "value": "slot_of_yesterday"}
        row.tracker = [*row.tracker[:2], loop, wanted, *row.tracker[2:]]
    family.dialogue.forget(family.chat_id)
    assert await family.says("转人工") is not None
    assert family.turn is not None
    assert family.turn.wants_human == "request"


async def test_the_old_model_leaves_the_memory_without_the_collector(model: Path, dialogue: Dialogue) -> None:
    other = Dialogue.load(model, clock=lambda: NOW)
    nodes = other._agent.processor.graph_runner._nodes
    reader = next(node._component._reader for node in nodes.values() if hasattr(node._component, "_reader"))
    policy = next(node._component for node in nodes.values() if type(node._component).__name__ == "QuickRulePolicy")
    there = [ref(other), ref(reader), ref(reader.model), ref(policy), ref(other._agent), ref(other._agent.domain)]
    gc.disable()
    try:
        del other, reader, policy, nodes
        assert [each() is None for each in there] == [True] * len(there)
    finally:
        gc.enable()
    assert dialogue.classify("转人工")[0] == "human"
