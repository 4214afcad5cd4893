"""Looking whether the audit is as it was sealed: which row was changed, taken away or put in, and which seal does not fit."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.audit_seal import (
    DIGEST,
    LOGS,
    START,
    AuditCheck,
    AuditRemoval,
    AuditSeal,
    Keys,
    digest,
    head_of,
    head_text,
    leaves_of,
    table_of,
)
from records.audit_sealing import unsealed
from records.database import Database
from records.erasure import Erasure
from records.retention_run import RetentionRun

# Seals that one transaction looks at.
AT_A_TIME = 20
# Problems that are kept and shown; all are counted.
SHOWN = 100

Code = Literal[
    "changed", "removed", "inserted", "seal_missing", "seal_changed", "list_changed", "list_gone", "unknown_key", "other_head",
    "head_absent", "unaccounted",
]  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was sealed: in which seal, and which row of which log where it is one."""

    code: Code
    seal: int | None = None
    log: str | None = None
    row: int | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Verified:
    """What was looked at and found. `waiting`: rows of each log that are not sealed yet, and the moment of the oldest; `removals`: rows
    deleted by right, by why."""

    seals: int
    rows: int
    head: str
    found: int
    problems: tuple[Problem, ...]
    waiting: Mapping[str, tuple[int, datetime | None]]
    removals: Mapping[str, int]


async def verify(db: Database, keys: Keys, noted: Sequence[str] = ()) -> Verified:
    """Look at every seal and every row. `noted` are heads that were kept elsewhere, as head_text gives them."""
    wanted = dict(_noted(each) for each in noted)
    chain = _Chain(keys)
    async for seals in _in_order(db):
        async with db.transaction() as tx:
            for seal in seals:
                chain.take(seal)
                if seal.number in wanted and wanted.pop(seal.number) != seal.head.hex():
                    chain.tell(Problem("other_head", seal.number))
                await chain.compare(tx, seal)
    for number in wanted:
        chain.tell(Problem("head_absent", number))
    async with db.transaction() as tx:
        for why in await _unaccounted(tx):
            chain.tell(Problem("unaccounted", log=why))
        sums = select(AuditRemoval.why, func.sum(AuditRemoval.count)).group_by(AuditRemoval.why)
        removals = {why: int(count) for why, count in await tx.execute(sums)}
        waiting = await unsealed(tx)
    return Verified(chain.seals, chain.rows, chain.head, chain.found, tuple(chain.problems), waiting, removals)


async def note_check(tx: AsyncSession, result: Verified, now: datetime) -> None:
    """Keep what a verification found."""
    tx.add(
        AuditCheck(
            at=now, seals=result.seals, rows=result.rows, head=result.head, found=result.found,
            problems=[each.plain() for each in result.problems],
        )
    )  # fmt: skip


def _noted(text: str) -> tuple[int, str]:
    """Number and head. Raises ValueError for what is no head."""
    number, _, head = text.strip().partition(":")
    if not number.isdecimal() or len(bytes.fromhex(head)) != 32:
        raise ValueError(f"not a head as `careloop audit head` prints it: {text!r}")
    return int(number), head.lower()


async def _in_order(db: Database) -> AsyncIterator[list[AuditSeal]]:
    """All seals, some at a time."""
    at = 0
    while True:
        async with db.transaction() as tx:
            query = select(AuditSeal).where(AuditSeal.number > at).order_by(AuditSeal.number).limit(AT_A_TIME)
            seals = list(await tx.scalars(query))
        if not seals:
            return
        yield seals
        at = seals[-1].number


async def _unaccounted(tx: AsyncSession) -> list[str]:
    """Removals behind which there is neither an erasure nor a night's run, or one that deleted another number of rows."""
    sums = select(AuditRemoval.why, func.sum(AuditRemoval.count)).group_by(AuditRemoval.why)
    return sorted([why for why, count in (await tx.execute(sums)).all() if await _said(tx, why) != int(count)])


async def _said(tx: AsyncSession, why: str) -> int | None:
    """How many rows of the audit were deleted, as that says which a removal names."""
    kind, _, number = why.partition(":")
    if not number.isdecimal():
        return None
    if kind == "retention":
        run = await tx.get(RetentionRun, int(number))
        return run.audit if run is not None else None
    request = await tx.get(Erasure, int(number)) if kind == "erasure" else None
    return request.certificate.get("audit") if request is not None and request.state == "done" else None


