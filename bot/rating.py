"""A tap on 有用 or 没帮上 below an article: kept and thanked for, in whatever state the talk is."""

import re
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import Reply
from plans.wording import say
from records.chat import Chat
from records.content_read import article_rated
from records.message import Inbound

_KEY = re.compile(r"(?P<rated>useful|useless)_(?P<read>\d{1,18})")


async def answer_rating(tx: AsyncSession, chat: Chat, message: Inbound, now: datetime) -> Reply | None:
    """The thanks for a rating; None for any other message. Words that are not the button's own are never taken for a tap."""
    key = _KEY.fullmatch(message.menu_id or "")
    if key is None or chat.state == "human" or (message.text or "").strip() != say(f"rating.{key['rated']}"):
        return None
    if not await article_rated(tx, chat, int(key["read"]), useful=key["rated"] == "useful", now=now):
        return None
    return Reply(say(f"rating.{key['rated']}_thanks"))
