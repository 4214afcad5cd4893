"""What goes into a chat's line of the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import Chat
from records.message import enqueue, enqueue_all


async def in_chat(
    tx: AsyncSession,
    chat: Chat,
    key: str,
    body: dict[str, Any] | str,
    *,
    purpose: str,
    now: datetime,
    useful_until: datetime | None = None,
    route: str = "kf",
) -> str:
    """Put a message (a WeCom body, or plain words) into the chat's line, once per `key`; the line's name."""
    line = f"chat:{chat.id}"
    payload = {"msgtype": "text", "text": {"content": body}} if isinstance(body, str) else body
    await enqueue(tx, key, line=line, route=route, payload=payload, purpose=purpose, chat_id=chat.id, now=now, useful_until=useful_until)
    return line


async def reply_all(tx: AsyncSession, replies: Sequence[tuple[Chat, str, dict[str, Any], str | None]], now: datetime) -> None:
    """Put replies (chat, key, WeCom body, what is followed) into the lines of their chats, in this order, once per key."""
    rows = [
        {"key": key, "line": f"chat:{chat.id}", "chat_id": chat.id, "route": "kf", "payload": body, "purpose": "reply"}
        | {"not_before": now, "created_at": now, "trace": trace}
        for chat, key, body, trace in replies
    ]
    await enqueue_all(tx, rows)
