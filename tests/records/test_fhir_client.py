"""What programs of other systems may see, and rows that know when they changed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from records.database import Database
from records.fhir_client import access_patient_as_client, end_tokens, patients_seen_by, token_holder
from records.patient import AccessRefused
from records.schema import FhirClient, FhirClientTeam, FhirToken, Patient, ReadAudit, Team

NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)


async def plant(db: Database) -> tuple[FhirClient, Patient, Patient]:
    """A program of the newborns' team, a newborn, and a patient of another team."""
    async with db.transaction() as tx:
        ours, theirs = Team(name="新生儿随访组"), Team(name="血液科随访组")
        client = FhirClient(client_id="portal", name="门户", secret_hash="-", scopes=["system/*.read"], created_at=NOW)
        tx.add_all([ours, theirs, client])
        await tx.flush()
        tx.add(FhirClientTeam(client_id=client.id, team_id=ours.id))
        mine = Patient(team_id=ours.id, record_number="A1", name="赵小满", birth_date=date(2026, 3, 1))
        other = Patient(team_id=theirs.id, record_number="B1", name="钱小雨", birth_date=date(2020, 3, 1))
        tx.add_all([mine, other])
    return client, mine, other


async def test_a_program_sees_its_teams_patients_and_leaves_its_name(db: Database) -> None:
    client, mine, other = await plant(db)
    async with db.transaction() as tx:
        assert (await access_patient_as_client(tx, client.id, mine.id, now=NOW, why="read")).id == mine.id
        assert list(await tx.scalars(patients_seen_by(client.id))) == [mine.id]
    async with db.transaction() as tx:
        audit = (await tx.scalars(select(ReadAudit))).one()
        assert (audit.patient_id, audit.client_id, audit.staff_id) == (mine.id, client.id, None)
        for strange in (other.id, 10**12):
            with pytest.raises(AccessRefused):
                await access_patient_as_client(tx, client.id, strange, now=NOW, why="read")


async def test_a_token_ends_by_its_hour_and_with_its_program(db: Database) -> None:
    client, *_ = await plant(db)
    async with db.transaction() as tx:
        tx.add(FhirToken(token_hash="h", client_id=client.id, scopes=["a"], issued_at=NOW, expires_at=NOW + timedelta(minutes=5)))
    async with db.transaction() as tx:
        held = await token_holder(tx, "h", NOW)
        assert held is not None and (held[0].client_id, held[1]) == ("portal", ["a"])
        assert await token_holder(tx, "h", NOW + timedelta(minutes=5)) is None
        assert await token_holder(tx, "x", NOW) is None
        held[0].revoked_at = NOW
        assert await token_holder(tx, "h", NOW) is None
        await end_tokens(tx, client.id)
        assert (await tx.scalars(select(FhirToken))).all() == []


async def test_a_row_knows_when_it_last_changed(db: Database) -> None:
    _, mine, _ = await plant(db)
    times = []
    for name in ("赵小满", "赵大满", "赵大满"):
        async with db.transaction() as tx:
            patient = await tx.get_one(Patient, mine.id)
            patient.name = name
            await tx.flush()
            await tx.refresh(patient)
            times.append(patient.changed_at)
    assert times[0] < times[1] == times[2]
