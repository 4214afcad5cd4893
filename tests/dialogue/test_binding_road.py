"""A discharge sheet, a phone that scans it, and a child's record: the whole road through the simulated WeCom."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.dialogue.agent import Dialogue
from bot.links import discharge_sheet, know_contact_urls
from plans.invitation import sign, signing_key
from records.binding import Binding, Invitation
from records.consent import Consent
from records.database import Database
from records.observation import Observation
from records.patient import Patient, PatientCarer
from tests.bot.stage import Family, Stage, open_stage

pytestmark = pytest.mark.dialogue

NAME, PHONE = "欧阳小满", "13800001234"


@pytest.fixture
async def stage(db: Database, tmp_path: Path, dialogue: Dialogue) -> AsyncIterator[Stage]:
    async with open_stage(db, dialogue, tmp_path) as opened:
        await know_contact_urls(db, opened.client)
        yield opened
        for chat in range(1, 9):
            dialogue.forget(chat)


async def child(stage: Stage, days: int = 10, number: str = "ZY-0031") -> int:
    """A child on a plan to whom nobody is bound."""
    async with stage.db.transaction() as tx:
        patient = Patient(
            team_id=stage.team,
            record_number=number,
            name=NAME,
            sex="F",
            birth_date=stage.today() - timedelta(days=days),
            birth_weight_g=3200,
            gestational_age_weeks=39,
            tags=[],
            phones=[PHONE],
        )
        tx.add(patient)
        await tx.flush()
        return patient.id


async def token(stage: Stage, number: str = "ZY-0031") -> str:
    async with stage.db.transaction() as tx:
        return (await discharge_sheet(tx, number, by="test", now=stage.clock())).token


async def scans(family: Family, scene_param: str) -> str:
    """Opens the link; what the bot says to it."""
    await family.stage.control("POST", f"{family.path}/enter", scene="careloop", scene_param=scene_param)
    await family.stage.settle()
    return await family.last()


def born(stage: Stage, days: int = 10) -> str:
    return f"{stage.today() - timedelta(days=days):%Y年%m月%d日}"


async def relationships(stage: Stage) -> list[tuple[str, bool]]:
    async with stage.db.transaction() as tx:
        rows = await tx.scalars(select(PatientCarer).order_by(PatientCarer.carer_id))
        return [(row.relationship, row.primary) for row in rows]


async def test_from_the_sheet_to_the_record(stage: Stage) -> None:
    patient = await child(stage)
    await stage.enrol(patient)
    mother = await stage.stranger("zhao")
    greeting = await scans(mother, await token(stage))
    assert "欧***" in greeting and NAME not in greeting and "什么人" in greeting
    await mother.says("妈妈")
    assert "出生日期" in await mother.last()
    await mother.says(born(stage))
    assert NAME in await mother.last() and "撤回" in await mother.last()
    assert not any(NAME in said for said in (await mother.hears())[:2])
    await mother.says("同意")
    assert "绑好了" in "".join(await mother.hears())
    assert await relationships(stage) == [("母亲", True)]
    async with stage.db.transaction() as tx:
        consent = (await tx.scalars(select(Consent))).one()
        assert (consent.answer, consent.text_version, consent.said) == ("given", "2026-1", "同意")
    await mother.says("今天3.4公斤")
    async with stage.db.transaction() as tx:
        assert 3.4 in list(await tx.scalars(select(Observation.value)))


async def test_a_link_binds_one_account(stage: Stage) -> None:
    await child(stage)
    link = await token(stage)
    mother, stranger = await stage.stranger("zhao"), await stage.stranger("qian")
    await scans(mother, link)
    await mother.says("妈妈", born(stage), "同意")
    said = await scans(stranger, link)
    assert "用过" in said and "住院号" in said and "欧" not in said
    assert await relationships(stage) == [("母亲", True)]


async def test_two_who_open_the_same_link_at_once(stage: Stage) -> None:
    await child(stage)
    link = await token(stage)
    mother, stranger = await stage.stranger("zhao"), await stage.stranger("qian")
    await scans(mother, link)
    await scans(stranger, link)
    for each in (mother, stranger):
        await each.says("妈妈", born(stage))
    await mother.says("同意")
    await stranger.says("同意")
    assert "用过" in await stranger.last()
    assert len(await relationships(stage)) == 1


async def test_forged_and_expired_links_are_answered_honestly_and_lead_on(stage: Stage) -> None:
    await child(stage)
    link = await token(stage)
    async with stage.db.transaction() as tx:
        key = await signing_key(tx)
        foreign = sign(bytes(32), 1, stage.clock() + timedelta(days=1))
        nobody = sign(key, 4711, stage.clock() + timedelta(days=1))
    changed = ("B" if link[0] != "B" else "C") + link[1:]
    for number, forged in enumerate((foreign, nobody, changed, "x", "a" * 120, "张三")):
        visitor = await stage.stranger(f"forger{number}")
        said = await scans(visitor, forged)
        assert "认不出来" in said and "住院号" in said
    await stage.move(timedelta(days=15))
    late = await stage.stranger("late")
    assert "有效期" in await scans(late, link)
    await late.says("继续绑定", menu_id="bind")
    assert "住院号" in await late.last()


async def test_a_link_in_the_wrong_hands_tells_nothing(stage: Stage) -> None:
    await child(stage)
    finder = await stage.stranger("finder")
    await scans(finder, await token(stage))
    await finder.says("妈妈")
    for day in range(1, 6):
        await finder.says(f"2026年1月{day}日")
    assert not any(NAME in said or "小满" in said for said in await finder.hears())
    flags = await stage.flags()
    assert [flag.category for flag in flags] == ["human_request"] and "对不上" in flags[0].because
    async with stage.db.transaction() as tx:
        assert list(await tx.scalars(select(Binding.state))) == ["locked"]
        assert (await tx.scalars(select(Invitation.used_at))).one() is None


async def test_in_danger_nobody_is_asked_who_he_is_first(stage: Stage) -> None:
    await child(stage)
    mother = await stage.stranger("zhao")
    await scans(mother, await token(stage))
    await mother.says("宝宝抽搐了，叫不醒")
    assert "120" in await mother.last()
    assert [flag.level for flag in await stage.flags()] == ["emergency"]
    await mother.says("我是妈妈")
    assert "出生日期" in await mother.last()


async def test_the_other_parent_is_invited_and_the_first_is_told(stage: Stage) -> None:
    await child(stage)
    mother, father = await stage.stranger("zhao"), await stage.stranger("wang")
    await scans(mother, await token(stage))
    await mother.says("妈妈", born(stage), "同意")
    await mother.says("让爸爸也能用")
    link = next(line for line in (await mother.last()).splitlines() if line.startswith("http"))
    said = await scans(father, link.rpartition("scene_param=")[2])
    assert "家人邀请" in said and NAME not in said
    await father.says("爸爸", born(stage), "同意")
    assert await relationships(stage) == [("母亲", True), ("父亲", False)]
    assert "父亲" in (await mother.hears())[-1]


async def test_who_scans_again_goes_on_and_who_is_bound_is_told_so(stage: Stage) -> None:
    await child(stage)
    link = await token(stage)
    mother = await stage.stranger("zhao")
    await scans(mother, link)
    await mother.says("妈妈")
    assert "出生日期" in await scans(mother, link)
    await mother.says(born(stage), "同意")
    assert "不用再绑" in await scans(mother, link)


async def test_withdrawal_ends_follow_ups_and_reaches_a_nurse(stage: Stage) -> None:
    patient = await child(stage)
    await stage.enrol(patient)
    mother = await stage.stranger("zhao")
    await scans(mother, await token(stage))
    await mother.says("妈妈", born(stage), "同意")
    await mother.says("我要撤回同意")
    await mother.says("是的，撤回", menu_id="yes")
    assert "已经撤回" in await mother.last()
    assert "consent_withdrawn" in [flag.category for flag in await stage.flags()]
    card = (await stage.cards("linyue"))[-1]["template_card"]
    assert "撤回同意" in json.dumps(card, ensure_ascii=False)
    heard = len(await mother.hears())
    await stage.move(timedelta(days=1))
    assert len(await mother.hears()) == heard


async def test_no_log_line_holds_what_was_given(stage: Stage) -> None:
    await child(stage)
    mother = await stage.stranger("zhao")
    with capture_logs() as lines:
        await mother.says("绑定孩子", f"ZY0031，生日{born(stage)}，电话{PHONE}", "妈妈", "同意")
    written = json.dumps(lines, ensure_ascii=False, default=str)
    assert await relationships(stage) == [("母亲", True)]
    assert not any(secret in written for secret in (PHONE, "ZY0031", "ZY-0031", NAME, "小满"))


async def test_a_sheet_holds_the_accounts_own_link_and_a_short_token(stage: Stage) -> None:
    await child(stage)
    async with stage.db.transaction() as tx:
        sheet = await discharge_sheet(tx, "zy 0031", by="test", now=stage.clock())
    assert sheet.link.endswith(f"&scene_param={sheet.token}") and "enc_scene=" in sheet.link and len(sheet.token) == 32
