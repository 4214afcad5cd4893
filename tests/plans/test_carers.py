"""Who speaks for a child: joining, parting, and whom follow-ups go to."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from plans.carers import carers_of, join, make_primary, part
from records.chat import Chat
from records.database import Database
from records.patient import Patient, primary_carer
from records.staff import Team
from records.state import StateChange

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
async def patient(db: Database) -> Patient:
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组", phone=None)
        tx.add(team)
        await tx.flush()
        patient = Patient(team_id=team.id, record_number="R1", name="小满", sex="F", birth_date=date(2026, 2, 20), tags=[])
        tx.add(patient)
    return patient


async def bind(db: Database, patient: Patient, user: str, relationship: str) -> int:
    async with db.transaction() as tx:
        other = Team(name=f"team of {user}", phone=None)
        tx.add(other)
        await tx.flush()
        chat = Chat(open_kfid="wk", external_userid=user, team_id=other.id, opened_at=NOW)
        tx.add(chat)
        await tx.flush()
        joined = await join(tx, patient, chat, relationship=relationship, phone=None, now=NOW)
        assert chat.carer_id == joined.carer.id and chat.team_id == patient.team_id
        return joined.carer.id


async def test_the_first_is_primary_and_the_next_takes_over(db: Database, patient: Patient) -> None:
    mother, father = await bind(db, patient, "wm1", "母亲"), await bind(db, patient, "wm2", "父亲")
    async with db.transaction() as tx:
        there = await carers_of(tx, patient.id)
        assert [(link.relationship, link.primary) for link, _ in there] == [("母亲", True), ("父亲", False)]
        assert await make_primary(tx, patient, there[1][1], by="test", now=NOW)
    async with db.transaction() as tx:
        assert (await primary_carer(tx, patient.id)).id == father  # type: ignore[union-attr]
        assert await part(tx, patient, there[1][1], by="test", reason="wrong account", now=NOW)
        assert not await part(tx, patient, there[1][1], by="test", reason="again", now=NOW)
    async with db.transaction() as tx:
        assert (await primary_carer(tx, patient.id)).id == mother  # type: ignore[union-attr]
        changes = await tx.scalars(select(StateChange.new).where(StateChange.entity == "patient_carer").order_by(StateChange.id))
        assert list(changes) == ["bound", "bound", "primary", "unbound", "primary"]


async def test_binding_twice_is_once(db: Database, patient: Patient) -> None:
    await bind(db, patient, "wm1", "母亲")
    async with db.transaction() as tx:
        chat = (await tx.scalars(select(Chat))).one()
        joined = await join(tx, patient, chat, relationship="父亲", phone=None, now=NOW)
        assert joined.primary and joined.others == 0
        assert [link.relationship for link, _ in await carers_of(tx, patient.id)] == ["母亲"]
