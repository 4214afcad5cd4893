"""Models without a model: a file's content says how they answer."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from actions.turn import Turn
from bot.dialogue.train import program
from bot.reply import Reply
from records.database import Database
from records.model_version import ModelArchive, ModelVersion, Publication, TrainingSet
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import NOW


class Parrot:
    """Says who it is and what it heard."""

    def __init__(self, name: str) -> None:
        self.name, self.turns = name, 0

    async def turn(self, turn: Turn) -> list[Reply]:
        self.turns += 1
        return [Reply(f"{self.name}听到：{turn.text[:40]}")]

    async def prepare(self, tx: Any, chat_ids: Any) -> None:
        """A turn that one parrot prepares, no other takes or saves."""
        tx.info.setdefault("parrots", set()).add(self.name)

    async def save(self, tx: Any) -> None:
        assert tx.info["parrots"] == {self.name}

    async def begin_follow_ups(self, tx: Any, begun: Any, now: datetime) -> None:
        """It has no state."""

    def forget(self, chat_id: int) -> None:
        """It has no memory."""

    def unfit(self, root: Path, probes: list[tuple[str, str]]) -> str | None:
        return "misreads 转人工" if self.name == "坏" else None


def load(file: Path) -> Parrot:
    if file.read_bytes() == b"broken":
        raise OSError("no model in it")
    return Parrot(file.read_bytes().decode())


async def published(db: Database, content: bytes, *, made_for: str | None = None, sha256: str | None = None) -> Publication:
    """A version with this content, live at once."""
    async with db.transaction() as tx:
        data = TrainingSet(fingerprint=uuid4().hex, content={}, examples=0, labelled=0, at=NOW, by="lin")
        tx.add(data)
        await tx.flush()
        version = ModelVersion(
            training_set_id=data.id,
            program=made_for or program(ROOT),
            sha256=sha256 or hashlib.sha256(content).hexdigest(),
            metrics={},
            by="lin",
            at=NOW,
        )
        tx.add(version)
        await tx.flush()
        tx.add(ModelArchive(version_id=version.id, content=content))
        publication = Publication(version_id=version.id, by="lin", at=NOW)
        tx.add(publication)
        await tx.flush()
        return publication
