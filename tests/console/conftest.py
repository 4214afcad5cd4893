"""The console's stage as a fixture."""

from collections.abc import AsyncIterator

import pytest

from records.database import Database
from tests.console.stage import Stage, open_stage


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    """The running console with two teams."""
    async with open_stage(db) as opened:
        yield opened
