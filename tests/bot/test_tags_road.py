"""From what a family says to the tags of its child, and from these to what triage makes of the next message."""

from datetime import timedelta

from sqlalchemy import select

from plans.work_list import work_list
from records.patient import Patient
from records.staff import Staff
from tagging.tags.by_hand import say, tags_of
from tests.bot.stage import Family, Stage


async def carried(family: Family, number: int = 0) -> dict[str, str]:
    """The clinical and management tags of a child, with their source."""
    async with family.stage.db.transaction() as tx:
        shown = await tags_of(tx, family.patients[number], teams=None)
    return {tag.code: tag.row.source for tag in shown if tag.kind != "operational"}


async def test_what_the_mother_says_is_kept_with_her_words(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    await mother.says("孩子有哮喘，在家没犯", "上班时别发语音，晚上再发吧")
    assert await carried(mother) == {"asthma": "chat", "prefers.no_voice": "chat", "hours.evening": "chat"}
    async with stage.db.transaction() as tx:
        reasons = {tag.code: tag.reasons[0] for tag in await tags_of(tx, mother.patients[0], teams=None)}
    assert reasons["asthma"].because == "家属说：「孩子有哮喘」" and reasons["asthma"].ref_kind == "inbound"
    assert reasons["contact.week"].rule == "contact_week"


async def test_what_she_said_raises_the_triage_of_the_next_message(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    await mother.says("体温38.4")
    assert [flag.level for flag in await stage.flags()] == []
    await mother.says("忘了说，孩子在化疗")
    await mother.says("现在体温38.4")
    assert [flag.level for flag in await stage.flags()] == ["emergency"]


async def test_what_would_lower_triage_waits_for_the_hospital(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    await mother.says("孩子得过过敏性紫癜")
    assert "hsp" in await carried(mother)
    async with stage.db.transaction() as tx:
        assert (await tx.get_one(Patient, mother.patients[0])).tags == []


async def test_of_two_children_only_the_one_that_is_certain(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000}, {"name": "豆豆", "days": 900})
    await mother.says("豆豆有哮喘", "有癫痫")
    assert "asthma" in await carried(mother, 1)
    assert not {"asthma", "epilepsy"} & set(await carried(mother, 0)) and "epilepsy" not in await carried(mother, 1)


async def test_new_evidence_after_a_clinicians_word_is_on_the_work_list_once(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        qin = (await tx.scalars(select(Staff).where(Staff.userid == "qinlan"))).one()
        await say(tx, lin, mother.patients[0], "asthma", "refused", why="肺功能正常", now=stage.clock())
    await mother.says("孩子有哮喘")
    async with stage.db.transaction() as tx:
        [item] = [item for item in await work_list(tx, lin, stage.clock()) if item.kind == "tag"]
        assert item.name == "小满" and "哮喘" in item.text and "孩子有哮喘" in item.text
        assert [item for item in await work_list(tx, qin, stage.clock()) if item.kind == "tag"] == []
        await say(tx, lin, mother.patients[0], "asthma", "carries", why="复诊确认", now=stage.clock())
        assert [item for item in await work_list(tx, lin, stage.clock()) if item.kind == "tag"] == []


async def test_time_alone_changes_what_is_counted(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    await mother.says("你好")
    await stage.move(timedelta(days=8))
    async with stage.db.transaction() as tx:
        codes = {tag.code for tag in await tags_of(tx, mother.patients[0], teams=None)}
    assert "contact.month" in codes and "contact.week" not in codes
