"""Names and numbers in the database: unreadable there, found by the program, refused where they do not belong or the key is another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.data_key import DataKey, retire, rotate
from records.database import Database
from records.keyring import INDEX, Keyring, KeyringError
from records.patient import Carer, Patient, patients_by_number
from records.patient_identifier import PatientIdentifier
from records.resealing import reseal_some, sealed_tables, uses
from records.schema import Base
from records.sealed import Blind, sealed_columns
from records.staff import Team
from tests.keys import KEYRING, Keys

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


async def child(tx: AsyncSession, number: str = "MR-0812", name: str = "王小满") -> Patient:
    team = (await tx.scalars(select(Team))).first() or Team(name="随访组")
    tx.add(team)
    await tx.flush()
    patient = Patient(team_id=team.id, record_number=number, name=name, sex="F", birth_date=date(2025, 1, 1), phones=["13800138000"])
    tx.add(patient)
    await tx.flush()
    return patient


@asynccontextmanager
async def opened(db: Database, ring: Keyring) -> AsyncIterator[Database]:
    """Another process on the same database."""
    other = Database(url=db.url, pool_size=1, keyring=ring)
    await other.open()
    try:
        yield other
    finally:
        await other.close()


async def settle(tx: AsyncSession) -> None:
    """Time passes in which every process has heard which key is active."""
    await tx.execute(text("update data_key set since = since - interval '1 hour'"))


async def sealed_anew(db: Database, *, at_once: int = 200) -> int:
    batches = 0
    while True:
        async with db.transaction() as tx:
            if not await reseal_some(tx, at_once=at_once):
                return batches
        batches += 1


async def test_the_database_holds_no_name_and_the_program_reads_it(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await child(tx)
        stored = (await tx.execute(text("select name, record_number, phones #>> '{}' from patient"))).one()
        assert all(each.startswith("~k1~") for each in stored)
        await tx.refresh(patient)
        assert (patient.name, patient.record_number, patient.phones) == ("王小满", "MR-0812", ["13800138000"])


async def test_it_is_found_by_the_number_as_written_and_as_compared_also_after_a_change(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await child(tx)
        await child(tx, "MR-0813", "王小安")
        assert await tx.scalar(select(Patient.id).where(Patient.record_number == "MR-0812")) == patient.id
        assert (await patients_by_number(tx, ["MR0812"]))["MR0812"] == [patient]
        patient.record_number = "N-7"
        await tx.flush()
        assert await tx.scalar(select(Patient.id).where(Patient.record_number.in_(["MR-0812"]))) is None
        assert set(await patients_by_number(tx, ["MR0812", "N7"])) == {"N7"}


async def test_two_of_one_number_are_refused(db: Database) -> None:
    with pytest.raises(Exception, match="uq_patient_record_number_blind"):
        async with db.transaction() as tx:
            await child(tx)
            await child(tx, name="王小安")


async def test_a_comparison_that_would_find_nothing_is_refused() -> None:
    for compared in (lambda: Patient.name == "王", lambda: Patient.name.contains("王"), lambda: Patient.name < "王"):
        with pytest.raises(TypeError, match="is sealed"):
            compared()


async def test_a_ciphertext_that_was_moved_is_refused(db: Database) -> None:
    async with db.transaction() as tx:
        await child(tx)
        await tx.execute(text("update patient set name = record_number"))
    with pytest.raises(KeyringError, match=r"patient\.name was not sealed for it"):
        async with db.transaction() as tx:
            await tx.scalar(select(Patient.name))


async def test_what_cannot_be_stored_is_refused_as_ever(db: Database) -> None:
    with pytest.raises(Exception, match="NUL"):
        async with db.transaction() as tx:
            await child(tx, name="王\0")


async def test_a_start_with_a_missing_or_wrong_key_is_refused_in_one_sentence(db: Database) -> None:
    await db.take_up_keys()
    for ring, code in ((Keyring(Keys()), "key_missing"), (Keyring(Keys(INDEX, "k1", salt="x")), "key_wrong")):
        async with opened(db, ring) as other:
            with pytest.raises(KeyringError) as refused:
                await other.take_up_keys()
            assert refused.value.code == code and "\n" not in str(refused.value)
    async with opened(db, Keyring(Keys(INDEX, "k1"))) as other:
        await other.take_up_keys()


async def test_a_process_without_keys_reads_no_name_and_writes_none(db: Database) -> None:
    async with db.transaction() as tx:
        await child(tx)
    without = Database(url=db.url, pool_size=1)
    await without.open()
    try:
        for asked in (select(Patient.name), select(Patient.id).where(Patient.record_number == "x")):
            with pytest.raises(Exception, match="no keys"):
                async with without.transaction() as tx:
                    await tx.scalar(asked)
    finally:
        await without.close()


async def test_rotation_goes_on_where_it_stopped_and_lets_the_old_key_go_at_the_end(db: Database) -> None:
    store = Keys(INDEX, "k1")
    async with opened(db, Keyring(store)) as one, opened(db, Keyring(store)) as other:
        await one.take_up_keys()
        await other.take_up_keys()
        async with one.transaction() as tx:
            for number in range(7):
                await child(tx, f"MR-{number}")
            changed_at = list(await tx.scalars(select(Patient.changed_at).order_by(Patient.id)))
            tx.add(Carer(name="赵敏", phone="13800138001"))
        store.add("k2")
        async with one.transaction() as tx:
            await rotate(tx, "k2")
            assert await reseal_some(tx) == 0, "another process may still seal with the key before"
        async with other.transaction() as tx:
            assert len({row.name for row in await tx.scalars(select(Patient))}) == 1
            await child(tx, "MR-old")
        async with one.transaction() as tx:
            await settle(tx)
            assert await reseal_some(tx, at_once=3)
            with pytest.raises(KeyringError) as used:
                await retire(tx, "k1", (await uses(tx))["k1"])
            assert used.value.code == "key_in_use"
        # The process ends here; another one, which had not heard of the new key, goes on.
        assert await sealed_anew(other, at_once=3) > 2
        async with other.transaction() as tx:
            assert set(await uses(tx)) == {"k2"}
            assert list(await tx.scalars(select(Patient.changed_at).order_by(Patient.id)))[:7] == changed_at
            await retire(tx, "k1", (await uses(tx)).get("k1", 0))
            states = {row.name: row.state for row in await tx.scalars(select(DataKey))}
            assert states == {INDEX: "active", "k1": "retired", "k2": "active"}
            assert await tx.scalar(select(Patient.name).where(Patient.record_number == "MR-3")) == "王小满"


async def test_what_an_older_version_wrote_is_found_and_sealed_in_the_background(db: Database) -> None:
    async with db.transaction() as tx:
        team = Team(name="随访组")
        tx.add(team)
        await tx.flush()
        await tx.execute(
            text(
                "insert into patient (id, team_id, record_number, name, birth_date, tags, phones, mother, said_at)"
                """ values (5, :team, 'MR-5', '王小满', '2025-01-01', '[]', '["13800138000"]', '[]', '{}')"""
            ),
            {"team": team.id},
        )
        identifier = {"system": "record-number", "value": "E-5", "source": "his", "since": NOW}
        await tx.execute(
            text(
                "insert into patient_identifier (patient_id, system, value, source, since, alias)"
                " values (5, :system, :value, :source, :since, false)"
            ),
            identifier,
        )

    async def found(tx: AsyncSession) -> bool:
        by_number = await patients_by_number(tx, ["MR5", "E5"])
        known = await tx.scalar(select(PatientIdentifier.patient_id).where(PatientIdentifier.value == "E-5"))
        exact = await tx.scalar(select(Patient.name).where(Patient.record_number == "MR-5"))
        return (set(by_number), known, exact) == ({"MR5", "E5"}, 5, "王小满")

    await db.take_up_keys()
    async with db.transaction() as tx:
        await settle(tx)
        assert await found(tx) and set(await uses(tx)) == {""}
    await sealed_anew(db)
    async with db.transaction() as tx:
        assert await found(tx) and set(await uses(tx)) == {"k1"}
        assert (await tx.scalars(select(Patient.phones))).one() == ["13800138000"]
        blinds = await tx.scalar(text("select num_nonnulls(record_number_blind, record_key_blind, face_blind) from patient"))
        assert blinds == 3


async def test_before_the_last_migration_texts_stay_plain_and_get_their_blind_indexes(db: Database) -> None:
    async with opened(db, Keyring(KEYRING.store)) as beside, beside.transaction() as tx:
        patient = await child(tx)
        assert await tx.scalar(text("select name from patient")) == "王小满"
        await tx.execute(text("update patient set record_number_blind = null"))
        assert await tx.scalar(select(Patient.id).where(Patient.record_number == "MR-0812")) == patient.id
        while await reseal_some(tx):
            pass
        assert await tx.scalar(text("select name from patient where record_number_blind is not null")) == "王小满"


def test_each_place_is_its_own_and_each_sealed_table_has_an_id() -> None:
    places = [(f"{table.name}.{name}", kind.place) for table in sealed_tables().values() for name, kind in sealed_columns(table).items()]
    assert all(where == place for where, place in places) and len(places) > 10
    assert all("id" in table.columns for table in sealed_tables().values())
    blind = {table.name for table in Base.metadata.tables.values() for column in table.columns if isinstance(column.type, Blind)}
    assert blind <= set(sealed_tables())
