"""The life of a follow-up never leaves its table."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.task import OPEN, TASK_MOVES, close
from records.database import Database
from records.schema import StateChange, Task
from records.state import MoveRefused, move
from tests.keys import KEYRING
from tests.plans.conftest import DISCHARGE, Family, local, make_family

STATES = sorted(TASK_MOVES)


def test_the_table_is_closed_in_itself() -> None:
    assert {state for moves in TASK_MOVES.values() for state in moves} <= set(TASK_MOVES)
    assert set(TASK_MOVES) - OPEN == {"done", "partial", "declined", "missed", "undeliverable", "withdrawn"}
    reached, frontier = set(), {"scheduled"}
    while frontier:
        reached |= frontier
        frontier = {new for old in frontier for new in TASK_MOVES[old]} - reached
    assert reached == set(TASK_MOVES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.sampled_from(STATES), max_size=12))
def test_no_sequence_of_moves_leaves_the_table(database_url: str, wishes: list[str]) -> None:
    asyncio.run(_wish(database_url, wishes))


async def _wish(url: str, wishes: list[str]) -> None:
    database = Database(url=url, pool_size=1, keyring=KEYRING)
    await database.open()
    try:
        async with database.engine.connect() as connection, connection.begin() as transaction:
            async with AsyncSession(bind=connection, expire_on_commit=False) as tx:
                family = await make_family(tx)
                await family.enrolled()
                task = (await tx.scalars(select(Task).limit(1))).one()
                made, now = 0, local(DISCHARGE)
                for wish in wishes:
                    before = task.state
                    if wish in TASK_MOVES[before]:
                        assert await move(tx, task, wish, moves=TASK_MOVES, at=now, by="test")
                        made += 1
                    else:
                        with pytest.raises(MoveRefused):
                            await move(tx, task, wish, moves=TASK_MOVES, at=now, by="test")
                        assert task.state == before
                changes = StateChange.entity == "task", StateChange.entity_id == task.id
                assert await tx.scalar(select(func.count()).select_from(StateChange).where(*changes)) == made + 1
                assert await tx.scalar(select(Task.state).where(Task.id == task.id)) == task.state
            await transaction.rollback()
    finally:
        await database.close()


async def test_closing_lets_go_of_the_chat_and_is_final(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(DISCHARGE.replace(day=6))
    assert family.chat.task_id == task.id
    assert await close(family.tx, task, "declined", now=local(DISCHARGE), by="family", reason="cannot")
    assert (family.chat.task_id, task.next_at, task.outcome) == (None, None, "cannot")
    with pytest.raises(MoveRefused):
        await close(family.tx, task, "done", now=local(DISCHARGE), by="family")
