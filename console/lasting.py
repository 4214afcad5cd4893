"""What is worked out beside pages, kept in the database: every web process shows the same, and a restart forgets none."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from console.shelf import Kept
from records.database import Database
from records.report_kept import keep_report, kept_report

T = TypeVar("T")


class Lasting(Generic[T]):
    """As JSON in the table `report_kept`, written by `write` and read by `read`."""

    def __init__(self, db: Database, write: Callable[[T], dict[str, Any]], read: Callable[[dict[str, Any]], T]) -> None:
        self._db, self._write, self._read = db, write, read

    async def load(self, key: str) -> Kept[T] | None:
        """What was kept last."""
        async with self._db.transaction() as tx:
            row = await kept_report(tx, key)
        return None if row is None else Kept(self._read(row.found), row.at, row.seconds)

    async def save(self, key: str, kept: Kept[T]) -> None:
        """Keep it in place of what was there."""
        async with self._db.transaction() as tx:
            await keep_report(tx, key, self._write(kept.what), kept.at, kept.seconds)
