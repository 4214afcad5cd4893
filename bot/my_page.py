"""我的页面: the family asks for its own pages, and gets a link that is good for half an hour; known by its words, without any model."""

import re
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import Reply
from bot.texts import say
from plans.family_link import LASTS, PATH, make_link
from records.chat import Chat
from records.message import Inbound
from records.patient import Carer, Patient

_ASKED = re.compile(
    r"(?:请|麻烦)?(?:打开|看看?|发(?:一下)?|要|进(?:入)?)?(?:一下)?我的(?:页面|主页|网页)(?:链接)?(?:发(?:给)?我)?[吧呢。.！!~～\s]*"
)


async def answer_my_page(
    tx: AsyncSession, chat: Chat, message: Inbound, patients: list[Patient], now: datetime, pages: str
) -> Reply | None:
    """The link; None for any other message. `pages` is the address at which phones find our pages, empty where they cannot."""
    if chat.state == "human" or _ASKED.fullmatch((message.text or "").strip()) is None:
        return None
    carer = await tx.get(Carer, chat.carer_id) if chat.carer_id is not None else None
    if carer is None or not patients:
        return Reply(say("family.my_page.unbound"))
    if not pages:
        return Reply(say("family.my_page.none"))
    token = await make_link(tx, carer, "chat", now)
    minutes = int(LASTS.total_seconds() // 60)
    return Reply(say("family.my_page.here", minutes=minutes), link=(f"{pages}{PATH}?token={token}", say("family.my_page.open")))
