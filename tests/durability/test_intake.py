"""kill -9 while hospital systems send: what was acknowledged is there, nothing is there twice, and all of it is applied once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.app import POSTGRES_FOLDER
from bot.bench.intake import message
from bot.private import free_port
from integrations.hl7.mllp import END, frame
from records.database import Database
from records.encounter import Encounter
from records.feed import Feed, FeedMessage
from records.lab_result import LabResult
from records.patient import Patient
from records.staff import Team
from tests.durability.processes import Program
from tests.keys import KEYRING

pytestmark = pytest.mark.durability

SENDERS, EACH, KILLS = 8, 30, 2
# A multiple of the senders: a child's messages come from one of them, in their order.
CHILDREN = 64
PATIENCE = 120.0


@pytest.fixture
async def own(folder: Path) -> AsyncIterator[Database]:
    """A database whose server nobody else uses."""
    database = Database(folder=folder / POSTGRES_FOLDER, pool_size=4, keyring=KEYRING)
    await database.open()
    await database.migrate()
    async with database.transaction() as tx:
        tx.add(Team(name="随访组"))
    yield database
    await database.close()
    assert database.embedded is not None
    await asyncio.to_thread(database.embedded.stop)


class System:
    """A hospital system: sends one message after the other, and each again until it is acknowledged."""

    def __init__(self, number: int, port: int) -> None:
        self.number, self._port, self.acknowledged, self.resent = number, port, list[str](), 0

    async def sends_all(self) -> None:
        for place in range(EACH):
            control_id = f"S{self.number}-{place}"
            while not await self._send(frame(message(control_id, place * SENDERS + self.number, CHILDREN))):
                self.resent += 1
                await asyncio.sleep(0.1)
            self.acknowledged.append(control_id)

    async def _send(self, stream: bytes) -> bool:
        """Over a connection of its own now and then, so that some are opened while the listener is dead."""
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(stream)
                return b"MSA|AA" in await reader.readuntil(END)
            finally:
                writer.close()
        return False


async def until(holds: Callable[[], Awaitable[bool]], program: Program) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            assert program.alive(), program.tail()
            await asyncio.sleep(0.1)


async def test_senders_lose_nothing_and_nothing_is_doubled(own: Database, folder: Path) -> None:
    port = free_port()
    environment = {
        "CARELOOP_DATA_DIR": str(folder), "CARELOOP_DATABASE_URL": own.url, "CARELOOP_INTAKE__MLLP_PORT": str(port),
        "CARELOOP_LOG_LEVEL": "warning",
    }  # fmt: skip
    listener = Program("intake", ["bot", "intake"], environment, folder)
    worker = Program("worker", ["bot", "worker", "--no-dialogue"], environment, folder)
    systems = [System(number, port) for number in range(SENDERS)]

    async def count(*states: str) -> int:
        async with own.transaction() as tx:
            return await tx.scalar(select(func.count()).where(FeedMessage.state.in_(states))) or 0

    async def stored(share: float) -> bool:
        return await count("new", "applied") >= share * SENDERS * EACH

    try:
        listener.start()
        worker.start()
        sending = asyncio.gather(*(system.sends_all() for system in systems))
        for kill in range(1, KILLS + 1):
            await until(lambda part=kill / (KILLS + 1): stored(part), listener)  # type: ignore[misc]
            listener.kill()
            listener.start()
        await sending

        async def some_applied() -> bool:
            return await count("applied") > 0

        await until(some_applied, worker)
        worker.kill()
        worker.start()

        async def all_applied() -> bool:
            return not await count("new")

        await until(all_applied, worker)
    finally:
        listener.stop()
        worker.stop()

    async with own.transaction() as tx:
        rows = list(await tx.scalars(select(FeedMessage).order_by(FeedMessage.id)))
        feed = (await tx.scalars(select(Feed))).one()
        results = [result.source_id for result in await tx.scalars(select(LabResult))]
        people = await tx.scalar(select(func.count()).select_from(Patient))
        stays = await tx.scalar(select(func.count()).select_from(Encounter))
    acknowledged = [control_id for system in systems for control_id in system.acknowledged]
    assert sorted(row.control_id or "" for row in rows) == sorted(acknowledged) and len(set(acknowledged)) == SENDERS * EACH
    assert {row.state for row in rows} == {"applied"}
    assert (feed.received, feed.applied) == (len(rows), len(rows))
    # Each sender's own order is kept.
    for system in systems:
        assert [row.control_id for row in rows if (row.control_id or "").startswith(f"S{system.number}-")] == system.acknowledged
    assert len(results) == len(set(results)) and results
    assert people == stays == CHILDREN
