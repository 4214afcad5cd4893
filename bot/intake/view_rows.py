"""Rows of a database view as messages of their feed: how they are stored, and how they are read again."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.intake.feeds import Feed, FeedError
from integrations.event import Message
from integrations.rows.mapping import RowMapping, mapping_of
from integrations.rows.read import read_row, row_digest, row_key
from integrations.rows.row import RowError, cell_text
from integrations.sqlview.view import Position, View
from records.feed import message_row


class ViewSettings(BaseModel):
    """`view` in the settings of a feed of the kind sqlview. `address` names the environment variable (or, with _FILE, the file) that
    holds the database's URL: an address has a password in it, and the settings stand in our own database."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(pattern=r"^[A-Z][A-Z0-9_]{2,80}$")
    name: str = Field(min_length=1, max_length=200)
    every: int = Field(default=60, ge=5, le=86_400, description="seconds between two looks")
    overlap: int = Field(default=10, ge=0, le=7 * 24 * 60, description="minutes that are read again: rows may be committed late")
    since: datetime | None = Field(default=None, description="where the first look begins; without it, at the very beginning")
    page: int = Field(default=500, ge=1, le=5000)
    timeout: int = Field(default=30, ge=1, le=300, description="seconds that one page may take")


def view_of(feed: Feed) -> tuple[View, ViewSettings, RowMapping]:
    """What is read, how often, and what it says. Raises FeedError, MappingError."""
    given = feed.settings.model_extra or {}
    try:
        settings = ViewSettings.model_validate(given.get("view") or {})
    except ValidationError as err:
        first = err.errors(include_input=False)[0]
        raise FeedError(f"Setting view.{'.'.join(map(str, first['loc']))} of the feed {feed.name}: {first['msg']}.") from err
    mapping = mapping_of(given.get("mapping") or {})
    if mapping.updated is None:
        raise FeedError(f"The mapping of the feed {feed.name} names no column `updated`: changes could not be found.")
    columns = tuple(dict.fromkeys(mapping.columns()))
    view = View(settings.name, mapping.updated, mapping.key, columns, page=settings.page, timeout=float(settings.timeout))
    return view, settings, mapping


def start_of(mark: Mapping[str, Any], settings: ViewSettings) -> Position | None:
    """Where a look begins: somewhat before the last row that was seen."""
    seen = mark.get("updated")
    if seen is None:
        return Position(settings.since) if settings.since is not None else None
    return Position(datetime.fromisoformat(str(seen)) - timedelta(minutes=settings.overlap))


def stored(feed: Feed, mapping: RowMapping, row: Mapping[str, str | None], now: datetime) -> dict[str, Any]:
    """The row as a message to store. The same contents under the same key are one message, so that what is read again is stored once."""
    refused = None
    try:
        key = row_key(mapping, row)
    except RowError as err:
        key, refused = "?", err.code
    return message_row(
        feed_id=feed.id,
        key=f"{key[:150]}:{row_digest(row)}",
        body=json.dumps(dict(row), ensure_ascii=False).encode("utf-8", "replace"),
        received_at=now,
        connection="view",
        kind=mapping.event,
        order_key=_whose(mapping, row) or key,
        control_id=key,
        refused=refused,
    )


def _whose(mapping: RowMapping, row: Mapping[str, str | None]) -> str | None:
    for numbering in mapping.person.identifiers:
        try:
            number = cell_text(row, numbering.column) if numbering.column is not None else None
        except RowError:
            number = None
        if number is not None:
            return f"{numbering.system}:{number}"
    return None


def read_stored(feed: Feed, body: bytes, _received_at: datetime, zone: ZoneInfo) -> Iterable[Message]:
    """What a stored row says, by the feed's mapping of today. Raises RowError, MappingError."""
    mapping = _mapping(json.dumps((feed.settings.model_extra or {}).get("mapping") or {}, sort_keys=True))
    return [read_row(mapping, json.loads(body), zone)]


@lru_cache(maxsize=32)
def _mapping(text: str) -> RowMapping:
    return mapping_of(json.loads(text))
