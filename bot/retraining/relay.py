"""The dialogue that is at work, which can be exchanged for another between two turns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from actions.turn import Turn
from bot.turn import Talker
from records.chat import Chat

_PINNED = "talker"


class Relay:
    """A Talker that hands everything on to the current one.

    A transaction keeps the talker that it began with: a turn that one model took is saved by the same. What is begun after `exchange`
    goes to the new one, which reads the conversations that the old one has saved.
    """

    def __init__(self, talker: Talker) -> None:
        self.current = talker

    def exchange(self, talker: Talker) -> Talker:
        """From now on `talker`; the one before, which goes on with the transactions that it has begun."""
        before, self.current = self.current, talker
        return before

    async def turn(self, turn: Turn) -> list[Any]:
        """As the talker of the transaction does."""
        return await self._of(turn.tx).turn(turn)

    async def prepare(self, tx: AsyncSession, chat_ids: Sequence[int]) -> None:
        """As the talker of the transaction does."""
        await self._of(tx).prepare(tx, chat_ids)

    async def save(self, tx: AsyncSession) -> None:
        """As the talker of the transaction does."""
        await self._of(tx).save(tx)

    async def begin_follow_ups(self, tx: AsyncSession, begun: Sequence[tuple[Chat, str]], now: datetime) -> None:
        """As the talker of the transaction does."""
        await self._of(tx).begin_follow_ups(tx, begun, now)

    def forget(self, chat_id: int) -> None:
        """What an earlier talker remembers, nobody asks for any more."""
        self.current.forget(chat_id)

    def _of(self, tx: AsyncSession) -> Talker:
        talker: Talker = tx.info.setdefault(_PINNED, self.current)
        return talker
