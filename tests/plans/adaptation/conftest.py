"""A ward with its children, and a database under them."""

import pytest

from records.database import Database
from tests.plans.adaptation.given import Ward, ward


@pytest.fixture
async def given(db: Database) -> Ward:
    """Two teams."""
    async with db.transaction() as tx:
        team, other = await ward(tx)
    return Ward(db, team, other)
