"""What `careloop feed map`, `try` and `import` do: views and tables by a mapping of the hospital's."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.intake.feeds import Feed, FeedError, as_feed
from bot.intake.table_import import import_table, refused, told
from bot.intake.view_poll import try_view
from bot.intake.view_rows import read_stored
from integrations.rows.mapping import read_mapping
from integrations.rows.row import RowError
from integrations.tabular.read import FileRefused, read_table
from records.feed import Feed as FeedRow
from records.state import StateChange

MAPPED = ("sqlview", "tabular")


def map_command(name: str, file: Path) -> None:
    """`careloop feed map`. Raises FeedError, MappingError."""
    try:
        mapping = read_mapping(file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as err:
        raise FeedError(f"{file} cannot be read: {getattr(err, 'strerror', None) or 'it is not UTF-8'}.") from err

    async def run() -> None:
        async with core(command_settings("feed"), role="feed", pool_size=1) as parts, parts.db.transaction() as tx:
            row = await tx.scalar(select(FeedRow).where(FeedRow.name == name, FeedRow.kind.in_(MAPPED)).with_for_update())
            if row is None:
                raise FeedError(f"There is no feed {name} of the kind {' or '.join(MAPPED)}.")
            state, said = ("on" if row.active else "off"), mapping.model_dump(mode="json", exclude_defaults=True)
            row.settings = {**row.settings, "mapping": said}
            detail = {"mapping": said}
            tx.add(
                StateChange(
                    entity="feed", entity_id=row.id, old=state, new=state, at=parts.clock(), by="command line", reason="map", detail=detail
                )
            )

    asyncio.run(run())
    print(f"{name}: {mapping.event}, {len(set(mapping.columns()))} columns")


def try_command(name: str) -> None:
    """`careloop feed try`. Raises FeedError, MappingError, ViewError."""

    async def run() -> list[dict[str, Any]]:
        async with core(command_settings("feed"), role="feed", pool_size=1) as parts:
            feed, rows = await _feed(parts, name, "sqlview"), await try_view(parts.db, name)
            return [_said(parts, feed, row) for row in rows]

    for each in asyncio.run(run()):
        print(json.dumps(each, ensure_ascii=False, default=str))


def _said(parts: Core, feed: Feed, row: dict[str, Any]) -> dict[str, Any]:
    try:
        [message] = read_stored(feed, json.dumps(row).encode(), parts.clock(), parts.settings.tz)
    except RowError as err:
        return {"row": row, "refused": err.detail}
    return {"row": row, "events": [{"event": type(event).__name__, **asdict(event)} for event in message.events]}


def import_command(name: str, file: Path, *, dry_run: bool) -> int:
    """`careloop feed import`; how many rows were not taken. Raises FeedError, MappingError."""
    try:
        table = read_table(file)
    except FileRefused as err:
        raise FeedError(refused(err)) from err
    except OSError as err:
        raise FeedError(refused(FileRefused("missing", file=file.name))) from err

    async def run() -> int:
        async with core(command_settings("feed"), role="feed", pool_size=1) as parts:
            feed = await _feed(parts, name, "tabular")
            try:
                report = await import_table(parts.db, feed, table, dry_run=dry_run, clock=parts.clock, zone=parts.settings.tz)
            except FileRefused as err:
                raise FeedError(refused(err)) from err
            print(told(report, dry_run=dry_run))
            return len(report.refused)

    return asyncio.run(run())


async def _feed(parts: Core, name: str, kind: str) -> Feed:
    async with parts.db.transaction() as tx:
        row = await tx.scalar(select(FeedRow).where(FeedRow.name == name, FeedRow.kind == kind))
    if row is None:
        raise FeedError(f"There is no feed {name} of the kind {kind}.")
    return as_feed(row)
