"""Messages that the dialogue model did not get right, waiting for an administrator's label, grouped by likeness."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

GROUP_MOVES = {
    "open": frozenset({"labelled", "rejected", "merged"}),
    "labelled": frozenset({"open"}),
    "rejected": frozenset({"open"}),
    "merged": frozenset[str](),
}


class ReviewGroup(Identity, Base):
    """Messages that are alike and get one label. state: open → labelled | rejected (both can be opened again) | merged (into another).

    `suggestions` are the live model's guesses, best first, as {intent, confidence}. While `held_by` looks at it, until `held_until`,
    nobody else is given it.
    """

    __tablename__ = "review_group"

    state: Mapped[str] = mapped_column(default="open")
    suggestions: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    intent: Mapped[str | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    held_by: Mapped[str | None]
    held_until: Mapped[datetime | None]

    __table_args__ = (Index("ix_review_group_open", "id", postgresql_where=sql("state = 'open'")),)


class ReviewItem(Identity, Base):
    """One message of a group, de-identified: what was written is only kept in Inbound. `why` holds one or several of not_understood,
    unsure, corrected, answered_by_human."""

    __tablename__ = "review_item"

    group_id: Mapped[int] = mapped_column(ForeignKey("review_group.id"), index=True)
    inbound_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    text: Mapped[str]
    why: Mapped[list[str]]
    intent: Mapped[str | None]
    confidence: Mapped[float | None]
    said_at: Mapped[datetime]
