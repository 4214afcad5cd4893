"""Asking for a patient's tags to be looked at again."""

from datetime import UTC, date, datetime, timedelta

from records.database import Database
from records.patient import Patient
from records.retag import ask_later, ask_retag, asked_for, looked_at
from records.staff import Team

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


async def children(db: Database, count: int) -> list[int]:
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        tx.add(team)
        await tx.flush()
        born = date(2025, 8, 1)
        patients = [Patient(team_id=team.id, record_number=f"R{n}", name=f"宝宝{n}", birth_date=born) for n in range(count)]
        tx.add_all(patients)
        await tx.flush()
        return [each.id for each in patients]


async def test_asking_twice_is_asking_once_and_the_longest_wait_comes_first(db: Database) -> None:
    first, second = await children(db, 2)
    async with db.transaction() as tx:
        await ask_retag(tx, [second, second], NOW)
        await ask_retag(tx, [first, second], NOW + timedelta(minutes=1))
        await ask_retag(tx, [], NOW)
    async with db.transaction() as tx:
        assert list(await asked_for(tx, LATER, 10)) == [second, first]
        assert list(await asked_for(tx, LATER, 1)) == [second]


async def test_what_was_looked_at_is_dropped(db: Database) -> None:
    first, second = await children(db, 2)
    async with db.transaction() as tx:
        await ask_retag(tx, [first, second], NOW)
    async with db.transaction() as tx:
        seen = await asked_for(tx, LATER, 1)
        await looked_at(tx, seen)
        await looked_at(tx, {})
    async with db.transaction() as tx:
        assert list(await asked_for(tx, LATER, 10)) == [second]


async def test_a_fact_that_comes_while_one_looks_is_looked_at_again(db: Database) -> None:
    (child,) = await children(db, 1)
    async with db.transaction() as tx:
        await ask_retag(tx, [child], NOW)
    async with db.transaction() as looking:
        seen = await asked_for(looking, LATER, 10)
        async with db.transaction() as tx:
            await ask_retag(tx, [child], NOW)
        await looked_at(looking, seen)
    async with db.transaction() as tx:
        again = await asked_for(tx, LATER, 10)
        assert list(again) == [child]
        await looked_at(tx, again)
        assert await asked_for(tx, LATER, 10) == {}


async def test_a_fact_that_is_not_committed_yet_is_not_waited_for(db: Database) -> None:
    (child,) = await children(db, 1)
    async with db.transaction() as tx:
        await ask_retag(tx, [child], NOW)
    async with db.transaction() as writing:
        await ask_retag(writing, [child], NOW)
        async with db.transaction() as looking:
            await looked_at(looking, await asked_for(looking, LATER, 10))
    async with db.transaction() as tx:
        assert list(await asked_for(tx, LATER, 10)) == [child]


async def test_a_patient_is_looked_at_when_time_has_come_or_when_somebody_asks(db: Database) -> None:
    first, second = await children(db, 2)
    async with db.transaction() as tx:
        await ask_later(tx, [first, second], LATER)
        assert await asked_for(tx, NOW, 10) == {}
        await ask_retag(tx, [first], NOW)
        await ask_later(tx, [first], LATER)
        assert list(await asked_for(tx, NOW, 10)) == [first]
        assert list(await asked_for(tx, LATER, 10)) == [first, second]
