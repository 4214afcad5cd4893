"""Putting people on file by hand."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from bot.registry import NewPatient, RegistryError, register_patient, register_staff
from plans.enrolment import EnrolmentError
from records.care_plan import Task
from records.chat import Chat
from records.database import Database
from records.patient import Patient
from records.staff import Team, on_call
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
