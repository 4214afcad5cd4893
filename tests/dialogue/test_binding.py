"""From a stranger's WeChat to a child's record: by record number, birth date and phone; consent; carers; withdrawal."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from records.binding import BindingAttempt
from records.care_plan import CarePlan
from records.chat import Chat
from records.consent import Consent
from records.message import Outbound
from records.patient import Carer, Patient, PatientCarer
from records.wecom import KfAccount
from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue

PHONE = "13800001234"


@pytest.fixture
async def stranger(new_family) -> Family:
    """Somebody in WeChat whom nobody knows."""
    return await new_family()


@pytest.fixture
async def discharged(db, stranger: Family) -> Patient:
    """小满, born on 20 February 2026, who went home; nobody is bound to her."""
    async with db.transaction() as tx:
        chat = await tx.get_one(Chat, stranger.chat_id)
        # A chat is only joined to a carer who is known.
        await tx.delete(await tx.get_one(Carer, chat.carer_id))
        chat.carer_id = None
        patient = Patient(
            team_id=chat.team_id,
            record_number="ZY-2026 0031",
            name="小满",
            sex="F",
            birth_date=date(2026, 2, 20),
            birth_weight_g=3200,
            tags=[],
            phones=["138 0000 1234"],
        )
        tx.add(patient)
    return patient


async def bound(family: Family) -> list[str]:
    """The names of the children that the chat's carer speaks for."""
    async with family.db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        rows = await tx.scalars(select(Patient.name).join(PatientCarer).where(PatientCarer.carer_id == chat.carer_id))
        return list(rows)


async def consents(family: Family) -> list[tuple[str, str]]:
    async with family.db.transaction() as tx:
        return [(row.answer, row.relationship) for row in await tx.scalars(select(Consent).order_by(Consent.id))]


async def test_by_record_number_birth_date_and_phone(stranger: Family, discharged: Patient) -> None:
    assert "住院号" in await stranger.says("绑定孩子")
    assert "出生日期" in await stranger.says("zy 20260031")
    assert "手机号" in await stranger.says("2026年2月20号")
    said = await stranger.says("138 0000 1234")
    assert "小满" in said and "什么人" in said
    assert "妈妈" in stranger.choices.values()
    said = await stranger.says("妈妈")
    assert "撤回" in said and "母亲" in said and set(stranger.choices.values()) == {"同意", "不同意", "想多了解一点"}
    assert await bound(stranger) == []
    assert "绑好了" in await stranger.says("同意")
    assert await bound(stranger) == ["小满"]
    assert await consents(stranger) == [("given", "母亲")]
    assert "38.2" in await stranger.says("体温36.9，现在38.2度")


async def test_everything_in_one_message(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    assert "小满" in await stranger.says("住院号ZY20260031，生日2026.2.20，电话13800001234")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("今年正月初四", "农历"),
        ("2月20号", "哪一年"),
        ("2026年2月30日", "没有这一天"),
        ("2027年2月20", "还没到"),
        ("春天生的", "年月日"),
        ("不记得了", "出生证"),
    ],
)
async def test_a_birth_date_is_asked_back_and_never_guessed(stranger: Family, discharged: Patient, said: str, answer: str) -> None:
    await stranger.says("绑定孩子")
    await stranger.says("ZY20260031")
    assert answer in await stranger.says(said)


