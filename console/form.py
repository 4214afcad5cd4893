"""What forms and addresses hold: words that can be kept, numbers of rows, days that somebody can mean."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

# Nobody lives or is asked beyond these, and reckoning on from any day between them stays within the calendar.
FIRST_YEAR, LAST_YEAR = 1900, 2200


@contextmanager
def reading_body() -> Iterator[None]:
    """Around the reading of a body: what aiohttp cannot make of it (an unknown charset, a part without a name, bytes that are packed
    wrongly) is the sender's mistake, not ours. Raises HTTPBadRequest."""
    try:
        yield
    except (web.HTTPException, ConnectionResetError):
        raise
    except Exception as err:
        raise web.HTTPBadRequest from err


def words(form: Mapping[str, Any], name: str, longest: int | None = None) -> str:
    """A field as it may be kept (see `plain`); nothing for one that is missing."""
    return plain(form.get(name, ""), longest)


def plain(value: object, longest: int | None = None) -> str:
    """What was typed: lines end as ours do, no space around it, cut to `longest` characters; nothing for a file.

    A NUL is left out: the database keeps none.
    """
    return value.replace("\x00", "").replace("\r\n", "\n").strip()[:longest] if isinstance(value, str) else ""


def number(text: object) -> int | None:
    """A row's number; None for what is none."""
    given = str(text)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def day(text: str) -> date:
    """A day as browsers write it. Raises ValueError for what is none, and for one that nobody can mean."""
    found = date.fromisoformat(text)
    _check(found)
    return found


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A moment of the hospital's clock as browsers write it. Raises ValueError as `day` does."""
    found = datetime.fromisoformat(text)
    _check(found)
    return found.replace(tzinfo=zone)


def _check(found: date) -> None:
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"year {found.year}")
