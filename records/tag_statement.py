"""What was said that speaks for or against a tag: read from a message, an answer or a visit note, not yet weighed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class TagStatement(Identity, Base):
    """One thing said about one patient. `source` is chat, answer or his (a visit note), `ref_kind` and `ref_id` the row with the words.

    `read_at` is when the tags were looked at with it; it counts once. What a clinical note says counts as long as the note says it;
    `possible` is what it leaves open (待排, ？): shown, and no reason for a tag.
    """

    __tablename__ = "tag_statement"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    code: Mapped[str]
    against: Mapped[bool]
    source: Mapped[str]
    ref_kind: Mapped[str]
    ref_id: Mapped[int] = mapped_column(BigInteger)
    because: Mapped[str]
    confidence: Mapped[float]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    possible: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        UniqueConstraint("patient_id", "code", "against", "ref_kind", "ref_id"),
        Index("ix_tag_statement_patient_id_unread", "patient_id", postgresql_where=text("read_at is null")),
    )


async def note_statements(tx: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write these down, each once however often its row is handled. Whoever calls it also asks for a look (records/retag.py)."""
    if rows:
        await tx.execute(insert(TagStatement).on_conflict_do_nothing(), list(rows))