async def test_the_year_alone_completes_the_day(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    await stranger.says("ZY20260031")
    assert "哪一年" in await stranger.says("2月20号")
    assert "手机号" in await stranger.says("今年")


async def test_nothing_is_revealed_when_something_does_not_agree(stranger: Family, discharged: Patient) -> None:
    answers = []
    for number, born, phone in [
        ("ZY20260031", "2026-02-21", PHONE),
        ("ZY20260031", "2026-02-20", "13900000000"),
        ("ZY20260099", "2026-02-20", PHONE),
    ]:
        await stranger.says("绑定孩子")
        await stranger.says(number)
        await stranger.says(born)
        answers.append(await stranger.says(phone))
    assert all("对不上" in answer and "小满" not in answer for answer in answers)
    assert len({answer.replace(str(left), "") for answer, left in zip(answers, (4, 3, 2), strict=True)}) == 1


async def test_who_guesses_record_numbers_soon_talks_to_a_nurse(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    for number in range(5):
        said = await stranger.says(f"ZY2026010{number}，生日2026-02-20，电话13800001234")
    assert "护士" in said and stranger.turn is not None and stranger.turn.wants_human == "binding_locked"
    said = await stranger.says("绑定孩子")
    assert "住院号" not in said and stranger.turn.wants_human == "binding_locked"
    async with stranger.db.transaction() as tx:
        assert list(await tx.scalars(select(BindingAttempt.outcome))) == ["mismatch"] * 5
    stranger.now += timedelta(hours=25)
    assert "住院号" in await stranger.says("绑定孩子")
    assert "小满" in await stranger.says("ZY20260031，生日2026-02-20，电话13800001234")


async def test_a_record_number_is_locked_for_everybody(new_family, stranger: Family, discharged: Patient) -> None:
    for attempt in range(5):
        guesser: Family = await new_family()
        await guesser.says("绑定孩子")
        assert "对不上" in await guesser.says(f"ZY20260031，生日2026-01-1{attempt}，电话13800001234")
    await stranger.says("绑定孩子")
    said = await stranger.says("ZY20260031，生日2026-02-20，电话13800001234")
    assert "小满" not in said and stranger.turn is not None and stranger.turn.wants_human == "binding_locked"


async def test_without_a_phone_on_file_a_nurse_is_needed(stranger: Family, discharged: Patient) -> None:
    async with stranger.db.transaction() as tx:
        (await tx.get_one(Patient, discharged.id)).phones = []
    await stranger.says("绑定孩子")
    assert "对不上" in await stranger.says("ZY20260031，生日2026-02-20，电话13800001234")
    assert "human" in stranger.choices


async def test_a_name_alone_binds_nobody(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    said = await stranger.says("我是小满的妈妈")
    assert await bound(stranger) == [] and "对上" not in said


async def reach_consent(family: Family, who: str = "妈妈") -> str:
    await family.says("绑定孩子")
    await family.says("ZY20260031，生日2026-02-20，电话13800001234")
    return await family.says(who)


async def test_more_is_told_before_consent(stranger: Family, discharged: Patient) -> None:
    await reach_consent(stranger)
    assert "细" in await stranger.says("想多了解一点")
    assert "细" in await stranger.says("谁能看到我发的")
    assert await bound(stranger) == []
    assert "绑好了" in await stranger.says("那好吧，同意")


async def test_without_consent_nothing_is_bound_and_it_can_be_given_later(stranger: Family, discharged: Patient) -> None:
    await reach_consent(stranger)
    assert "不绑" in await stranger.says("不同意")
    assert await bound(stranger) == [] and await consents(stranger) == [("refused", "母亲")]
    assert "保存" in await stranger.says("孩子咳嗽两天了")
    assert "档案" in await stranger.says("体温37.9")


async def test_a_grandmother_consents_for_the_parents(stranger: Family, discharged: Patient) -> None:
    assert "监护人" in await reach_consent(stranger, "我是外婆")


async def test_a_child_does_not_consent_for_itself(stranger: Family, discharged: Patient) -> None:
    assert "18岁" in await reach_consent(stranger, "我就是本人")
    assert await bound(stranger) == []


@pytest.mark.parametrize("said", ["孩子有点咳嗽，流鼻涕", "你好", "谢谢", "母乳怎么保存", "今天要做什么", "出院后多久复查"])
async def test_something_else_is_answered_and_the_binding_goes_on(stranger: Family, discharged: Patient, said: str) -> None:
    await stranger.says("绑定孩子")
    await stranger.says("ZY20260031")
    assert "出生日期" in await stranger.says(said)
    assert "手机号" in await stranger.says("2026-2-20")


async def test_it_can_be_left_and_taken_up_where_it_stopped(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    await stranger.says("ZY20260031")
    await stranger.says("转人工")
    assert stranger.turn is not None and stranger.turn.wants_human == "request"
    assert "手机号" in await stranger.says("2026-2-20")
    stranger.now += timedelta(hours=5)
    assert "手机号" in await stranger.says("你好")
    assert "手机号" in await stranger.says("绑定孩子")
    assert "先不绑" in await stranger.says("算了先不绑了")
    assert "您好" in await stranger.says("你好")


async def test_a_person_is_called_beside_particulars_too(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    await stranger.says("住院号ZY20260031，帮我转人工")
    assert stranger.turn is not None and stranger.turn.wants_human == "request"


async def test_three_failures_offer_a_nurse(stranger: Family, discharged: Patient) -> None:
    await stranger.says("绑定孩子")
    for words in ("木头做的", "紫的绿的都有", "东西掉地上了"):
        said = await stranger.says(words)
    assert "护士" in said and set(stranger.choices) == {"human", "go_on", "no"}
    assert "住院号" in await stranger.says("继续绑定", menu_id="go_on")


async def test_what_was_said_before_is_kept_once_the_family_says_whose_it_is(stranger: Family, discharged: Patient) -> None:
    said = await stranger.says("体温37.6度")
    assert "bind" in stranger.choices and stranger.turn is not None and stranger.turn.wants_human is None
    await stranger.says("绑定孩子", menu_id="bind")
    await stranger.says("ZY20260031，生日2026-02-20，电话13800001234")
    await stranger.says("妈妈")
    said = await stranger.says("同意")
    assert "绑好了" in said and "37.6度" in said
    stranger.children.append(discharged.id)
    assert await stranger.recorded("temperature") == []
    assert "37.6" in await stranger.says("是的")
    assert await stranger.recorded("temperature") == [37.6]


async def test_what_was_said_before_is_judged_with_the_childs_age(stranger: Family, discharged: Patient) -> None:
    await stranger.says("体温38.3度")
    await reach_consent(stranger)
    said = await stranger.says("同意")
    assert "emergency" in {flag.level for flag in await stranger.flags()}
    assert "38.3" in said
    await stranger.says("不是")
    stranger.children.append(discharged.id)
    assert await stranger.recorded("temperature") == []


async def test_a_second_child_is_bound_beside_the_first(family: Family, db) -> None:
    async with db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        tx.add(
            Patient(team_id=chat.team_id, record_number="88123", name="乐乐", sex="M", birth_date=date(2022, 1, 5), tags=[], phones=[PHONE])
        )
    await family.says("还有一个孩子也要绑定")
    await family.says("88123，2022年1月5日生，13800001234")
    await family.says("妈妈")
    assert "绑好了" in await family.says("同意")
    assert sorted(await bound(family)) == ["乐乐", "安安"]


async def test_who_is_bound_already_is_told_so(family: Family) -> None:
    async with family.db.transaction() as tx:
        patient = await tx.get_one(Patient, family.children[0])
        patient.record_number, patient.phones = "88124", [PHONE]
    await family.says("绑定孩子")
    assert "不用再绑" in await family.says("88124，2026年2月20日生，13800001234")


async def test_a_follow_up_puts_the_binding_aside(family: Family) -> None:
    await family.says("绑定孩子")
    await family.is_asked()
    assert "3.40公斤" in await family.says("3.4公斤")
    assert "住院号" in await family.says("绑定孩子")


async def test_with_a_family_that_is_bound_it_gives_way_after_a_while(family: Family) -> None:
    await family.says("绑定孩子")
    await family.says("ZY20260031")
    family.now += timedelta(hours=3)
    assert "出生日期" not in await family.says("安安体温36.6")
    assert "出生日期" in await family.says("绑定孩子")


async def test_a_follow_up_waits_while_the_family_binds_another_child(family: Family) -> None:
    asked = await family.is_asked()
    said = await family.says("绑定孩子")
    assert "住院号" in said and asked not in said
    assert "先不绑" in await family.says("先不绑了")
    assert "3.40公斤" in await family.says("3.4公斤")


async def test_consent_is_withdrawn_once_confirmed(family: Family) -> None:
    await family.is_asked()
    said = await family.says("我要撤回同意")
    assert "安安" in said and await bound(family) == ["安安"]
    said = await family.says("是的，撤回", menu_id="yes")
    assert "护士" in said and await bound(family) == []
    assert [flag.category for flag in await family.flags()] == ["consent_withdrawn"]
    assert await consents(family) == [("withdrawn", "母亲")]
    async with family.db.transaction() as tx:
        assert list(await tx.scalars(select(CarePlan.state))) == ["withdrawn"]
    await family.says("体温37.7")
    assert await family.recorded("temperature") == []


async def test_withdrawing_can_be_thought_over(family: Family) -> None:
    await family.says("撤回同意")
    assert "不撤回" in await family.says("先不撤回", menu_id="no")
    assert await bound(family) == ["安安"]


async def test_privacy_is_answered_from_the_same_text(family: Family) -> None:
    said = await family.says("谁能看到我发的")
    assert "随访团队" in said and "撤回同意" in said


async def test_the_primary_carer_gets_a_link_for_another_one(family: Family) -> None:
    async with family.db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        url = "https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC1"
        tx.add(KfAccount(open_kfid=chat.open_kfid, name="随访", team_id=chat.team_id, contact_url=url))
    said = await family.says("让爸爸也能用")
    assert f"{url}&scene_param=" in said and "安安" in said


async def test_only_the_primary_carer_invites(family: Family) -> None:
    async with family.db.transaction() as tx:
        link = await tx.scalar(select(PatientCarer).where(PatientCarer.patient_id == family.children[0]))
        assert link is not None
        link.primary = False
    assert "主要联系人" in await family.says("邀请家人")


async def test_a_second_carer_is_told_to_the_first(family: Family, new_family, db) -> None:
    async with db.transaction() as tx:
        patient = await tx.get_one(Patient, family.children[0])
        patient.record_number, patient.phones = "88125", [PHONE]
    father: Family = await new_family()
    await father.says("绑定孩子")
    await father.says("88125，2026年2月20日生，13800001234")
    await father.says("我是孩子爸爸")
    assert "还是发给安安的母亲" in await father.says("同意")
    async with db.transaction() as tx:
        told = await tx.scalar(select(Outbound).where(Outbound.chat_id == family.chat_id))
        assert told is not None and "父亲" in told.payload["text"]["content"]
