"""Moves are guarded and written down."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from records.database import Database
from records.flag import FLAG_MOVES, raise_flag
from records.schema import Chat, Flag, StateChange, Team
from records.state import MoveRefused, move

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


async def a_chat(tx) -> Chat:
    team = Team(name="新生儿科随访组", phone="010-1")
    tx.add(team)
    await tx.flush()
    chat = Chat(open_kfid="wk1", external_userid="wm1", team_id=team.id, opened_at=NOW)
    tx.add(chat)
    await tx.flush()
    return chat


async def test_a_flag_is_raised_once_and_strengthened(db: Database) -> None:
    async with db.transaction() as tx:
        chat = await a_chat(tx)
        for level in ("urgent", "emergency"):
            await raise_flag(tx, chat, level=level, categories=["breathing"], said="喘", because="喘", evidence=[{"rule": "b"}], now=NOW)
    async with db.transaction() as tx:
        flag = (await tx.scalars(select(Flag))).one()
        assert (flag.level, flag.repeats, len(flag.evidence), flag.next_at) == ("emergency", 1, 2, NOW)


async def test_a_move_is_written_down_and_a_forbidden_one_refused(db: Database) -> None:
    async with db.transaction() as tx:
        flag = await raise_flag(tx, await a_chat(tx), level="urgent", categories=["x"], said="", because="", evidence=[], now=NOW)
        assert await move(tx, flag, "delivered", moves=FLAG_MOVES, at=NOW, by="nurse-lin", delivered_at=NOW)
        assert flag.state == "delivered"
        assert flag.delivered_at == NOW
        with pytest.raises(MoveRefused):
            await move(tx, flag, "raised", moves=FLAG_MOVES, at=NOW, by="nurse-lin")
    async with db.transaction() as tx:
        changes = (await tx.scalars(select(StateChange).order_by(StateChange.id))).all()
        assert [(c.old, c.new, c.by) for c in changes] == [(None, "raised", "triage"), ("raised", "delivered", "nurse-lin")]


async def test_the_slower_of_two_moves_loses(db: Database) -> None:
    async with db.transaction() as tx:
        await raise_flag(tx, await a_chat(tx), level="urgent", categories=["x"], said="", because="", evidence=[], now=NOW)
    async with db.transaction() as tx:
        stale = (await tx.scalars(select(Flag))).one()
        async with db.transaction() as other:
            mine = (await other.scalars(select(Flag))).one()
            assert await move(other, mine, "acknowledged", moves=FLAG_MOVES, at=NOW, by="nurse-lin")
        assert not await move(tx, stale, "acknowledged", moves=FLAG_MOVES, at=NOW, by="nurse-qin")
