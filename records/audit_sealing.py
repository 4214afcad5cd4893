"""Sealing what the logs have got, and noting what had to be deleted from them.

Rows are written plainly, by many processes at once, and nobody waits for anybody. Numbers are given before rows can be seen, so a row may
appear below one that is there already: only what no running transaction can still add to is sealed.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.audit_seal import FORM, LOGS, START, AuditRemoval, AuditSeal, Keys, digest, fingerprint, head_of, leaves_of, table_of
from records.database import Database

# Any fixed number: of many workers one seals at a time.
ONE_SEALER = 5298
# Rows a seal: some 20 ms of work.
BATCH = 1000
# Seals a log and round: a backlog is caught up with while others work.
ROUND = 20
# The first transaction that still runs, the first that has not begun, and the newest number of each log: in one question, for it is
# asked all day.
_NEWEST = ", ".join(f"(select coalesce(max(id), 0) from {log})" for log in LOGS)  # noqa: S608 - our own names
_LOOK = text(f"""
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, {_NEWEST}
""")


class Sealer:
    """Seals, look by look. A number that one look has seen is final once all transactions have ended that ran at the look after it."""

    def __init__(self, db: Database, clock: Callable[[], datetime], keys: Callable[[AsyncSession], Any]) -> None:
        self._db, self._clock, self._keys = db, clock, keys
        self._seen: dict[str, int] = {}
        self._sealed: dict[str, int] = {}
        # Newest numbers, and the transaction before which all must have ended.
        self._settling: tuple[dict[str, int], int] | None = None

    async def look(self) -> int:
        """Seal what is final; how many rows."""
        async with self._db.transaction() as tx:
            behind, ahead, *newest = (await tx.execute(_LOOK)).one()
            if self._settling is not None and behind >= self._settling[1]:
                final, self._settling = self._settling[0], None
            else:
                final = {}
            if self._settling is None and self._seen:
                self._settling = (self._seen, ahead)
            self._seen = dict(zip(LOGS, newest, strict=True))
        sealed = 0
        for log, upto in ((log, upto) for log, upto in final.items() if upto > self._sealed.get(log, -1)):
            for _ in range(ROUND):
                count = await self._seal(log, upto)
                sealed += count or 0
                if count is None:
                    break
                if count < BATCH:
                    # Nothing to ask of this log until there is more.
                    self._sealed[log] = upto
                    break
        return sealed

    async def _seal(self, log: str, upto: int) -> int | None:
        """One more seal of `log`; how many rows. None when somebody else seals."""
        async with self._db.transaction() as tx:
            if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_SEALER))):
                return None
            keys: Keys = await self._keys(tx)
            return await seal_next(tx, keys, log, upto, now=self._clock())


async def seal_next(tx: AsyncSession, keys: Keys, log: str, upto: int, *, now: datetime) -> int:
    """Seal the next rows of `log` up to this number, at most BATCH; how many. The caller makes sure that nobody else does."""
    last = await last_seal(tx)
    after = await sealed_to(tx, log)
    if upto <= after:
        return 0
    table = table_of(log)
    columns = [table.c[name] for name in LOGS[log]]
    query = select(*columns).where(table.c.id > after, table.c.id <= upto).order_by(table.c.id).limit(BATCH)
    rows = [dict(row) for row in (await tx.execute(query)).mappings()]
    if not rows:
        return 0
    ids = [row["id"] for row in rows]
    digests = await asyncio.to_thread(lambda: b"".join(digest(keys.current, row, log) for row in rows))
    seal = AuditSeal(
        number=last.number + 1 if last is not None else 1,
        form=FORM,
        log=log,
        after_id=after,
        upto_id=ids[-1] if len(ids) == BATCH else upto,
        count=len(ids),
        row_ids=ids,
        digests=digests,
        leaves=leaves_of(ids, digests),
        key=fingerprint(keys.current),
        at=now,
        previous=last.head if last is not None else START,
    )
    seal.head = head_of(keys.current, seal)
    tx.add(seal)
    await tx.flush()
    return len(ids)


async def last_seal(tx: AsyncSession) -> AuditSeal | None:
    """The newest seal."""
    found: AuditSeal | None = await tx.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))
    return found


async def sealed_to(tx: AsyncSession, log: str) -> int:
    """Up to which number `log` is sealed."""
    return int(await tx.scalar(select(func.max(AuditSeal.upto_id)).where(AuditSeal.log == log)) or 0)


async def unsealed(tx: AsyncSession) -> dict[str, tuple[int, datetime | None]]:
    """How many rows of each log are not sealed yet, and since when the oldest of them is there."""
    found = {}
    for log in LOGS:
        table = table_of(log)
        query = select(func.count(), func.min(table.c.at)).where(table.c.id > await sealed_to(tx, log))
        count, oldest = (await tx.execute(query)).one()
        found[log] = (count, oldest)
    return found


async def let_go_lists(tx: AsyncSession, log: str) -> None:
    """Let go of the lists of seals of which no row is left; the seals stay."""
    table = table_of(log)
    first = await tx.scalar(select(func.min(table.c.id)))
    gone = [AuditSeal.log == log, AuditSeal.row_ids.is_not(None)]
    if first is not None:
        gone.append(AuditSeal.upto_id < first)
    await tx.execute(update(AuditSeal).where(*gone).values(row_ids=None, digests=None))


def note_removal(tx: AsyncSession, log: str, ids: Iterable[int], *, why: str, now: datetime) -> int:
    """Write down that these rows of `log` are deleted by right, in the transaction that deletes them; how many."""
    gone = sorted(ids)
    if gone:
        tx.add(AuditRemoval(log=log, ranges=_ranges(gone), count=len(gone), why=why, at=now))
    return len(gone)


def _ranges(ids: Sequence[int]) -> list[list[int]]:
    """Numbers in order, as first and last of each run."""
    runs: list[list[int]] = []
    for each in ids:
        if runs and runs[-1][1] == each - 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    return runs
