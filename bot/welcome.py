"""The code of a family that came into the chat within the last 20 s: one message that needs no window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from bot.kf_events import WELCOME_WINDOW
from records.chat import Chat
from records.message import Inbound

_LAST = (
    select(Inbound)
    .where(Inbound.chat_id == any_(bindparam("chats", type_=ARRAY(BigInteger))), Inbound.sent_at > bindparam("since"))
    .ext(distinct_on(Inbound.chat_id))
    .order_by(Inbound.chat_id, Inbound.id.desc())
)


@dataclass(frozen=True)
class Welcome:
    """The event of its coming, its code, and until when WeCom takes it."""

    event_id: int
    code: str
    until: datetime


async def welcomes(tx: AsyncSession, chats: Sequence[Chat], now: datetime) -> dict[int, Welcome]:
    """The codes by chat; chats in which something else came last are left out."""
    if not chats:
        return {}
    found = {}
    for event in await tx.scalars(_LAST, {"chats": [chat.id for chat in chats], "since": now - WELCOME_WINDOW}):
        code = event.body.get("event", {}).get("welcome_code") if event.msgtype == "enter_session" else None
        if code:
            found[event.chat_id] = Welcome(event.id, str(code), event.sent_at + WELCOME_WINDOW)
    return found
