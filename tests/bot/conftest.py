"""A stage without a dialogue model: triage, people and transport are what these tests are about."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from actions.turn import Turn
from bot.reply import Reply
from records.database import Database
from tests.bot.stage import Stage, open_stage


class Parrot:
    """Stands where the dialogue stands, and needs no model: it says what it heard, and calls a person when asked to."""

    async def turn(self, turn: Turn) -> list[Reply]:
        if "人工" in turn.text:
            turn.wants_human = "asked"
            return []
        if "崩溃" in turn.text:
            raise RuntimeError("the model is broken")
        return [Reply(f"听到：{turn.text[:40]}")]

    async def prepare(self, tx: Any, chat_ids: Any) -> None:
        """It has no state."""

    async def save(self, tx: Any) -> None:
        """It has no state."""

    async def begin_follow_ups(self, tx: Any, begun: Any, now: datetime) -> None:
        """It has no state."""

    def forget(self, chat_id: int) -> None:
        """It has no memory."""


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, Parrot(), tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def loggers_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that a test calls in its own process must not tie the loggers of all later tests to a stream that pytest then closes."""
    monkeypatch.setattr("bot.cli_run.configure", lambda *_, **__: None)
