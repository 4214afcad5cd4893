"""What the model did not get right is collected once, without names, in groups that an administrator can work on."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.retraining import queue
from bot.retraining.collect import collect
from bot.retraining.collector import suggestions
from bot.retraining.data import accepted
from bot.retraining.texts import RetrainingError
from records.database import Database
from records.labelled_example import LabelledExample
from records.review import ReviewGroup, ReviewItem
from records.state import StateChange
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import CLEAR, NOW, UNCLEAR, Talk

SINCE = NOW - timedelta(days=30)


async def collected(db: Database) -> dict[str, int]:
    async with db.transaction() as tx:
        return await collect(tx, since=SINCE, now=NOW, by="admin")


async def listed(db: Database, state: str = "open") -> list[queue.GroupView]:
    async with db.transaction() as tx:
        return await queue.groups(tx, state=state)


async def test_each_reason_is_found_and_ordinary_messages_are_left_alone(db: Database, talk: Talk) -> None:
    await talk.said("你好呀", CLEAR)
    await talk.said("那个蓝色小本子搁哪儿办", UNCLEAR)
    await talk.said("阳台上的花开得真好", {"intent": "report", "confidence": 0.2})
    await talk.said("体温三十七度八啦", {"intent": "report", "confidence": 0.9})
    await talk.said("不对，刚才说错了", {"intent": "correct_report", "confidence": 0.9})
    await talk.said("疫苗本丢了怎么补", CLEAR)
    await talk.said("我帮您问问", origin=5)
    await talk.said("嗯", {"intent": "affirm", "confidence": 0.1, "form": "follow_up_form"})
    await talk.said("点了按钮", UNCLEAR, menu_id="today")
    await talk.said("撤回的话", {**UNCLEAR})
    async with db.transaction() as tx:
        from records.message import Inbound

        last = (await tx.scalars(select(Inbound).where(Inbound.text == "撤回的话"))).one()
        last.outcome = {**last.outcome, "recalled_at": NOW.isoformat()}
    assert await collected(db) == {"not_understood": 1, "unsure": 1, "corrected": 1, "answered_by_human": 1}
    assert await collected(db) == {}
    async with db.transaction() as tx:
        found = {item.text: item.why for item in await tx.scalars(select(ReviewItem))}
    assert found == {
        "那个蓝色小本子搁哪儿办": ["not_understood"],
        "阳台上的花开得真好": ["unsure"],
        "体温三十七度八啦": ["corrected"],
        "疫苗本丢了怎么补": ["answered_by_human"],
    }


async def test_names_do_not_get_into_the_queue(db: Database, talk: Talk) -> None:
    await talk.said("小满和满满的妈妈赵敏，林悦护士说打13800138000，病历号R-赵敏，2月20号生的", UNCLEAR)
    await talk.said("赵敏", UNCLEAR)
    await collected(db)
    [group] = await listed(db)
    [(_, text, _)] = group.texts
    for private in ("小满", "满满", "赵敏", "林悦", "13800138000", "2月20"):
        assert private not in text
    assert text == "〔孩子〕和〔孩子〕的妈妈〔家长〕，〔医护〕护士说打〔电话〕，病历号〔病历号〕，〔出生日期〕生的"


async def test_likes_are_grouped_the_same_way_however_they_arrive(db: Database, talk: Talk, new_talk) -> None:
    other = await new_talk("孙丽", "王一诺")
    await talk.said("出院小结在哪里拿", UNCLEAR)
    await talk.said("医院停车怎么收费", UNCLEAR)
    await collected(db)
    await other.said("出院小结去哪里拿啊", UNCLEAR)
    await other.said("出院小结在哪里拿", UNCLEAR)
    await collected(db)
    views = await listed(db)
    assert [[text for _, text, _ in view.texts] for view in views] == [["出院小结在哪里拿", "出院小结去哪里拿啊"], ["医院停车怎么收费"]]
    assert [view.count for view in views] == [3, 1]
    assert views[0].texts[0][2] == 2


def test_the_live_model_suggests_what_is_likeliest_and_never_that_it_does_not_know() -> None:
    ranks = {
        "在哪拿": [("nlu_fallback", 0.3), ("ask_question", 0.25), ("ask_results", 0.2), ("greet", 0.1)],
        "哪里拿": [("ask_results", 0.6)],
    }
    found = suggestions(ranks.__getitem__, list(ranks))
    assert found == [
        {"intent": "ask_results", "confidence": 0.4},
        {"intent": "ask_question", "confidence": 0.125},
        {"intent": "greet", "confidence": 0.05},
    ]


async def test_a_label_makes_examples_and_can_be_taken_back(db: Database, talk: Talk) -> None:
    await talk.said("出院小结在哪里拿呀姐姐", UNCLEAR)
    await talk.said("出院小结在哪里拿呀妹妹", UNCLEAR)
    await collected(db)
    [group] = await listed(db)
    async with db.transaction() as tx:
        done = await queue.label(tx, ROOT, group.id, "ask_question", by="lin", now=NOW)
    assert done.examples == ["出院小结在哪里拿呀姐姐", "出院小结在哪里拿呀妹妹"]
    assert done.problems == []
    async with db.transaction() as tx:
        assert len(await accepted(tx)) == 2
        with pytest.raises(RetrainingError, match="已经处理过"):
            await queue.reject(tx, group.id, by="lin", now=NOW)
    async with db.transaction() as tx:
        await queue.reopen(tx, group.id, by="lin", now=NOW)
    async with db.transaction() as tx:
        assert await accepted(tx) == []
        moves = await tx.scalars(select(StateChange).where(StateChange.entity == "review_group").order_by(StateChange.id))
        assert [(each.old, each.new, each.by) for each in moves] == [
            (None, "open", "admin"),
            ("open", "labelled", "lin"),
            ("labelled", "open", "lin"),
        ]
        assert {row.state for row in await tx.scalars(select(LabelledExample))} == {"withdrawn"}


async def test_what_would_spoil_the_data_is_not_taken(db: Database, talk: Talk) -> None:
    # The first stands in the frozen set, the second in the training data with another intent.
    await talk.said("改天再聊", UNCLEAR)
    await collected(db)
    [group] = await listed(db)
    async with db.transaction() as tx:
        with pytest.raises(RetrainingError, match="测试集"):
            await queue.label(tx, ROOT, group.id, "goodbye", by="lin", now=NOW)
    async with db.transaction() as tx:
        with pytest.raises(RetrainingError, match="同时标成了"):
            await queue.label(tx, ROOT, group.id, "greet", by="lin", now=NOW, words="药吃了三天也不见效")
    async with db.transaction() as tx:
        with pytest.raises(RetrainingError, match="没有「hullo」这个意图"):
            await queue.label(tx, ROOT, group.id, "hullo", by="lin", now=NOW)
    assert [view.state for view in await listed(db)] == ["open"]
    async with db.transaction() as tx:
        told = await queue.label(tx, ROOT, group.id, "goodbye", by="lin", now=NOW, words="那咱改天再唠哈")
    assert told.examples == ["那咱改天再唠哈"]


async def test_split_merge_and_reject(db: Database, talk: Talk) -> None:
    for text in ("出院小结在哪里拿", "出院小结在哪里拿", "出院小结在哪里改", "医院停车怎么收费"):
        await talk.said(text, UNCLEAR)
    await collected(db)
    big, small = await listed(db)
    async with db.transaction() as tx:
        with pytest.raises(RetrainingError, match="留下至少一句"):
            await queue.split(tx, big.id, [item for item, _, _ in big.texts], by="lin", now=NOW)
        with pytest.raises(RetrainingError, match="不在"):
            await queue.split(tx, big.id, [small.texts[0][0]], by="lin", now=NOW)
    async with db.transaction() as tx:
        new = await queue.split(tx, big.id, [big.texts[0][0]], by="lin", now=NOW)
    async with db.transaction() as tx:
        [view] = await queue.groups(tx, ids=[new])
    assert (view.count, view.texts[0][1]) == (2, "出院小结在哪里拿")
    async with db.transaction() as tx:
        await queue.merge(tx, big.id, [new, small.id], by="lin", now=NOW)
    [whole] = await listed(db)
    assert whole.count == 4
    async with db.transaction() as tx:
        await queue.reject(tx, whole.id, by="lin", now=NOW, reason="闲聊")
        assert {group.state for group in await tx.scalars(select(ReviewGroup))} == {"rejected", "merged"}
    await talk.said("医院停车怎么收费？", UNCLEAR)
    assert await collected(db) == {}
