"""A listener on a port of its own, and a sender in front of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.intake.feeds import Known, add_feed
from bot.intake.mllp import Listener
from bot.intake.reception import Reception
from bot.intake.store import Store
from bot.settings import IntakeSettings
from integrations.hl7.mllp import END, frame
from records.database import Database
from records.feed import Feed, FeedMessage

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


def hl7(control_id: str = "1", *, kind: str = "ADT^A01", patient: str = "P1", sender: str = "HIS", rest: str = "") -> bytes:
    """A small message of an invented child."""
    head = f"MSH|^~\\&|{sender}|HOSP|CARELOOP|HOSP|20260302093000||{kind}|{control_id}|P|2.5"
    return f"{head}\rPID|1||{patient}^^^HIS^MR||测试^某||20250102|F\r{rest}".encode()


@dataclass
class Sender:
    """A hospital system's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def sends(self, stream: bytes) -> None:
        self.writer.write(stream)
        await self.writer.drain()

    async def hears(self) -> bytes:
        """The next answer, without its frame."""
        async with asyncio.timeout(20):
            return (await self.reader.readuntil(END))[1:-2]

    async def says(self, *messages: bytes) -> list[str]:
        """Send messages, and the codes of their answers."""
        await self.sends(b"".join(frame(each) for each in messages))
        return [code(await self.hears()) for _ in messages]

    async def ended(self) -> bool:
        """Whether the listener hangs up."""
        async with asyncio.timeout(20):
            return await self.reader.read(100) == b""


def code(answer: bytes) -> str:
    return next(line for line in answer.decode("latin-1").split("\r") if line.startswith("MSA")).split("|")[1]


@dataclass
class Hospital:
    """A listener and what it wrote down."""

    db: Database
    port: int
    known: Known
    clock: Any
    senders: list[Sender] = field(default_factory=list)

    async def sender(self, **how: Any) -> Sender:
        made = Sender(*await asyncio.open_connection("127.0.0.1", self.port, **how))
        self.senders.append(made)
        return made

    async def add(self, name: str, **settings: Any) -> int:
        self.known.FRESH = -1.0
        async with self.db.transaction() as tx:
            return (await add_feed(tx, name, "hl7", settings, now=NOW)).id

    async def messages(self) -> list[FeedMessage]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(FeedMessage).order_by(FeedMessage.id)))

    async def feed(self, name: str) -> Feed:
        async with self.db.transaction() as tx:
            return (await tx.scalars(select(Feed).where(Feed.name == name))).one()


@pytest.fixture
def intake_settings() -> IntakeSettings:
    return IntakeSettings(mllp_port=0)


@pytest.fixture
async def hospital(db: Database, intake_settings: IntakeSettings) -> AsyncIterator[Hospital]:
    store, known = Store(db), Known(db)
    writing = asyncio.create_task(store.run())
    async with Listener(known, Reception(store, lambda: NOW, ZONE), intake_settings).listening() as port:
        made = Hospital(db, port, known, lambda: NOW)
        yield made
        for each in made.senders:
            each.writer.close()
            with suppress(OSError):
                await each.writer.wait_closed()
    writing.cancel()
