"""Mass messages (客户群发) that were prepared for a member, who must confirm each with a tap."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

GROUP_SEND_MOVES: Moves = {"waiting": frozenset({"done", "cancelled"}), "done": frozenset(), "cancelled": frozenset()}


class GroupSend(Identity, Base):
    """One task of the member `userid`. state: waiting → done (every family's result is known) | cancelled (never confirmed).

    Its families are the contacts whose `reference` is `msgid`.
    """

    __tablename__ = "group_send"

    userid: Mapped[str]
    msgid: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default="waiting")
    created_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_group_send_waiting", "created_at", postgresql_where=text("state = 'waiting'")),)
