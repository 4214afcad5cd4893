"""What WeCom makes us keep: service accounts with their cursor, access tokens, callback events."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class KfAccount(Base):
    """A service account. `cursor` moves in the transaction that stores the messages it passed; `news_at` says there is more.

    `pulled_at` is the news that the last pull answered: news_at > pulled_at means work. `contact_url` is WeCom's link to the account,
    to which a signed invitation is appended; None until it has been asked for.
    """

    __tablename__ = "kf_account"

    open_kfid: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    cursor: Mapped[str] = mapped_column(default="")
    news_token: Mapped[str | None]
    news_at: Mapped[datetime | None]
    pulled_at: Mapped[datetime | None]
    contact_url: Mapped[str | None]


class AccessToken(Base):
    """A platform token, one per secret (`key` is a digest of it), shared by all processes."""

    __tablename__ = "access_token"

    key: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]
    expires_at: Mapped[datetime]


class CallPace(Base):
    """Until when the calls of one kind are spoken for, over all processes (bot/pace.py)."""

    __tablename__ = "call_pace"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]


class CallbackEvent(Base):
    """A callback that carries its own content (card clicks, contact changes); `key` is wecom-api §2.3's, so repeats are dropped."""

    __tablename__ = "callback_event"

    key: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str]
    fields: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]

    __table_args__ = (
        Index("ix_callback_event_open", "received_at", postgresql_where=text("handled_at is null")),
        # What was tried more than once, to find what was given up.
        Index("ix_callback_event_tried", "received_at", postgresql_where=text("attempts > 1")),
    )