class _Chain:
    """What is known on the way along the seals."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.seals = self.rows = self.found = 0
        self.head = ""
        self.problems: list[Problem] = []
        self._number, self._head = 0, START
        self._upto: dict[str, int] = {}

    def tell(self, problem: Problem) -> None:
        """One more that is wrong."""
        self.found += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)

    def take(self, seal: AuditSeal) -> None:
        """The next seal: whether it hangs on the one before and says what it was made with."""
        key = self._keys.known.get(seal.key)
        if seal.number != self._number + 1:
            self.tell(Problem("seal_missing", self._number + 1))
        elif seal.previous != self._head or seal.after_id != self._upto.get(seal.log, 0):
            self.tell(Problem("seal_changed", seal.number, seal.log))
        elif key is None:
            self.tell(Problem("unknown_key", seal.number, seal.log))
        elif head_of(key, seal) != seal.head:
            self.tell(Problem("seal_changed", seal.number, seal.log))
        self.seals += 1
        self._number, self._head, self._upto[seal.log] = seal.number, seal.head, seal.upto_id
        self.head = head_text(seal)

    async def compare(self, tx: AsyncSession, seal: AuditSeal) -> None:
        """The rows that the seal covers, with its list."""
        table = table_of(seal.log)
        # Below the first number of all there is nothing: whatever stands there was put in.
        within: list[ColumnElement[bool]] = [table.c.id <= seal.upto_id]
        if seal.after_id:
            within.append(table.c.id > seal.after_id)
        query = select(*(table.c[name] for name in LOGS[seal.log])).where(*within)
        rows = {row["id"]: dict(row) for row in (await tx.execute(query)).mappings()}
        self.rows += len(rows)
        if seal.row_ids is None or seal.digests is None:
            if not (await _Removed.of(tx, seal.log)).all_within(seal.after_id, seal.upto_id, seal.count):
                self.tell(Problem("list_gone", seal.number, seal.log))
            for id in sorted(rows):
                self.tell(Problem("inserted", seal.number, seal.log, id))
            return
        if leaves_of(seal.row_ids, seal.digests) != seal.leaves:
            self.tell(Problem("list_changed", seal.number, seal.log))
        told = {id: seal.digests[place * DIGEST : (place + 1) * DIGEST] for place, id in enumerate(seal.row_ids)}
        if missing := sorted(told.keys() - rows.keys()):
            removed = await _Removed.of(tx, seal.log)
            for id in missing:
                if id not in removed:
                    self.tell(Problem("removed", seal.number, seal.log, id))
        for id in sorted(rows.keys() - told.keys()):
            self.tell(Problem("inserted", seal.number, seal.log, id))
        if (key := self._keys.known.get(seal.key)) is not None:
            both = sorted(rows.keys() & told.keys())
            now = await asyncio.to_thread(lambda: [id for id in both if digest(key, rows[id], seal.log) != told[id]])
            for id in now:
                self.tell(Problem("changed", seal.number, seal.log, id))


class _Removed:
    """The numbers of a log that were deleted by right."""

    def __init__(self, ranges: Sequence[Sequence[int]]) -> None:
        self._ranges = sorted((first, last) for first, last in ranges)
        self._firsts = [first for first, _ in self._ranges]

    @classmethod
    async def of(cls, tx: AsyncSession, log: str) -> "_Removed":
        """As it is now: whoever sees that a row is gone sees why, for the two came together."""
        notes = await tx.scalars(select(AuditRemoval.ranges).where(AuditRemoval.log == log))
        return cls([run for ranges in notes for run in ranges])

    def __contains__(self, id: int) -> bool:
        place = bisect_right(self._firsts, id)
        return place > 0 and id <= self._ranges[place - 1][1]

    def all_within(self, after: int, upto: int, count: int) -> bool:
        """Whether at least `count` numbers above `after` up to `upto` were."""
        return sum(max(0, min(last, upto) - max(first, after + 1) + 1) for first, last in self._ranges) >= count
