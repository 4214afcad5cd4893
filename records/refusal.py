"""Who asked for what he may not see: other teams' patients, pages without the right. Part of the audit."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class AccessRefusal(Identity, Base):
    """One refused request of a signed-in staff member; `path` without its query, `why` the refusal's code, `what` it was about."""

    __tablename__ = "access_refusal"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    at: Mapped[datetime]
    method: Mapped[str]
    path: Mapped[str]
    why: Mapped[str]
    what: Mapped[str]

    __table_args__ = (Index("ix_access_refusal_at", "at", postgresql_using="brin"),)
