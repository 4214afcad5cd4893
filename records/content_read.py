"""Which version of which article a family was shown, and whether it helped."""

from datetime import datetime, timedelta

from sqlalchemy import DateTime, ForeignKey, Index, bindparam, case, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.chat import Chat

# Nobody wants to be asked 有用吗 after every answer.
ASK_AGAIN = timedelta(days=1)


class ContentRead(Identity, Base):
    """One article in one reply. `asked_at` is when the family was asked whether it helped, `useful` what they tapped."""

    __tablename__ = "content_read"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))
    article: Mapped[str]
    version: Mapped[int]
    at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    useful: Mapped[bool | None]
    answered_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_content_read_chat_id_at", "chat_id", "at"), Index("ix_content_read_article", "article", "version"))


_MOMENT = DateTime(timezone=True)
_ASKED = exists().where(ContentRead.chat_id == bindparam("chat"), ContentRead.asked_at > bindparam("asked_since", type_=_MOMENT))
_READ = (
    insert(ContentRead.metadata.tables[ContentRead.__tablename__])
    .values(
        chat_id=bindparam("chat"),
        patient_id=bindparam("patient"),
        article=bindparam("which"),
        version=bindparam("which_version"),
        at=bindparam("now"),
        asked_at=case((_ASKED, None), else_=bindparam("ask_at", type_=_MOMENT)),
    )
    .returning(ContentRead.id, ContentRead.asked_at)
)


async def article_read(
    tx: AsyncSession, chat: Chat, patient_id: int | None, article: str, version: int, now: datetime, *, ask: bool
) -> tuple[int, bool]:
    """Write down that the chat is shown an article; its id, and, with `ask`, whether this is the time to ask whether it helps."""
    read = {"chat": chat.id, "patient": patient_id, "which": article, "which_version": version, "now": now}
    row = (await tx.execute(_READ, read | {"asked_since": now - ASK_AGAIN, "ask_at": now if ask else None})).one()
    return row.id, row.asked_at is not None


async def reads(tx: AsyncSession) -> list[tuple[str, int, int, int, int]]:
    """For each version of an article: how often it was shown, and how many said that it helped and that it did not."""
    rows = await tx.execute(
        select(
            ContentRead.article,
            ContentRead.version,
            func.count(),
            func.count().filter(ContentRead.useful.is_(True)),
            func.count().filter(ContentRead.useful.is_(False)),
        )
        .group_by(ContentRead.article, ContentRead.version)
        .order_by(func.count().desc(), ContentRead.article)
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


async def article_rated(tx: AsyncSession, chat: Chat, read_id: int, *, useful: bool, now: datetime) -> bool:
    """Keep what the family tapped; the last tap counts. False when this chat was never shown that."""
    read = await tx.get(ContentRead, read_id)
    if read is None or read.chat_id != chat.id:
        return False
    read.useful, read.answered_at = useful, now
    return True
