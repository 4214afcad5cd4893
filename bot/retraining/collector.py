"""Collecting as a worker and the command line do it: the messages first, then, beside the loop, what the live model makes of them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.intent import FALLBACK, IntentReader
from bot.jobs import BULK, Job, defer, without_job
from bot.retraining.collect import collect
from bot.retraining.examine import Text
from bot.retraining.texts import RetrainingError
from bot.retraining.versions import file_of, live
from records.database import Database
from records.review import ReviewGroup, ReviewItem

Ranking = Callable[[str], Sequence[tuple[str, float]]]

JOB = "collect_messages"
# A month is looked through when somebody asks; by itself, what may have become worth a look since the last time (a person answers
# within the hour), after a start also what came while nobody worked.
WHOLE, FIRST, AGAIN = timedelta(days=30), timedelta(days=7), timedelta(hours=3)
# A few texts of a group say what all of it is about.
FEW = 3


async def ask_to_collect(tx: AsyncSession, by: str) -> None:
    """Let a worker look through the last month now."""
    await defer(tx, [Job(JOB, by, lock=JOB)], priority=BULK, once=True)


async def is_collecting(tx: AsyncSession, by: str) -> bool:
    """Whether what was asked for is still to be done."""
    return not await without_job(tx, [Job(JOB, by)])


class Collector:
    """Finds what needs a look, and asks the live model what it could mean."""

    def __init__(self, db: Database, root: Path, folder: Path, clock: Callable[[], datetime]) -> None:
        self._db, self._root, self._folder, self._clock = db, root, folder, clock
        self._back = FIRST

    async def run(self, by: str) -> None:
        """Look through the last month, as somebody has asked."""
        await self.collect(WHOLE, by=by)

    async def look(self) -> None:
        """Look through the last hours, as the worker does by itself."""
        await self.collect(self._back, by="system")
        self._back = AGAIN

    async def collect(self, back: timedelta, *, by: str) -> dict[str, int]:
        """Collect what was written in the time `back`; how many, by reason."""
        now = self._clock()
        async with self._db.transaction() as tx:
            found = await collect(tx, since=now - back, now=now, by=by)
        if found:
            await self.suggest()
        return found

    async def suggest(self) -> int:
        """Give open groups the live model's guesses where they have none; how many got some. None without a model on this machine."""
        async with self._db.transaction() as tx:
            texts = func.array_agg(ReviewItem.text)
            bare = (ReviewGroup.state == "open", func.jsonb_array_length(ReviewGroup.suggestions) == 0)
            rows = (
                select(ReviewGroup.id, texts).join(ReviewItem, ReviewItem.group_id == ReviewGroup.id).where(*bare).group_by(ReviewGroup.id)
            )
            waiting = [(group_id, said) for group_id, said in await tx.execute(rows)]
            current = await live(tx)
            try:
                file = await file_of(tx, current.version_id if current else None, self._folder, self._root) if waiting else None
            except RetrainingError:
                file = None
        if file is None:
            return 0
        guesses = await asyncio.to_thread(_guess, file, waiting)
        async with self._db.transaction() as tx:
            for group_id, guess in guesses:
                await tx.execute(
                    update(ReviewGroup).where(ReviewGroup.id == group_id, ReviewGroup.state == "open").values(suggestions=guess)
                )
        return len(guesses)


def _guess(file: Path, waiting: Sequence[tuple[int, Sequence[str]]]) -> list[tuple[int, list[dict[str, Any]]]]:
    reader = IntentReader.from_archive(file)

    def rank(text: str) -> list[tuple[str, float]]:
        return reader.rank(text, Text.of(text).understood)

    return [(group_id, suggestions(rank, list(dict.fromkeys(texts))[:FEW])) for group_id, texts in waiting]


def suggestions(ranking: Ranking, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The three intents that the model finds likeliest for these texts, best first."""
    total: dict[str, float] = {}
    for text in texts:
        # What is acted upon may stand before the ranking once more, with the threshold as confidence.
        for intent, confidence in dict(reversed(ranking(text))).items():
            if intent != FALLBACK:
                total[intent] = total.get(intent, 0.0) + confidence / len(texts)
    best = sorted(total.items(), key=lambda each: (-each[1], each[0]))[:3]
    return [{"intent": intent, "confidence": round(confidence, 3)} for intent, confidence in best]
