"""The audit's seals: rows are written by many at once and sealed behind them, and whatever is done to them afterwards is named."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, text, update

from records.audit_seal import FORM, LOGS, AuditRemoval, AuditSeal, Keys, audit_keys, digest, fingerprint, head_text, table_of
from records.audit_sealing import Sealer, last_seal, note_removal, seal_next, unsealed
from records.audit_verifying import Verified, verify
from records.database import Database
from records.patient import ReadAudit
from records.schema import Erasure, Staff, Team
from records.state import StateChange

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
KEYS = Keys.of(b"outside of the database")


def sealer(db: Database, keys: Keys = KEYS) -> Sealer:
    async def given(_: object) -> Keys:
        return keys

    return Sealer(db, lambda: NOW, given)


async def sealed(db: Database, keys: Keys = KEYS) -> int:
    """Seal all that is there, look by look as a worker does; how many rows."""
    return await looked_until_sealed(db, sealer(db, keys))


async def looked_until_sealed(db: Database, *sealers: Sealer) -> int:
    """Three looks seal everything, unless somebody writes elsewhere on the same server, in a test beside this one."""
    count = 0
    async with asyncio.timeout(60):
        while True:
            count += sum(await asyncio.gather(*(each.look() for each in sealers)))
            async with db.transaction() as tx:
                if not any(rows for rows, _ in (await unsealed(tx)).values()):
                    return count


async def read(db: Database, *patients: int) -> list[int]:
    async with db.transaction() as tx:
        rows = [ReadAudit(patient_id=patient, staff_id=1, at=NOW, why="portrait") for patient in patients]
        tx.add_all(rows)
        await tx.flush()
        return [row.id for row in rows]


async def changed(db: Database, reason: str = "转院") -> int:
    async with db.transaction() as tx:
        row = StateChange(
            entity="flag", entity_id=7, old="raised", new="closed", at=NOW, by="lin", reason=reason, detail={"n": 1.5, "中": []}
        )
        tx.add(row)
        await tx.flush()
        return row.id


async def do(db: Database, statement: Any) -> None:
    async with db.transaction() as tx:
        await tx.execute(statement)


def named(result: Verified) -> list[tuple[Any, ...]]:
    return [(each.code, each.log, each.row) for each in result.problems]


def test_every_column_of_the_logs_is_sealed() -> None:
    assert FORM == 1
    assert {log: set(columns) for log, columns in LOGS.items()} == {log: set(table_of(log).columns.keys()) for log in LOGS}


async def test_what_is_untouched_verifies_and_each_seal_hangs_on_the_last(db: Database) -> None:
    assert (await verify(db, KEYS)).seals == 0
    await read(db, 1, 2, 3)
    await changed(db)
    assert await sealed(db) == 4
    await read(db, 4)
    result = await verify(db, KEYS)
    assert (result.found, result.seals, result.rows) == (0, 2, 4)
    assert result.waiting["read_audit"] == (1, NOW) and result.waiting["state_change"][0] == 0
    assert await sealed(db) == 1
    async with db.transaction() as tx:
        seals = list(await tx.scalars(select(AuditSeal).order_by(AuditSeal.number)))
    assert [seal.previous for seal in seals[1:]] == [seal.head for seal in seals[:-1]]
    result = await verify(db, KEYS, [head_text(seal) for seal in seals])
    assert result.found == 0 and result.head == head_text(seals[-1])


async def test_nothing_is_sealed_past_a_transaction_that_still_writes(db: Database) -> None:
    each = sealer(db)
    async with db.transaction() as slow:
        early = ReadAudit(patient_id=1, staff_id=1, at=NOW, why="portrait")
        slow.add(early)
        await slow.flush()
        (late,) = await read(db, 2)
        assert early.id < late
        assert [await each.look() for _ in range(5)] == [0] * 5
    assert await looked_until_sealed(db, each) == 2
    assert (await verify(db, KEYS)).found == 0


async def test_of_many_one_seals_at_a_time(db: Database) -> None:
    await read(db, *range(30))
    await looked_until_sealed(db, *(sealer(db) for _ in range(3)))
    result = await verify(db, KEYS)
    assert (result.found, result.rows, result.waiting["read_audit"][0]) == (0, 30, 0)


async def test_a_row_that_is_changed_taken_away_or_put_in_is_named(db: Database) -> None:
    first, second, third = await read(db, 1, 2, 3)
    await do(db, text("select setval('read_audit_id_seq', 100)"))
    change = await changed(db)
    (after,) = await read(db, 5)
    await sealed(db)
    audit = ReadAudit.__table__
    await do(db, update(audit).where(audit.c.id == first).values(staff_id=2))
    await do(db, delete(audit).where(audit.c.id == second))
    put_in = {"patient_id": 9, "staff_id": 9, "at": NOW, "why": "portrait"}
    await do(db, insert(audit).values(id=50, **put_in))
    await do(db, insert(audit).values(id=-3, **put_in))
    await do(db, update(StateChange.__table__).where(StateChange.id == change).values(detail={"n": 1.6, "中": []}))
    result = await verify(db, KEYS)
    assert sorted(named(result), key=str) == sorted(
        [
            ("changed", "read_audit", first), ("removed", "read_audit", second), ("inserted", "read_audit", 50),
            ("inserted", "read_audit", -3), ("changed", "state_change", change),
        ], key=str,
    )  # fmt: skip
    assert (third, after) == (first + 2, 101)


async def test_a_seal_that_is_changed_taken_away_or_emptied_is_named(db: Database) -> None:
    for patient in (1, 2, 3, 4):
        await read(db, patient)
        await sealed(db)
    assert (await verify(db, KEYS)).seals == 4
    await do(db, update(AuditSeal).where(AuditSeal.number == 2).values(at=datetime(2026, 3, 1, tzinfo=UTC)))
    await do(db, update(AuditSeal).where(AuditSeal.number == 4).values(row_ids=None, digests=None))
    found = [(each.code, each.seal) for each in (await verify(db, KEYS)).problems]
    assert found == [("seal_changed", 2), ("list_gone", 4), ("inserted", 4)]
    await do(db, delete(AuditSeal).where(AuditSeal.number == 2))
    found = [(each.code, each.seal) for each in (await verify(db, KEYS)).problems]
    assert found[0] == ("seal_missing", 2)


async def test_a_row_and_its_digest_changed_together_show_in_the_list(db: Database) -> None:
    (id,) = await read(db, 1)
    await sealed(db)
    row = {"id": id, "patient_id": 1, "staff_id": 2, "client_id": None, "at": NOW, "why": "portrait"}
    await do(db, update(ReadAudit.__table__).values(staff_id=2))
    await do(db, update(AuditSeal).values(digests=digest(KEYS.current, row, "read_audit")))
    assert [each.code for each in (await verify(db, KEYS)).problems] == ["list_changed"]


async def test_a_chain_written_anew_by_who_has_the_key_shows_against_a_noted_head(db: Database) -> None:
    await read(db, 1, 2)
    await sealed(db)
    async with db.transaction() as tx:
        seal = await last_seal(tx)
        assert seal is not None
        noted = head_text(seal)
    await do(db, delete(AuditSeal))
    await do(db, delete(ReadAudit).where(ReadAudit.patient_id == 1))
    assert [each.code for each in (await verify(db, KEYS, [noted])).problems] == ["head_absent"]
    await sealed(db)
    assert (await verify(db, KEYS)).found == 0
    assert [each.code for each in (await verify(db, KEYS, [noted])).problems] == ["other_head"]
    with pytest.raises(ValueError, match="not a head"):
        await verify(db, KEYS, ["1:abcd"])


async def test_another_key_seals_on_and_the_old_one_still_verifies(db: Database) -> None:
    await read(db, 1)
    await sealed(db)
    await read(db, 2)
    both = Keys.of(b"new", KEYS.current)
    await sealed(db, both)
    assert (await verify(db, both)).found == 0
    alone = await verify(db, Keys.of(b"new"))
    assert [(each.code, each.seal) for each in alone.problems] == [("unknown_key", 1)]
    assert fingerprint(b"new") not in (b"new".hex(), fingerprint(KEYS.current))


async def test_without_a_key_in_the_settings_one_is_made_once(db: Database) -> None:
    async with db.transaction() as tx:
        made = await audit_keys(tx)
    async with db.transaction() as tx:
        assert await audit_keys(tx) == made
        with_own = await audit_keys(tx, "own", ["older"])
    assert with_own.current == b"own" and set(with_own.known) == {fingerprint(each) for each in (b"own", b"older", made.current)}


async def test_rows_deleted_by_right_are_no_problem_and_others_deleted_with_them_are(db: Database) -> None:
    ids = [await changed(db) for _ in range(4)]
    await sealed(db)
    async with db.transaction() as tx:
        team, staff = Team(name="随访中心"), Staff(userid="lin", name="林悦", title="")
        tx.add_all([team, staff])
        await tx.flush()
        request = Erasure(patient_id=1, team_id=team.id, relationship="母亲", why="-", checked="-", filed_by=staff.id, filed_at=NOW)
        request.state, request.certificate = "done", {"audit": 2}
        tx.add(request)
        await tx.flush()
        await tx.execute(delete(StateChange).where(StateChange.id.in_(ids[:2])))
        assert note_removal(tx, "state_change", ids[:2], why=f"erasure:{request.id}", now=NOW) == 2
    result = await verify(db, KEYS)
    assert (result.found, dict(result.removals)) == (0, {f"erasure:{request.id}": 2})
    await sealed(db)
    await do(db, delete(StateChange).where(StateChange.id == ids[3]))
    assert named(await verify(db, KEYS)) == [("removed", "state_change", ids[3])]
    # Somebody who notes a removal himself has no request that says so.
    async with db.transaction() as tx:
        note_removal(tx, "state_change", [ids[3]], why=f"erasure:{request.id}", now=NOW)
    assert named(await verify(db, KEYS)) == [("unaccounted", f"erasure:{request.id}", None)]
    await do(db, update(AuditRemoval).where(AuditRemoval.count == 2).values(why="erasure:999"))
    assert ("unaccounted", "erasure:999", None) in named(await verify(db, KEYS))


ROW = st.fixed_dictionaries({"staff_id": st.integers(1, 3), "why": st.sampled_from(["portrait", "见面", ""])})


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=ROW, other=ROW)
def test_two_rows_have_one_digest_only_if_they_are_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = {"id": 1, "patient_id": 1, "client_id": None, "at": NOW}
    digests = {digest(KEYS.current, {**same, **row}, "read_audit") for row in (one, other)}
    assert len(digests) == (1 if one == other else 2)


async def test_a_backlog_is_sealed_in_pieces(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.audit_sealing.BATCH", 4)
    ids = await read(db, *range(10))
    async with db.transaction() as tx:
        assert [await seal_next(tx, KEYS, "read_audit", ids[8], now=NOW) for _ in range(4)] == [4, 4, 1, 0]
        assert (await unsealed(tx))["read_audit"] == (1, NOW)
        assert await tx.scalar(select(func.count()).select_from(AuditSeal)) == 3
    assert (await verify(db, KEYS)).found == 0


def test_the_logs_are_known_to_whoever_verifies_and_imports_nothing_else() -> None:
    code = (
        "from records.audit_seal import LOGS, table_of; from records import audit_verifying; print(*(table_of(log).name for log in LOGS))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(LOGS)
