"""What forms and addresses hold: words that can be kept, and numbers of rows."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

# Nobody lives or is asked beyond these, and reckoning on from any day between them stays within the calendar.
FIRST_YEAR, LAST_YEAR = 1900, 2200


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
