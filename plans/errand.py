"""The life of an errand: one table of moves, and the one door through which a clinician takes and closes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.task import TASK_MOVES, close, lock
from plans.task_key import tasks_in
from records.care_plan import Task
from records.contact import move_contacts
from records.errand import OPEN, Errand
from records.patient import AccessRefused, Patient, ReadAudit
from records.staff import Staff, TeamMember
from records.state import Moves, StateChange, move

ERRAND_MOVES: Moves = {
    "open": frozenset({"done", "dropped"}),
    # Taken back within UNDO_FOR, by anybody of the team.
    "done": frozenset({"open"}),
    "dropped": frozenset({"open"}),
}
# What only a clinician's own hand can do; its key ends with the attempt's in the contact ledger.
BY_HAND = "by_hand"
CLOSED = frozenset(ERRAND_MOVES) - {OPEN}
UNDO_FOR = timedelta(minutes=10)


async def access_errand(tx: AsyncSession, staff: Staff, errand_id: int, *, now: datetime, why: str) -> Errand:
    """The errand, locked, if `staff` is an active member of the team that follows its patient; the read is audited.

    Raises AccessRefused, for one that is not there too.
    """
    query = (
        select(Errand)
        .join(Patient, Patient.id == Errand.patient_id)
        .join(TeamMember, TeamMember.team_id == Patient.team_id)
        .where(Errand.id == errand_id, TeamMember.staff_id == staff.id)
        .with_for_update(of=Errand)
        .execution_options(populate_existing=True)
    )
    errand: Errand | None = await tx.scalar(query)
    if errand is None or not staff.active:
        raise AccessRefused(f"errand {errand_id}")
    tx.add(ReadAudit(patient_id=errand.patient_id, staff_id=staff.id, at=now, why=why))
    return errand


async def take_errand(tx: AsyncSession, errand: Errand, staff: Staff, *, now: datetime) -> bool:
    """Let `staff` have it; False when it is closed. Another's errand may be taken over, and that is written down."""
    if errand.state in CLOSED:
        return False
    if errand.owner_id != staff.id:
        errand.owner_id = staff.id
        tx.add(
            StateChange(entity="errand", entity_id=errand.id, old=errand.state, new=errand.state, at=now, by=staff.userid, reason="taken")
        )
    return True


async def close_errand(tx: AsyncSession, errand: Errand, state: str, *, by: str, outcome: str | None, now: datetime) -> bool:
    """End it as `done` or `dropped` (not needed, not possible) with what came of it; False when it has ended already."""
    if errand.state in CLOSED:
        return False
    moved = await move(tx, errand, state, moves=ERRAND_MOVES, at=now, by=by, reason=outcome, closed_at=now, outcome=outcome or state)
    if moved and errand.kind == BY_HAND:
        # The ledger learns whether the clinician has written to the family.
        attempt = errand.key.removeprefix(f"{BY_HAND}:")
        await move_contacts(tx, [attempt], "delivered" if state == "done" else "failed", now=now, error=outcome)
    for task_id in tasks_in(errand.key) if moved else ():
        # The step of a plan that was given to a clinician ends with it.
        task = await tx.get(Task, task_id)
        ended = "done" if state == "done" else "declined"
        if task is not None and ended in TASK_MOVES[(await lock(tx, task)).state]:
            await close(tx, task, ended, now=now, by=by, reason="cannot" if ended == "declined" else "done", detail={"outcome": outcome})
    return moved


async def release_errand(tx: AsyncSession, errand: Errand, staff: Staff, *, now: datetime) -> bool:
    """Give it back to everybody; False when `staff` has it not."""
    if errand.state in CLOSED or errand.owner_id != staff.id:
        return False
    pass_errand(tx, errand, None, by=staff.userid, now=now)
    return True


def pass_errand(tx: AsyncSession, errand: Errand, to: Staff | None, *, by: str, now: datetime) -> None:
    """An open errand (locked) is `to`'s from now on, or everybody's."""
    errand.owner_id = to.id if to is not None else None
    reason = f"handed to {to.userid}" if to is not None else "given back"
    tx.add(StateChange(entity="errand", entity_id=errand.id, old=OPEN, new=OPEN, at=now, by=by, reason=reason))


def can_reopen(errand: Errand) -> bool:
    """Whether its end can be taken back: the contact ledger and the step of a plan that ended with it cannot."""
    return errand.kind != BY_HAND and not tasks_in(errand.key)


async def reopen_errand(tx: AsyncSession, errand: Errand, staff: Staff, *, now: datetime) -> bool:
    """Take its end back; False when it is open, older than UNDO_FOR, or more has ended with it."""
    if errand.closed_at is None or now - errand.closed_at > UNDO_FOR or not can_reopen(errand):
        return False
    return await move(tx, errand, OPEN, moves=ERRAND_MOVES, at=now, by=staff.userid, reason="taken back", closed_at=None, outcome=None)


async def drop_errands(
    tx: AsyncSession, patient_ids: Sequence[int], *, by: str, reason: str, now: datetime, kinds: Sequence[str] | None = None
) -> int:
    """Drop the open errands of these patients (of these kinds), because they are no longer wanted; how many there were."""
    query = select(Errand).where(Errand.patient_id.in_(patient_ids), Errand.state == "open").order_by(Errand.id).with_for_update()
    rows = (await tx.scalars(query if kinds is None else query.where(Errand.kind.in_(kinds)))).all()
    dropped = [await close_errand(tx, row, "dropped", by=by, outcome=reason, now=now) for row in rows]
    return sum(dropped)
