"""The whole database in short, to see that a refusal changed nothing."""

from sqlalchemy import text

from records.base import Base
from records.database import Database

# Written down at every look, whoever it is.
_NOTES = frozenset({"access_refusal", "staff_session"})


async def everything(db: Database) -> dict[str, str | None]:
    """What stands in each table, in short."""
    async with db.transaction() as tx:
        names = [table.name for table in Base.metadata.sorted_tables if table.name not in _NOTES]
        each = [f"select '{name}', md5(string_agg(t::text, ',' order by t::text)) from {name} t" for name in names]  # noqa: S608 - our own tables
        return dict((await tx.execute(text(" union all ".join(each)))).all())


def changed(before: dict[str, str | None], after: dict[str, str | None]) -> set[str]:
    """The tables that are not as they were."""
    return {name for name in after if after[name] != before[name]}
