"""Putting people on file by hand."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from bot.families import sheet_text
from bot.links import discharge_sheet
from bot.registry import NewPatient, RegistryError, register_patient, register_staff
from plans.enrolment import EnrolmentError
from records.care_plan import Task
from records.chat import Chat
from records.consent import Consent
from records.database import Database
from records.patient import Carer, Patient
from records.staff import Team, on_call
from records.wecom import KfAccount
from tests.bot.stage import MORNING, ZONE

BABY = NewPatient(
    record_number="N1",
    name="小满",
    born=date(2026, 2, 24),
    discharged=date(2026, 2, 28),
    sex="F",
    birth_weight_g=2300,
    weeks=34,
    carer_userid="wmzhao",
    carer_name="赵敏",
    relationship="母亲",
    hour=9,
    team="新生儿随访组",
    plan="neonatal",
)


async def test_a_nurse_goes_on_and_off_call(db: Database) -> None:
    async with db.transaction() as tx:
        await register_staff(tx, "linyue", "林悦", title="护士", team="新生儿随访组", phone="010-1", tier=1)
    async with db.transaction() as tx:
        team = (await tx.scalars(select(Team))).one()
        assert [who.userid for who in await on_call(tx, team.id, 1, MORNING)] == ["linyue"]
        await register_staff(tx, "linyue", "林悦", title="护士长", team="新生儿随访组", phone=None, tier=None)
    async with db.transaction() as tx:
        assert await on_call(tx, team.id, 1, MORNING) == []
        assert (await tx.scalars(select(Team.phone))).one() == "010-1"


async def test_a_family_that_wrote_before_is_bound_and_its_child_is_on_the_plan(db: Database) -> None:
    async with db.transaction() as tx:
        await register_staff(tx, "linyue", "林悦", title="护士", team=BABY.team, phone=None, tier=1)
        team = (await tx.scalars(select(Team))).one()
        tx.add(Chat(open_kfid="wk", external_userid="wmzhao", team_id=team.id, opened_at=MORNING))
    async with db.transaction() as tx:
        await register_patient(tx, BABY, now=MORNING, zone=ZONE)
    async with db.transaction() as tx:
        assert (await tx.scalars(select(Chat.carer_id))).one() is not None
        assert (await tx.scalars(select(Patient.tags))).one() == ["preterm"]
        assert (await tx.scalars(select(Task.id))).all()


async def test_what_cannot_be_is_refused_and_leaves_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        await register_staff(tx, "linyue", "林悦", title="护士", team=BABY.team, phone=None, tier=1)
    for wrong, error in (
        (replace(BABY, team="没有这个组"), RegistryError),
        (replace(BABY, plan="nothing"), RegistryError),
        (replace(BABY, birth_weight_g=34000), EnrolmentError),
        (replace(BABY, discharged=date(2026, 2, 1)), EnrolmentError),
    ):
        with pytest.raises(error):
            async with db.transaction() as tx:
                await register_patient(tx, wrong, now=MORNING, zone=ZONE)
    async with db.transaction() as tx:
        assert (await tx.scalars(select(Patient.id))).all() == []


async def test_without_a_carer_the_family_binds_itself_by_the_sheet(db: Database) -> None:
    async with db.transaction() as tx:
        await register_staff(tx, "linyue", "林悦", title="护士", team=BABY.team, phone=None, tier=1)
        await register_patient(tx, replace(BABY, carer_userid=None, phones=("13800001234",)), now=MORNING, zone=ZONE)
    async with db.transaction() as tx:
        assert (await tx.scalars(select(Patient.phones))).one() == ["13800001234"]
        assert (await tx.scalars(select(Carer.id))).all() == []
        team = (await tx.scalars(select(Team))).one()
        with pytest.raises(RegistryError, match="WeCom"):
            await discharge_sheet(tx, "n 1", by="test", now=MORNING)
        url = "https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC1"
        tx.add(KfAccount(open_kfid="wk", name="随访", team_id=team.id, contact_url=url))
    async with db.transaction() as tx:
        sheet = sheet_text(await discharge_sheet(tx, "n 1", by="test", now=MORNING), "示范儿童医院")
        assert f"{url}&scene_param=" in sheet and "2026-02-24" in sheet
        with pytest.raises(RegistryError, match="no patient"):
            await discharge_sheet(tx, "n 2", by="test", now=MORNING)


async def test_a_carer_who_is_put_on_file_has_consented_on_paper(db: Database) -> None:
    async with db.transaction() as tx:
        await register_staff(tx, "linyue", "林悦", title="护士", team=BABY.team, phone=None, tier=1)
        await register_patient(tx, BABY, now=MORNING, zone=ZONE)
    async with db.transaction() as tx:
        consent = (await tx.scalars(select(Consent))).one()
        assert (consent.answer, consent.text_version, consent.by) == ("given", "paper", "command line")
