"""How a carer comes to the family's pages: links given in the chat, and the sessions of the devices that opened them."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class FamilyLink(Identity, Base):
    """One link for one carer; `way` says where it was asked for: chat, mini_program. `opened_at` is when a device took it, for good."""

    __tablename__ = "family_link"

    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), index=True)
    way: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]


class FamilySession(Base):
    """A device that may open a carer's pages until `expires_at`. Only the hash of its token is kept; `link_id` is what it came by, None
    for one that WeChat told whose it is."""

    __tablename__ = "family_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), index=True)
    link_id: Mapped[int | None] = mapped_column(ForeignKey("family_link.id"))
    way: Mapped[str]
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str]
