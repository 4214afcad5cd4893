"""Which source said which field of a row when: what was said later stands, in whatever order the messages come."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from hashlib import blake2s
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

# The entry for every field that has a value and no entry of its own: most rows were said by one message.
ALL = "*"
# Ids longer than this (hashes) only have to be told apart; shorter ones (numbers) also have an order.
LONGEST_ID = 20


class Cleared(Enum):
    """A field that was said to be empty, where None means that nothing was said."""

    CLEARED = "cleared"


CLEARED = Cleared.CLEARED


class Saying:
    """A row whose fields come with messages. `said_at` holds the stamp of each field; one without a stamp gives way to whatever is said."""

    said_at: Mapped[dict[str, Any]] = mapped_column(default=dict)


def stamp(at: datetime, message: str, position: int = 0) -> str:
    """When something was said, to be compared as text: the time, and at the same time the source's later number, then the later event.

    Two messages never have the same stamp, so that their order of arrival decides nothing. Raises ValueError for a naive time.
    """
    if at.tzinfo is None:
        raise ValueError("a naive datetime says no moment")
    id = message if len(message) <= LONGEST_ID else blake2s(message.encode(), digest_size=8).hexdigest()
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')} {len(id):02d}{id} {position:03d}"


def said_at(row: Any, field: str) -> str:
    """The stamp of `field`; empty where nobody has said it."""
    said: Mapping[str, str] = row.said_at or {}
    return said[field] if field in said else said.get(ALL, "") if getattr(row, field) is not None else ""


def say(row: Any, when: str, fields: Mapping[str, Any], *, fallback: Mapping[str, Any] | None = None) -> set[str]:
    """Take over those `fields` that nobody has said later than `when`; the names of those that are different now.

    `fields` names every field of the row that messages say (always the same ones); None says nothing. What is in `fallback` stands
    for a field as long as nobody says it, the least of all fallbacks, so that their order does not matter either.
    """
    times = {name: said_at(row, name) for name in fields}
    changed = set()
    for name, value in fields.items():
        if value is not None and times[name] < when:
            times[name] = when
            changed |= _set(row, name, None if value is CLEARED else value)
    for name, value in (fallback or {}).items():
        known = getattr(row, name)
        if value is not None and not times[name] and (known is None or value < known):
            changed |= _set(row, name, value)
    latest = max(times.values(), default="")
    packed = {name: time for name, time in times.items() if time != (latest if getattr(row, name) is not None else "")}
    if latest:
        packed[ALL] = latest
    if packed != (row.said_at or {}):
        row.said_at = packed
    return changed


def _set(row: Any, name: str, value: Any) -> set[str]:
    if getattr(row, name) == value:
        return set()
    setattr(row, name, value)
    return {name}
