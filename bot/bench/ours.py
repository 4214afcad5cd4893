"""CareLoop's own turns, as the worker takes them, without the network to WeCom."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select

from actions.turn import Turn
from bot.around import around
from bot.bench.processes import database_cpu_seconds
from bot.clock import Clock
from bot.dialogue.agent import Dialogue
from bot.drain import CHATS, GROUPS, WORTH, Drain
from bot.kf_events import CUSTOMER
from bot.reach import Means
from bot.settings import Settings
from bot.together import Together
from bot.turn import TurnTaker
from records.chat import Conversation, lock_chats
from records.database import Database
from records.message import Inbound, Outbound


@dataclass
class Ours:
    """The worker's parts, joined as the worker joins them; what it would send stays in the outbox."""

    db: Database
    dialogue: Dialogue
    drain: Drain
    clock: Clock
    zone: ZoneInfo
    load_seconds: float
    serial: "itertools.count[int]" = field(default_factory=itertools.count)
    _page: list[dict[str, Any]] = field(default_factory=list)
    _pull: asyncio.Lock = field(default_factory=asyncio.Lock)
    _said: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._together = Together(self._parts, most=CHATS, at_once=GROUPS, worth=WORTH)

    @classmethod
    async def load(cls, model: Path, db: Database) -> "Ours":
        """Load the dialogue as the worker does."""
        clock, settings = Clock(), Settings()
        begin = time.perf_counter()
        dialogue = await asyncio.to_thread(Dialogue.load, model, clock=clock)
        took = time.perf_counter() - begin
        turns = TurnTaker(dialogue, settings.tz, emergency_phone=settings.emergency_phone)
        drain = Drain(
            db, turns, _keep, clock, emergency_phone=settings.emergency_phone, hospital=settings.hospital, means=Means(settings.tz)
        )
        return cls(db, dialogue, drain, clock, settings.tz, took)

    async def turn(self, chat_id: int, text: str) -> None:
        """A whole turn: the message stored, triage, understanding, dialogue with its actions, state and reply committed."""
        await self._store(chat_id, text)
        await self.drain.drain(str(chat_id))

    async def part(self, chat_id: int, text: str) -> None:
        """Rasa's part of a turn, as the worker takes it: understanding, policies, actions, conversation saved.

        Chats that wait together share a transaction, with what a turn needs of its surroundings; no message is stored or answered.
        """
        self._said[chat_id] = text
        await self._together(chat_id)

    async def _parts(self, chat_ids: Sequence[int]) -> dict[int, None]:
        now = self.clock()
        async with self.db.transaction() as tx:
            chats = await lock_chats(tx, chat_ids)
            known = await around(tx, chats.values(), now)
            await self.dialogue.prepare(tx, list(chats))
            for chat in chats.values():
                text, here = self._said.pop(chat.id), known[chat.id]
                [patient] = here.patients
                understood = await here.understand(tx, text, patient, context=None, now=now, zone=self.zone)
                await self.dialogue.turn(Turn(tx, chat, here.patients, patient, None, text, understood, understood.triage, now, self.zone))
            await self.dialogue.save(tx)
        return dict.fromkeys(chats)

    async def ranking(self, text: str) -> tuple[str, list[str]]:
        """The intent that would be acted upon, and all intents best first."""
        acted, _ = self.dialogue.classify(text)
        return acted, [name for name, _ in self.dialogue.ranking(text)]

    def cpu_seconds(self) -> float:
        """Processor time so far of this process, which says as well as answers, and of the database."""
        return time.process_time() + self.database_cpu_seconds()

    def database_cpu_seconds(self) -> float:
        """Processor time of the embedded database so far; 0 if it is another."""
        return database_cpu_seconds(self.db)

    async def written(self, chats: list[int]) -> dict[str, int]:
        """What stands in the database after the turns of `chats`: messages by state, replies, conversations."""
        async with self.db.transaction() as tx:
            states = await tx.execute(select(Inbound.state, func.count()).where(Inbound.chat_id.in_(chats)).group_by(Inbound.state))
            replies = await tx.scalar(select(func.count()).where(Outbound.chat_id.in_(chats)))
            kept = await tx.scalar(select(func.count()).where(Conversation.chat_id.in_(chats)))
            return {**dict(list(states)), "replies": replies or 0, "conversations": kept or 0}

    async def _store(self, chat_id: int, text: str) -> None:
        """Commit a message; those that come at the same moment go in one transaction, as the page of a pull does."""
        now, msgid = self.clock(), f"bench{next(self.serial):08d}"
        self._page.append(
            {"chat_id": chat_id, "msgid": msgid, "origin": CUSTOMER, "msgtype": "text", "text": text, "body": {"msgid": msgid}}
            | {"sent_at": now, "received_at": now}
        )
        mine = self._page
        async with self._pull:
            if mine is not self._page:
                return
            self._page = []
            async with self.db.transaction() as tx:
                await tx.execute(insert(Inbound), mine)


async def _keep(line: str) -> None:
    """Nothing is sent: the reply is committed in the outbox, which is where a turn ends."""
