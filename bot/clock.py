"""What time it is. In the sandbox the clock can be moved forward, for all processes at once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.dialects.postgresql import insert

from records.database import Database
from records.setting import Setting

NAME = "clock"


class Clock:
    """Real time plus an offset that only the sandbox ever sets."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self.offset

    async def load(self, db: Database) -> None:
        """Take over the offset that some process stored."""
        async with db.transaction() as tx:
            row = await tx.get(Setting, NAME)
        self.offset = timedelta(seconds=row.value["offset"]) if row else timedelta()

    async def store(self, db: Database, offset: timedelta) -> None:
        """Move the clock to real time plus `offset`, here and in every process that loads it."""
        value = {"offset": offset.total_seconds()}
        async with db.transaction() as tx:
            await tx.execute(
                insert(Setting).values(name=NAME, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value})
            )
        self.offset = offset
