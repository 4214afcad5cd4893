"""Looks at the hospital's views again and again, and stores what is new or has changed."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.intake.feeds import Feed, FeedError, as_feed, read_feeds
from bot.intake.view_rows import ViewSettings, start_of, stored, view_of
from integrations.rows.mapping import MappingError, RowMapping
from integrations.sqlview.view import Page, ViewError, open_view, read_page
from records.database import Database
from records.feed import Feed as FeedRow
from records.feed import asked, store_messages

log = structlog.get_logger(__name__)


class ViewPoller:
    """Polls the feeds of the kind sqlview.

    The mark moves in the transaction that stores what was passed: a row is stored at least once, and what is read twice is known by
    its key. Rows that disappear are not seen: a view has to keep them and say so in a column.
    """

    def __init__(self, db: Database, clock: Callable[[], datetime], *, environment: Mapping[str, str] = os.environ) -> None:
        self._db, self._clock, self._environment = db, clock, environment

    async def look(self) -> dict[str, int]:
        """Look at every view whose time has come; how many rows were read, by feed. None waits for another, or fails with it."""
        async with self._db.transaction() as tx:
            feeds = await read_feeds(tx, "sqlview")
        counts = await asyncio.gather(*(self._look_at(feed) for feed in feeds))
        return {feed.name: count for feed, count in zip(feeds, counts, strict=True) if count}

    async def _look_at(self, feed: Feed) -> int:
        try:
            return await self.poll(feed)
        except (ViewError, FeedError, MappingError) as err:
            log.error("view not read", feed=feed.name, code=err.code, reason=str(err))
            await self._tell(feed, err.code)
            return 0

    async def poll(self, feed: Feed) -> int:
        """Read what is new in one view, if its time has come; how many rows. Raises ViewError, FeedError, MappingError.

        A look ends at the view's end, however long that takes: many thousand rows may have the same time, and the mark is a time.
        """
        view, settings, mapping = view_of(feed)
        async with self._db.transaction() as tx:
            row = await self._mine(tx, feed)
            if row is None or not _due(row, settings, self._clock()):
                return 0
            position = start_of(row.mark, settings)
        engine = open_view(address_of(settings, self._environment), timeout=view.timeout)
        count = 0
        while True:
            async with self._db.transaction() as tx:
                row = await self._mine(tx, feed)
                if row is None:
                    return count
                page = await asyncio.to_thread(read_page, engine, view, position)
                await self._store(tx, row, feed, mapping, page)
            count += len(page.rows)
            if len(page.rows) < view.page:
                return count
            position = page.positions[-1]

    async def _store(self, tx: AsyncSession, row: FeedRow, feed: Feed, mapping: RowMapping, page: Page) -> None:
        now = self._clock()
        await store_messages(tx, [stored(feed, mapping, each, now) for each in page.rows])
        await tx.refresh(row)
        mark = asked(row.mark, now, None)
        if page.positions:
            latest = page.positions[-1].updated
            before = mark.get("updated")
            if before is None or datetime.fromisoformat(before) < latest:
                mark["updated"] = latest.isoformat()
        row.mark = mark

    async def _mine(self, tx: AsyncSession, feed: Feed) -> FeedRow | None:
        """The feed's row, unless another process looks at the view at this moment."""
        held = await tx.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"view:{feed.id}", 0))))
        return await tx.get(FeedRow, feed.id) if held else None

    async def _tell(self, feed: Feed, code: str) -> None:
        async with self._db.transaction() as tx:
            row = await tx.get(FeedRow, feed.id, with_for_update=True)
            if row is not None:
                row.mark = asked(row.mark, self._clock(), code)


def address_of(settings: ViewSettings, environment: Mapping[str, str]) -> str:
    """The address of the view's database, from the environment or a file that it names. Raises ViewError."""
    given = environment.get(settings.address)
    file = environment.get(f"{settings.address}_FILE")
    if given is None and file is not None:
        try:
            given = Path(file).read_text("utf-8").strip()
        except OSError as err:
            raise ViewError("address", f"{settings.address}_FILE cannot be read: {err.strerror}.", permanent=True) from err
    if not given:
        raise ViewError("address", f"{settings.address} is not set: the address of the database is not known.", permanent=True)
    return given


def _due(row: FeedRow, settings: ViewSettings, now: datetime) -> bool:
    looked = row.mark.get("looked")
    return looked is None or now - datetime.fromisoformat(str(looked)) >= timedelta(seconds=settings.every)


async def try_view(db: Database, name: str, *, environment: Mapping[str, str] = os.environ, rows: int = 5) -> list[dict[str, Any]]:
    """The first rows of a feed's view as they come, and nothing stored. Raises ViewError, FeedError, MappingError."""
    async with db.transaction() as tx:
        row = await tx.scalar(select(FeedRow).where(FeedRow.name == name, FeedRow.kind == "sqlview"))
    if row is None:
        raise FeedError(f"There is no feed {name} of the kind sqlview.")
    view, settings, _ = view_of(as_feed(row))
    engine = open_view(address_of(settings, environment), timeout=view.timeout)
    page = await asyncio.to_thread(read_page, engine, replace(view, page=rows), start_of({}, settings))
    return [dict(each) for each in page.rows]
