"""The console's stage, and browsers on it, as fixtures."""

from collections.abc import AsyncIterator, Iterator

import pytest

from records.database import Database
from tests.console.browser import CHROMIUM, OpenPage, browser_pages, running_chromium
from tests.console.stage import Stage, open_stage


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    """The running console with two teams."""
    async with open_stage(db) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """A running Chromium; without one the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: the pages cannot be tried without a browser")
    with running_chromium() as address:
        yield address


@pytest.fixture
async def browser_page(chromium: str, stage: Stage) -> AsyncIterator[OpenPage]:
    """`page = await browser_page("linyue", "/work", size=PHONE)`; see tests.console.browser."""
    async with browser_pages(chromium, stage) as open_page:
        yield open_page
