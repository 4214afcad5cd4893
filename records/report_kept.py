"""A section of the reports as it was worked out last, so that its page need not wait for it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base

# Longer than a month, so that last month's stay until nobody asks for them any more.
FORGOTTEN_AFTER = timedelta(days=45)


class ReportKept(Base):
    """What was found for `key` (who reads of whom, and of which days), as it was `at`, in so many `seconds` of work."""

    __tablename__ = "report_kept"

    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    seconds: Mapped[float]
    found: Mapped[dict[str, Any]]


async def kept_report(tx: AsyncSession, key: str) -> ReportKept | None:
    """What was found last."""
    found: ReportKept | None = await tx.scalar(select(ReportKept).where(ReportKept.key == key))
    return found


async def keep_report(tx: AsyncSession, key: str, found: dict[str, Any], at: datetime, seconds: float) -> None:
    """Keep it in place of what was found before; what nobody has asked for in a long time goes."""
    table = ReportKept.metadata.tables[ReportKept.__tablename__]
    values = {"at": at, "seconds": seconds, "found": found}
    await tx.execute(insert(table).values(key=key, **values).on_conflict_do_update(index_elements=["key"], set_=values))
    await tx.execute(delete(ReportKept).where(ReportKept.at < at - FORGOTTEN_AFTER))
