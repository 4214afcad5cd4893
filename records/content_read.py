"""Which version of which content a family was shown, what it did with it, and whether it helped."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, ForeignKey, Index, Text, bindparam, case, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.chat import Chat
from records.content import ContentVersion, is_live

# Nobody wants to be asked 有用吗 after every answer.
ASK_AGAIN = timedelta(days=1)


class ContentRead(Identity, Base):
    """One content in one reply or push (`how`: answer or push, `because` of what). `asked_at` is when the family was asked whether it
    helped, `useful` what they tapped. Of its page: when it was first opened, in which version (the one of that moment, which can be a
    newer one), and read to its end."""

    __tablename__ = "content_read"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))
    article: Mapped[str]
    version: Mapped[int]
    how: Mapped[str] = mapped_column(default="answer", server_default="answer")
    because: Mapped[str | None]
    at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    useful: Mapped[bool | None]
    answered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    opened_version: Mapped[int | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_content_read_chat_id_at", "chat_id", "at"),
        Index("ix_content_read_article", "article", "version"),
        Index("ix_content_read_at", "at"),
    )


_MOMENT = DateTime(timezone=True)
_ASKED = exists().where(ContentRead.chat_id == bindparam("chat"), ContentRead.asked_at > bindparam("asked_since", type_=_MOMENT))
_VERSION = bindparam("version_id", type_=BigInteger)
_MAY_BE_READ = or_(_VERSION.is_(None), exists().where(ContentVersion.id == _VERSION, is_live(bindparam("now", type_=_MOMENT))))
_COLUMNS: dict[str, ColumnElement[Any]] = {
    "chat_id": bindparam("chat", type_=BigInteger),
    "patient_id": bindparam("patient", type_=BigInteger),
    "article": bindparam("which", type_=Text),
    "version": bindparam("which_version"),
    "how": bindparam("how", type_=Text),
    "because": bindparam("because", type_=Text),
    "at": bindparam("now", type_=_MOMENT),
    "asked_at": case((_ASKED, None), else_=bindparam("ask_at", type_=_MOMENT)),
}
_READ = (
    insert(ContentRead.metadata.tables[ContentRead.__tablename__])
    .from_select(list(_COLUMNS), select(*_COLUMNS.values()).where(_MAY_BE_READ))
    .returning(ContentRead.id, ContentRead.asked_at)
)


async def article_read(
    tx: AsyncSession,
    chat: Chat,
    patient_id: int | None,
    article: str,
    version: int,
    now: datetime,
    *,
    ask: bool,
    version_id: int | None = None,
    how: str = "answer",
    because: str | None = None,
) -> tuple[int, bool] | None:
    """Write down that the chat is shown an article; its id, and, with `ask`, whether this is the time to ask whether it helps.

    None, and nothing is written, when the version `version_id` may not be shown any more.
    """
    read = {"chat": chat.id, "patient": patient_id, "which": article, "which_version": version, "now": now, "how": how}
    read |= {"because": because, "version_id": version_id, "asked_since": now - ASK_AGAIN, "ask_at": now if ask else None}
    row = (await tx.execute(_READ, read)).one_or_none()
    return None if row is None else (row.id, row.asked_at is not None)


@dataclass(frozen=True)
class Reads:
    """How one version of a content fared: shown in answers, pushed, its page opened and read to the end, useful or not."""

    article: str
    version: int
    answered: int
    pushed: int
    opened: int
    finished: int
    useful: int
    useless: int


async def reads(tx: AsyncSession, *, article: str | None = None, articles: Collection[str] | None = None) -> list[Reads]:
    """The figures of each version (of one article, of some), the most shown first."""
    query = (
        select(
            ContentRead.article,
            ContentRead.version,
            func.count().filter(ContentRead.how == "answer"),
            func.count().filter(ContentRead.how == "push"),
            func.count(ContentRead.opened_at),
            func.count(ContentRead.finished_at),
            func.count().filter(ContentRead.useful.is_(True)),
            func.count().filter(ContentRead.useful.is_(False)),
        )
        .group_by(ContentRead.article, ContentRead.version)
        .order_by(func.count().desc(), ContentRead.article, ContentRead.version)
    )
    if article is not None:
        query = query.where(ContentRead.article == article)
    if articles is not None:
        query = query.where(ContentRead.article.in_(articles))
    return [Reads(*row) for row in await tx.execute(query)]


async def article_rated(tx: AsyncSession, chat: Chat, read_id: int, *, useful: bool, now: datetime) -> bool:
    """Keep what the family tapped; the last tap counts. False when this chat was never shown that."""
    read = await tx.get(ContentRead, read_id)
    if read is None or read.chat_id != chat.id:
        return False
    read.useful, read.answered_at = useful, now
    return True
