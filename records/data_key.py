"""What the database knows of the keys that its names and numbers are sealed with: their names and fingerprints, never the keys.

So a process that has another key, or lacks one, says so when it starts. The key that is active seals what is written; processes look every
few seconds which one that is, so that old and new may run side by side.
"""

from datetime import datetime

import psycopg
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base
from records.keyring import INDEX, Keyring, KeyringError
from records.sealed import keyring_of
from records.state import Moves

log = structlog.get_logger(__name__)

# known: in the key file, nothing is sealed with it yet. old: nothing new is, what was can be read. retired: nothing is any more.
KEY_MOVES: Moves = {
    "known": frozenset({"active"}),
    "active": frozenset({"old"}),
    "old": frozenset({"active", "retired"}),
    "retired": frozenset(),
}
# Any fixed number: of two processes that start with a fresh database one tells it the keys.
ONE_AT_A_TIME = 5301
_EMPTY = text("select not exists (select from patient) and not exists (select from carer)")


class DataKey(Base):
    """A key by its name. state: known → active ⇄ old → retired; of `index`, which seals nothing, always active. `since`: this state."""

    __tablename__ = "data_key"

    name: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    state: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


async def take_up_keys(tx: AsyncSession, *, alone: bool) -> None:
    """At a start: compare the keyring with what the database knows, tell it of new keys, and learn which one is active.

    A database without any is told the first ones, made now where the store may. Where none is active yet, the newest becomes so if nobody
    is on file, or if we are `alone`: else an older version of CareLoop may be at work, which reads nothing that is sealed, and somebody
    says when (`rotate`). Raises KeyringError: a key is missing, or is another one.
    """
    ring = keyring_of(tx)
    await tx.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
    known = {row.name: row for row in await tx.scalars(select(DataKey))}
    if not known and not ring.prints and ring.store.begin():
        ring.read()
    check_keys(ring, {row.name: row.fingerprint for row in known.values() if row.state != "retired"})
    for name in (INDEX, *ring.prints):
        if name not in ring.prints:
            raise KeyringError("key_missing", f"{ring.store.where} lacks the key {name!r}: `careloop keys new` makes the first ones.")
        if name not in known:
            known[name] = DataKey(name=name, fingerprint=ring.prints[name], state="active" if name == INDEX else "known")
            tx.add(known[name])
    sealing = [row for row in known.values() if row.name != INDEX]
    if not any(row.state == "active" for row in sealing) and (alone or await tx.scalar(_EMPTY)):
        # The newest in the file.
        first = [name for name in ring.prints if name != INDEX and known[name].state == "known"][-1:]
        if not first:
            raise KeyringError("key_missing", f"{ring.store.where} has no key to seal with: `careloop keys new` makes one.")
        known[first[0]].state, known[first[0]].since = "active", func.clock_timestamp()
    await tx.flush()
    await learn_active(tx)


def check_keys(ring: Keyring, needed: dict[str, str]) -> None:
    """Whether a keyring has these keys, given by their fingerprints. Raises KeyringError with one sentence."""
    for name, fingerprint in needed.items():
        if name not in ring.prints:
            raise KeyringError(
                "key_missing", f"{ring.store.where} lacks the key {name!r}, without which this database's names and numbers cannot be read."
            )
        if ring.prints[name] != fingerprint:
            raise KeyringError(
                "key_wrong",
                f"The key {name!r} in {ring.store.where} is not that of this database: nothing can be read with it.",
            )


def check_database(url: str, ring: Keyring) -> None:
    """Whether a keyring has the keys of the database at `url`, which nobody has opened yet. Blocking. Raises KeyringError."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select to_regclass('data_key')").fetchone()
        if row is not None and row[0] is not None:
            check_keys(ring, dict(connection.execute("select name, fingerprint from data_key where state <> 'retired'").fetchall()))


async def learn_active(tx: AsyncSession) -> None:
    """Seal with the key that is active now; with the one before while ours is not on this machine yet."""
    ring = keyring_of(tx)
    states = dict((await tx.execute(select(DataKey.name, DataKey.state).where(DataKey.name != INDEX))).all())
    if not states:
        return
    active = next((name for name, state in states.items() if state == "active"), None)
    if active is not None and active not in ring.prints:
        ring.read()
        if active not in ring.prints:
            log.error("the active key is not on this machine", key=active, where=ring.store.where)
            return
    ring.active = active


async def rotate(tx: AsyncSession, name: str) -> None:
    """Seal with `name` from now on. Raises KeyringError: unknown, retired, or not in the file."""
    ring = keyring_of(tx)
    ring.read()
    await take_up_keys(tx, alone=False)
    row = await tx.get(DataKey, name, with_for_update=True)
    if row is None or name == INDEX or "active" not in KEY_MOVES[row.state]:
        raise KeyringError("key_name", f"{name!r} is no key to seal with from now on: `careloop keys list` shows them.")
    for before in await tx.scalars(select(DataKey).where(DataKey.state == "active", DataKey.name != INDEX).with_for_update()):
        before.state, before.since = "old", func.clock_timestamp()
    row.state, row.since = "active", func.clock_timestamp()
    await tx.flush()
    ring.active = name


async def retire(tx: AsyncSession, name: str, uses: int) -> None:
    """Nothing is sealed with `name` any more (`uses`: how many values still are): it may be taken from the file. Raises KeyringError."""
    row = await tx.get(DataKey, name, with_for_update=True)
    if row is None or "retired" not in KEY_MOVES.get(row.state, ()) or name == INDEX:
        raise KeyringError("key_name", f"{name!r} cannot be retired: only a key can that another one has replaced.")
    if uses:
        raise KeyringError("key_in_use", f"{uses} values are still sealed with {name!r}: `careloop keys reseal` seals them anew.")
    row.state, row.since = "retired", func.clock_timestamp()
