"""The content centre's rows: items, their versions, the files in them, and what is to be sent to whom."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, LargeBinary, UniqueConstraint, and_, or_
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

# Of two that are open one would be lost; of two that are published nobody would know which one families read.
OPEN_STATES = ("draft", "reviewed")
CONTENT_MOVES: Moves = {
    # To itself: sent back to its author with a note, and changed by him after that.
    "draft": frozenset({"draft", "reviewed", "dropped"}),
    # A change sends it back to its author, and it is reviewed again.
    "reviewed": frozenset({"draft", "published", "dropped"}),
    # expired: over by its date, or replaced by a newer version; withdrawn: taken back because something is wrong with it.
    "published": frozenset({"expired", "withdrawn"}),
    "expired": frozenset(),
    "withdrawn": frozenset(),
    "dropped": frozenset(),
}
PUSH_MOVES: Moves = {
    "waiting": frozenset({"sent", "refused", "expired"}),
    "sent": frozenset(),
    "refused": frozenset(),
    "expired": frozenset(),
}
# The setting that counts publications: a worker that sees another number reads the contents again.
GENERATION = "content_generation"


class ContentItem(Identity, Base):
    """An article or a message template, known by its `code`; `team_id` None means that it is the whole hospital's."""

    __tablename__ = "content_item"

    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    at: Mapped[datetime]
    by: Mapped[str]


class ContentVersion(Identity, Base):
    """One version of an item; its `definition` is a plans/content/model.py Content, and is never changed once it has been published.

    `author` is who wrote it first, `editors` are all who did, none of whom may be its `reviewer`. `needs_review` says that no clinician
    of this hospital has reviewed it (shipped texts). `shipped` is the digest of the shipped text that it is, or that it waits beside.
    `reading_level` is 1 (easy) to 3 (hard). Not sent after `expires_at`; looked at again by `review_by`.
    """

    __tablename__ = "content_version"

    content_id: Mapped[int] = mapped_column(ForeignKey("content_item.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="draft")
    title: Mapped[str]
    definition: Mapped[dict[str, Any]]
    tags: Mapped[list[str]]
    reading_level: Mapped[int]
    source: Mapped[str]
    needs_review: Mapped[bool] = mapped_column(default=False)
    shipped: Mapped[str | None]
    author: Mapped[str]
    editors: Mapped[list[str]]
    reviewer: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    review_by: Mapped[date]
    published_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("content_id", "version"),
        Index("uq_content_version_published", "content_id", unique=True, postgresql_where=sql("state = 'published'")),
        Index("uq_content_version_open", "content_id", unique=True, postgresql_where=sql("state in ('draft', 'reviewed')")),
        Index("ix_content_version_expires_at", "expires_at", postgresql_where=sql("state = 'published' and expires_at is not null")),
    )


class ContentMedia(Base):
    """A picture, video or file, kept once by the SHA-256 of its bytes. `wecom_id` is its temporary id there (good for 3 days)."""

    __tablename__ = "content_media"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    mime: Mapped[str]
    name: Mapped[str]
    size: Mapped[int]
    # Read by whoever sends or shows it, and by nobody else.
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    wecom_id: Mapped[str | None]
    wecom_at: Mapped[datetime | None]
    at: Mapped[datetime]
    by: Mapped[str]


class ContentPush(Identity, Base):
    """An item that is to be sent to a patient's family. state: waiting → sent | refused | expired.

    `key` says what it is for (`task:812:education`), so that a repeat is harmless. While it waits it is looked at again at `next_at`,
    until `useful_until`; `reason` is why it waits or was refused, `read_id` what the family was shown.
    """

    __tablename__ = "content_push"

    key: Mapped[str] = mapped_column(unique=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    code: Mapped[str]
    because: Mapped[str]
    by: Mapped[str]
    again: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="waiting")
    next_at: Mapped[datetime | None]
    useful_until: Mapped[datetime]
    reason: Mapped[str | None]
    read_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_content_push_next_at", "next_at", postgresql_where=sql("state = 'waiting'")),
        Index("ix_content_push_code", "code", "id"),
    )


def is_live(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition under which a version may be found and sent at `now`."""
    return and_(ContentVersion.state == "published", or_(ContentVersion.expires_at.is_(None), ContentVersion.expires_at > now))


_BUMP = sql(
    "insert into setting (name, value) values (:name, '{\"n\": 1}') on conflict (name) do update "
    "set value = jsonb_build_object('n', (setting.value->>'n')::bigint + 1)"
)


async def note_publication(tx: AsyncSession) -> None:
    """What families may be shown has changed: every worker reads it again within seconds."""
    await tx.execute(_BUMP, {"name": GENERATION})


async def generation(tx: AsyncSession) -> int:
    """How often what families may be shown has changed."""
    found = await tx.scalar(sql("select (value->>'n')::bigint from setting where name = :name"), {"name": GENERATION})
    return int(found or 0)
