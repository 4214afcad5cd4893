"""A worker follows what is published: the new model is loaded beside the old one and examined, and only then takes over."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Protocol

import structlog

from bot.dialogue.train import program
from bot.retraining.examine import probes
from bot.retraining.relay import Relay
from bot.retraining.texts import RetrainingError, say
from bot.retraining.versions import Live, file_of, live
from bot.turn import Talker
from records.database import Database, is_lost_connection
from records.model_version import ModelLoad

log = structlog.get_logger(__name__)


class Model(Talker, Protocol):
    """A talker with a model inside, as bot/dialogue/agent.py offers it."""

    def unfit(self, root: Path, probes: list[tuple[str, str]]) -> str | None:
        """Why it cannot work in the program in `root`: what its domain lacks, or which (text, intent) it misreads; None if it can."""
        ...


class Unfit(Exception):
    """A model did not pass its checks; the text says which one."""

    code, permanent = "model_unfit", True


class HotSwap:
    """Follows the publications for one worker. `load` reads a model from its file; it blocks and is called in a thread."""

    def __init__(
        self,
        db: Database,
        relay: Relay,
        load: Callable[[Path], Model],
        *,
        root: Path,
        folder: Path,
        clock: Callable[[], datetime],
        worker: str,
    ) -> None:
        self._db, self._relay, self._load = db, relay, load
        self._root, self._folder, self._clock, self._worker = root, folder, clock, worker
        self._seen: int | None = None
        self._version: int | None = None

    async def look(self) -> None:
        """Look once for a new publication and follow it. What cannot be loaded is told in ModelLoad, once, and the old model stays."""
        async with self._db.transaction() as tx:
            wanted = await live(tx)
        if wanted is None or wanted.id == self._seen:
            return
        started, why = monotonic(), None
        if wanted.version_id != self._version:
            try:
                await self._follow(wanted)
            except Exception as err:
                if is_lost_connection(err):
                    raise
                why = str(err) if isinstance(err, Unfit | RetrainingError) else type(err).__name__
        self._seen = wanted.id
        if why is None:
            self._version = wanted.version_id
            log.info("dialogue model in use", version=wanted.version_id)
        else:
            log.error("dialogue model refused, the old one stays", version=wanted.version_id, reason=why)
        row = ModelLoad(
            publication_id=wanted.id,
            worker=self._worker,
            state="loaded" if why is None else "failed",
            why=why,
            seconds=round(monotonic() - started, 2),
            at=self._clock(),
        )
        async with self._db.transaction() as tx:
            tx.add(row)

    async def _follow(self, wanted: Live) -> None:
        if wanted.program not in (None, program(self._root)):
            raise Unfit(say("errors.other_program", version=wanted.version_id))
        async with self._db.transaction() as tx:
            file = await file_of(tx, wanted.version_id, self._folder, self._root)
        self._relay.exchange(await asyncio.to_thread(self._examined, file))

    def _examined(self, file: Path) -> Model:
        """In a thread: the event loop and its turns go on meanwhile."""
        model = self._load(file)
        if why := model.unfit(self._root, probes(self._root)):
            raise Unfit(why)
        return model
