"""What departments change in the triage tables for their own patients: proposed by one, approved by another, every version kept."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

OVERLAY_MOVES: Moves = {
    "draft": frozenset({"active", "refused"}),
    "active": frozenset({"retired"}),
    "refused": frozenset(),
    "retired": frozenset(),
}


class TriageOverlay(Identity, Base):
    """One version of what a department (a team's name) changes, as it was written (YAML, docs/triage.md), and why. Who approves has not
    written it."""

    __tablename__ = "triage_overlay"

    department: Mapped[str]
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="draft")
    definition: Mapped[str]
    why: Mapped[str]
    author: Mapped[str]
    approver: Mapped[str | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("department", "version"),
        Index("uq_triage_overlay_active", "department", unique=True, postgresql_where=text("state = 'active'")),
    )
