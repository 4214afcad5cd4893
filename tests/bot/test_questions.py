"""A family's question that the assistant left to the team: answered from WeCom, told to the family, kept, and made a draft."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.drafts import export_drafts
from plans.article import load_articles
from plans.ask_team import ask_team
from plans.template import TemplateError
from records.chat import Chat
from records.question import ContentDraft, QuestionToTeam
from records.state import StateChange
from tests.bot.stage import Family, Stage

ASKED = "小满能戴金手镯吗"


async def ask(stage: Stage, mother: Family, text: str = ASKED) -> None:
    """As the dialogue does when the family wants its question answered by a nurse."""
    async with stage.db.transaction() as tx:
        chat = await tx.scalar(select(Chat).where(Chat.external_userid == mother.user).with_for_update())
        assert chat is not None
        await ask_team(tx, chat, mother.patients[0], text, message_id=None, now=stage.clock())
    await stage.settle()


async def family_that_asked(stage: Stage) -> Family:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("体温36.8")
    await ask(stage, mother)
    return mother


async def says_to_app(stage: Stage, userid: str, text: str) -> None:
    await stage.control("POST", f"members/{userid}/say", content=text)
    await stage.settle()


async def app_texts(stage: Stage, userid: str) -> list[str]:
    found = await stage.control("GET", f"members/{userid}/messages")
    return [message["text"]["content"] for message in found if message["msgtype"] == "text"]


async def questions(stage: Stage) -> list[QuestionToTeam]:
    async with stage.db.transaction() as tx:
        return list(await tx.scalars(select(QuestionToTeam).order_by(QuestionToTeam.id)))


async def drafts(stage: Stage) -> list[ContentDraft]:
    async with stage.db.transaction() as tx:
        return list(await tx.scalars(select(ContentDraft)))


def rows(card: dict[str, Any]) -> dict[str, str]:
    return {row["keyname"]: row["value"] for row in card["template_card"]["horizontal_content_list"]}


async def test_the_card_shows_the_question_and_a_reply_to_the_app_answers_it(stage: Stage) -> None:
    mother = await family_that_asked(stage)
    [card] = await stage.cards("linyue")
    assert card["template_card"]["quote_area"]["quote_text"] == ASKED
    assert "家属想请医护回答" in rows(card)["触发原因"]
    [flag] = await stage.flags()
    assert f"#{flag.id}" in rows(card)["怎么答"]
    await says_to_app(stage, "linyue", "睡觉时摘下来，怕勒到和误吞。")
    heard = await mother.last()
    assert "林悦" in heard and ASKED in heard and "睡觉时摘下来" in heard
    [question] = await questions(stage)
    assert (question.state, question.answer) == ("answered", "睡觉时摘下来，怕勒到和误吞。")
    assert question.answered_at is not None
    assert [(flag.state, flag.outcome) for flag in await stage.flags()] == [("closed", "answered")]
    assert "已经发给家属" in (await app_texts(stage, "linyue"))[-1]
    async with stage.db.transaction() as tx:
        changes = select(StateChange.new, StateChange.by).where(StateChange.entity == "question_to_team").order_by(StateChange.id)
        assert [tuple(row) for row in await tx.execute(changes)] == [("asked", "dialogue"), ("answered", "linyue")]
    # The bot goes on.
    await mother.says("体温36.9")
    assert "36.9" in await mother.last()


async def test_what_cannot_be_matched_goes_to_no_family(stage: Stage) -> None:
    await says_to_app(stage, "linyue", "好的")
    assert "没有转发给任何人" in (await app_texts(stage, "linyue"))[-1]
    mother = await family_that_asked(stage)
    father = await stage.family("qian", {"name": "乐乐", "days": 900})
    await father.says("体温36.7")
    await ask(stage, father, "乐乐几岁换牙")
    before = await mother.hears(), await father.hears()
    await says_to_app(stage, "linyue", "六岁左右")
    told = (await app_texts(stage, "linyue"))[-1]
    assert ASKED in told and "乐乐几岁换牙" in told
    await says_to_app(stage, "linyue", "#999 六岁左右")
    # A nurse of another team answers nothing here, and learns nothing.
    first, second = await stage.flags()
    await says_to_app(stage, "qinlan", f"#{second.id} 六岁左右")
    assert "乐乐" not in (await app_texts(stage, "qinlan"))[-1]
    assert (await mother.hears(), await father.hears()) == before
    await says_to_app(stage, "linyue", f"＃{second.id}：六岁左右")
    assert "六岁左右" in await father.last()
    assert await mother.hears() == before[0]
    assert [flag.state for flag in await stage.flags()] == ["delivered", "closed"]
    await says_to_app(stage, "hemin", f"#{second.id} 七岁")
    assert "没有再发" in (await app_texts(stage, "hemin"))[-1]
    assert first.id != second.id


async def test_an_answer_that_comes_after_the_window_waits_for_the_family_and_the_nurse_is_told(stage: Stage) -> None:
    mother = await family_that_asked(stage)
    await stage.move(timedelta(hours=49))
    await says_to_app(stage, "linyue", "睡觉时摘下来")
    assert "超过48小时" in (await app_texts(stage, "linyue"))[-1]
    assert "睡觉时摘下来" not in "".join(await mother.hears())
    await mother.says("体温36.8")
    assert "睡觉时摘下来" in "".join(await mother.hears())


async def test_the_answer_becomes_a_draft_without_names_once(stage: Stage, tmp_path: Path) -> None:
    await family_that_asked(stage)
    await says_to_app(stage, "linyue", "小满睡觉时摘下来")
    offer = (await stage.cards("linyue"))[-1]
    assert [button["text"] for button in offer["template_card"]["button_list"]] == ["收进知识库"]
    assert await drafts(stage) == []
    await stage.click("linyue", offer, "keep")
    [draft] = await drafts(stage)
    assert (draft.state, draft.by) == ("draft", "linyue")
    assert "小满" not in draft.question + draft.answer
    assert "金手镯" in draft.question and "睡觉时摘下来" in draft.answer
    assert [button["text"] for button in (await stage.cards("linyue"))[-1]["template_card"]["button_list"]] == ["已存为草稿，待审核"]
    file = tmp_path / "drafts.yml"
    async with stage.db.transaction() as tx:
        assert await export_drafts(tx, file, by="admin", now=stage.clock()) == 1
        assert await export_drafts(tx, tmp_path / "again.yml", by="admin", now=stage.clock()) == 0
    assert "金手镯" in file.read_text("utf-8")
    # Nobody has worked on it yet: it is no article.
    with pytest.raises(TemplateError, match="title"):
        load_articles(tmp_path)


async def test_an_answer_in_the_chat_that_was_taken_over_is_kept_when_the_session_ends(stage: Stage) -> None:
    mother = await family_that_asked(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "claim")
    assert (await mother.chat())["service_state"] == 3
    await says_to_app(stage, "linyue", "睡觉时摘下来")
    assert "人工接待" in (await app_texts(stage, "linyue"))[-1]
    body = {"userid": "linyue", "act": "say", "msgtype": "text", "text": {"content": "睡觉时摘下来"}}
    await stage.control("POST", f"{mother.path}/servicer", **body)
    await stage.settle()
    assert [question.state for question in await questions(stage)] == ["asked"]
    await stage.control("POST", f"{mother.path}/servicer", userid="linyue", act="end")
    await stage.settle()
    [question] = await questions(stage)
    assert (question.state, question.answer) == ("answered", "睡觉时摘下来")
    assert [flag.outcome for flag in await stage.flags()] == ["answered"]


async def test_a_question_closed_on_the_card_is_closed_without_an_answer(stage: Stage) -> None:
    await family_that_asked(stage)
    await stage.click("linyue", (await stage.cards("linyue"))[0], "close")
    assert [(question.state, question.answer) for question in await questions(stage)] == [("closed", None)]


async def test_two_questions_of_one_chat_share_an_alert_and_an_answer(stage: Stage) -> None:
    mother = await family_that_asked(stage)
    await ask(stage, mother, "几岁能打耳洞")
    [flag] = await stage.flags()
    assert ASKED in flag.said and "几岁能打耳洞" in flag.said
    assert len(await stage.cards("linyue")) == 2
    await says_to_app(stage, "linyue", "都先不要")
    assert [question.state for question in await questions(stage)] == ["answered", "answered"]
