"""A content's row of the outbox becomes a WeCom message when it is sent: with a fresh link and fresh media, if it is still published."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from bot.routes import SendRefused
from integrations.wecom import media, outbound
from integrations.wecom.client import WecomClient
from integrations.wecom.transport import File
from plans.content.kept import content_of
from plans.content.link import PATH, sign_reading
from plans.content.model import ArticleContent, Block, Media
from plans.content.words import say
from plans.invitation import signing_key
from plans.wording import say as wording
from records.chat import Chat
from records.content import ContentMedia, ContentVersion, is_live
from records.database import Database
from records.message import Outbound

# A temporary media id is good for 3 days (wecom-api §6); half a day is left for what waits in a line.
FRESH_FOR = timedelta(days=2, hours=12)
WITHDRAWN = "content_withdrawn"


class ContentBodies:
    """Makes the messages. `pages` is the address at which families' phones reach /h5; empty where they cannot."""

    def __init__(self, db: Database, client: WecomClient, clock: Callable[[], datetime], pages: str) -> None:
        self._db, self._client, self._clock, self._pages = db, client, clock, pages

    async def body(self, row: Outbound) -> dict[str, Any]:
        """The WeCom message of a row. Raises SendRefused when its version may not be shown any more, WecomError when an upload fails."""
        given, now = row.payload["content"], self._clock()
        async with self._db.transaction() as tx:
            version = await tx.scalar(select(ContentVersion).where(ContentVersion.id == given["version"], is_live(now)))
            if version is None:
                raise SendRefused(WITHDRAWN, _not_counted)
            content = content_of(version)
            link = self._pages + f"{PATH}/{sign_reading(await signing_key(tx), given['read'], now)}" if given.get("link") else None
        if "block" in given:
            if not isinstance(content, ArticleContent):
                raise SendRefused(WITHDRAWN, _not_counted)
            return await self._block(content.blocks[given["block"]], now)
        if "menu" not in given:
            return outbound.text(given["text"])
        items = [outbound.menu_view(link, say("family.read_all"))] if link else []
        if given.get("ask"):
            # bot/rating.py hears the tap.
            items += [outbound.menu_click(f"{name}_{given['read']}", wording(f"rating.{name}")) for name in ("useful", "useless")]
        return outbound.msgmenu(items, head=given["menu"]) if items else outbound.text(given["menu"])

    async def _block(self, block: Block, now: datetime) -> dict[str, Any]:
        part = block.media
        if part is None:
            raise SendRefused(WITHDRAWN, _not_counted)
        media_id = await self._media_id(part, now)
        match block.kind:
            case "picture":
                return outbound.image(media_id)
            case "video":
                return outbound.video(media_id)
            case "file":
                return outbound.file(media_id)
        if block.link is not None:
            return outbound.link(block.link.title, block.link.url, media_id, block.link.about)
        if block.miniprogram is None:
            raise SendRefused(WITHDRAWN, _not_counted)
        return outbound.miniprogram(block.miniprogram.appid, block.miniprogram.page, block.miniprogram.title, media_id)

    async def _media_id(self, part: Media, now: datetime) -> str:
        """WeCom's id of a file, uploaded again when the last one is about to go. No transaction is open meanwhile."""
        async with self._db.transaction() as tx:
            kept = await tx.get(ContentMedia, part.sha256, options=[undefer(ContentMedia.data)])
        if kept is None:
            raise SendRefused("media_missing", _not_counted)
        if kept.wecom_id is not None and kept.wecom_at is not None and now < kept.wecom_at + FRESH_FOR:
            return kept.wecom_id
        uploaded = await media.upload(self._client, kept.kind, File(kept.data, kept.name, kept.mime))
        async with self._db.transaction() as tx:
            values = {"wecom_id": uploaded.media_id, "wecom_at": now}
            await tx.execute(update(ContentMedia).where(ContentMedia.sha256 == kept.sha256).values(**values))
        return uploaded.media_id


async def _not_counted(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> None:
    """What was never sent uses nothing of the window."""
    if chat is not None:
        chat.window_used = max(0, chat.window_used - 1)
