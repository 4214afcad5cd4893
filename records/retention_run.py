"""Nights on which what has been kept long enough was let go."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class RetentionRun(Identity, Base):
    """One run: rows by class and table (`counts`), how many lines of the audit were among them, and whether more was left for the next.

    `ended_at` is None while it runs, and of one that broke off.
    """

    __tablename__ = "retention_run"

    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    audit: Mapped[int] = mapped_column(default=0)
    more: Mapped[bool] = mapped_column(default=False)
