"""A carer's conversation with one service account (微信客服)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

# wecom-api §3.5: after a customer's message at most 5 messages within 48 hours.
WINDOW = timedelta(hours=48)
WINDOW_MESSAGES = 5


class Chat(Identity, Base):
    """Who speaks here and who answers.

    `state` is who is in charge: bot or human (`owner_id` then names the clinician). `service_state` is WeCom's own state 0..4
    as last heard. `window_from` and `window_used` are the ledger of the 48-hour window. `patient_id` is whom the talk is about,
    `task_id` the follow-up, `binding_id` the binding and `clarification_id` the clarifying questions that wait for an answer here.
    """

    __tablename__ = "chat"

    open_kfid: Mapped[str]
    external_userid: Mapped[str]
    carer_id: Mapped[int | None] = mapped_column(ForeignKey("carer.id"), index=True)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    state: Mapped[str] = mapped_column(default="bot")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    service_state: Mapped[int] = mapped_column(default=0)
    window_from: Mapped[datetime | None]
    window_used: Mapped[int] = mapped_column(default=0)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    binding_id: Mapped[int | None] = mapped_column(BigInteger)
    clarification_id: Mapped[int | None] = mapped_column(BigInteger)
    opened_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("open_kfid", "external_userid"),
        Index("ix_chat_window_from", text("window_from desc nulls last"), "id"),
        Index("ix_chat_human", "id", postgresql_where=text("state = 'human'")),
        Index("ix_chat_team_id", "team_id"),
        Index("ix_chat_external_userid", "external_userid"),
    )

    def window_open(self, now: datetime) -> bool:
        """Whether the bot may send now, as far as our ledger knows."""
        return self.state == "bot" and self.api_open(now)

    def api_open(self, now: datetime) -> bool:
        """Whether WeCom takes a message of ours now, whoever of us wrote it, as far as our ledger knows."""
        return (
            self.service_state in (0, 1)
            and self.window_from is not None
            and now < self.window_from + WINDOW
            and self.window_used < WINDOW_MESSAGES
        )


_LOCK = (
    select(Chat)
    .where(Chat.id == any_(bindparam("chats", type_=ARRAY(BigInteger))))
    .order_by(Chat.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)


async def lock_chats(tx: AsyncSession, chat_ids: Sequence[int]) -> dict[int, Chat]:
    """The chats by id as they are now, held until the end of the transaction. Taken in one order, so that two who take several do not
    block each other."""
    return {chat.id: chat for chat in await tx.scalars(_LOCK, {"chats": list(chat_ids)})}


async def latest_chat(tx: AsyncSession, carer_id: int, *, lock: bool = False) -> Chat | None:
    """The chat in which this carer wrote last; None when he has none. `lock` holds it until the end of the transaction."""
    query = select(Chat).where(Chat.carer_id == carer_id).order_by(Chat.window_from.desc().nulls_last(), Chat.id.desc()).limit(1)
    chat: Chat | None = await tx.scalar(query.with_for_update() if lock else query)
    return chat


CHAT_MOVES = {"bot": frozenset({"human"}), "human": frozenset({"bot", "human"})}


class Conversation(Base):
    """The dialogue state of a chat: Rasa's bounded tracker, saved in the transaction of the turn."""

    __tablename__ = "conversation"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), primary_key=True)
    tracker: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]
