"""An article that was read is kept with its version, and once a day the family is asked whether it helped."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from actions import answer
from bot.rating import answer_rating
from plans.content.lifecycle import take_back
from plans.content.live import LiveLibrary
from plans.content.model import Block
from records.chat import Chat
from records.content_read import ContentRead, Reads, reads
from records.flag import Flag
from records.question import QuestionToTeam
from tests.dialogue.conftest import Family
from tests.plans.content.conftest import BODY, article, make_centre

pytestmark = pytest.mark.dialogue


async def read_by(family: Family) -> list[ContentRead]:
    async with family.db.transaction() as tx:
        return list(await tx.scalars(select(ContentRead).where(ContentRead.chat_id == family.chat_id).order_by(ContentRead.id)))


async def tap(family: Family, menu_id: str, text: str) -> str | None:
    """What the road of a message does with a tap before the dialogue sees it."""
    async with family.db.transaction() as tx:
        turn = await family.turn_on(tx, text, menu_id)
        assert turn.message is not None
        reply = await answer_rating(tx, await tx.get_one(Chat, family.chat_id), turn.message, family.now)
        return reply.text if reply is not None else None


async def test_an_article_read_is_kept_and_rated_once_a_day(family: Family) -> None:
    assert "帮到您" in await family.says("宝宝吐奶怎么办")
    [yes, no] = family.choices
    [read] = await read_by(family)
    assert (read.article, read.version, read.patient_id) == ("spit-up-choking", 1, family.children[0])
    assert await tap(family, yes, "有用") is not None
    assert await tap(family, yes, "不是这个意思") is None
    assert await tap(family, "useful_99999", "有用") is None
    assert "帮到您" not in await family.says("脐带怎么护理")
    first, second = await read_by(family)
    assert (first.useful, second.asked_at) == (True, None)
    family.now += timedelta(days=1)
    assert "帮到您" in await family.says("脐带几天能掉")
    # The last tap counts.
    assert await tap(family, no, "没帮上") is not None
    assert [each.useful for each in await read_by(family)] == [False, None, None]
    async with family.db.transaction() as tx:
        assert Reads("cord-care", 1, 2, 0, 0, 0, 0, 0) in await reads(tx)


@pytest.mark.parametrize(
    ("question", "article"),
    [
        # The model takes it for nothing of ours, for a visit to come, for a report, and for what is left to the doctor.
        ("高血压能喝酒吗", "low-salt"),
        ("出院后头几个月查什么", "newborn-screening-visits"),
        ("一天量几次血压", "blood-pressure"),
        ("打胰岛素怎么不疼", "insulin-injection"),
    ],
)
async def test_what_an_article_was_written_for_is_answered_by_it(new_family, question: str, article: str) -> None:
    stranger = await new_family()
    await stranger.says(question)
    assert [each.article for each in await read_by(stranger)] == [article]


async def test_nearly_the_same_question_about_another_medicine_is_left_to_the_doctor(family: Family) -> None:
    for question in ("头孢能用吗", "感冒了要不要吃头孢"):
        assert "医生" in await family.says(question)
    assert await read_by(family) == []


async def test_nobody_rates_what_another_family_read(family: Family, new_family) -> None:
    await family.says("宝宝吐奶怎么办")
    [yes, _] = family.choices
    other = await new_family()
    assert await tap(other, yes, "有用") is None


async def test_a_question_that_is_wanted_answered_goes_to_the_team_in_the_family_s_words(family: Family) -> None:
    await family.says("宝宝可以戴金手镯吗")
    said = await family.says("请护士回答", menu_id="yes")
    assert "转给值班护士" in said
    async with family.db.transaction() as tx:
        [question] = await tx.scalars(select(QuestionToTeam).where(QuestionToTeam.chat_id == family.chat_id))
        flag = await tx.get_one(Flag, question.flag_id)
    assert (question.text, question.state, question.patient_id) == ("宝宝可以戴金手镯吗", "asked", family.children[0])
    assert (flag.category, flag.level, flag.said) == ("family_question", "same_day", "宝宝可以戴金手镯吗")
    # The bot stays, and a person at once is one word away.
    assert family.turn is not None and family.turn.wants_human is None
    assert "36.8" in await family.says("体温36.8")
    await family.says("人工")
    assert family.turn.wants_human == "request"


async def test_declined_nothing_is_sent(family: Family) -> None:
    await family.says("宝宝可以戴金手镯吗")
    await family.says("先不用", menu_id="no")
    async with family.db.transaction() as tx:
        assert list(await tx.scalars(select(QuestionToTeam))) == []


async def test_a_hospital_s_own_article_is_answered_with_until_it_is_taken_back(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks every few seconds; here it looks when it is told."""
    process = LiveLibrary()
    process.pages = "https://careloop.hospital.example"
    monkeypatch.setattr(answer, "articles", process)
    async with family.db.transaction() as tx:
        centre = await make_centre(tx)
        centre.now = family.now
        blocks = [Block(heading="怎么做"), Block(text="先洗手，再换膜。")]
        names = {"title": "宝宝游泳", "questions": ["宝宝能游泳吗", "几天可以游泳", "游泳馆能去吗"], "keywords": ["游泳"]}
        await centre.published(article("swimming", blocks=blocks, **names))
    await process.look(family.db, lambda: family.now)
    said = await family.says("宝宝能去游泳吗")
    assert BODY in said and "图文全文：https://careloop.hospital.example/h5/content/" in said
    [read] = await read_by(family)
    assert (read.article, read.version, read.how) == ("swimming", 1, "answer")
    async with family.db.transaction() as tx:
        await take_back(tx, "swimming", by=await tx.merge(centre.lin), now=family.now, reason="有误", wrong=True)
    # This process has not looked again yet.
    assert BODY not in await family.says("宝宝能去游泳吗")
    assert len(await read_by(family)) == 1
