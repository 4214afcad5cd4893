"""A content's page, opened by its signed link: what is shown, and what the family did with it. Nothing of the child is on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from plans.content.kept import content_of
from plans.content.link import read_token
from plans.content.model import ArticleContent
from plans.invitation import signing_key
from records.content import ContentItem, ContentMedia, ContentVersion, is_live
from records.content_read import ContentRead

# Nobody reads faster than this (characters a second); who is at the end sooner has scrolled.
FASTEST, LONGEST_DWELL = 25, 30.0


@dataclass(frozen=True)
class Page:
    """What a link shows: the published version of this moment, which may be newer than the one that was sent."""

    read_id: int
    content: ArticleContent
    version: ContentVersion

    @property
    def dwell(self) -> float:
        """Seconds that reading it takes at least."""
        return min(LONGEST_DWELL, sum(len(text) for field, text in self.content.words() if field != "short") / FASTEST)


Gone = Literal["forged", "late", "gone"]


async def open_page(tx: AsyncSession, token: str, now: datetime) -> Page | Gone:
    """The page that `token` opens; else why there is none: it was not signed here, is too old, or nothing of it is published now."""
    read = read_token(await signing_key(tx), token)
    if read is None:
        return "forged"
    number, ends = read
    if now >= ends:
        return "late"
    reading = await tx.get(ContentRead, number)
    if reading is None:
        return "forged"
    chosen = select(ContentVersion).join(ContentItem, ContentItem.id == ContentVersion.content_id)
    version = await tx.scalar(chosen.where(ContentItem.code == reading.article, ContentItem.kind == "article", is_live(now)))
    content = content_of(version) if version is not None else None
    return Page(number, content, version) if version is not None and isinstance(content, ArticleContent) else "gone"


async def note_opened(tx: AsyncSession, page: Page, now: datetime) -> None:
    """The family looks at the page: when it first did, and which version it saw."""
    reading = await tx.get(ContentRead, page.read_id, with_for_update=True)
    if reading is not None:
        reading.opened_at = reading.opened_at or now
        reading.opened_version = page.version.version


async def note_finished(tx: AsyncSession, page: Page, now: datetime) -> bool:
    """The family has come to the end of the page; False when that was too soon to have been read, or the page was never opened."""
    reading = await tx.get(ContentRead, page.read_id, with_for_update=True)
    if reading is None or reading.opened_at is None or (now - reading.opened_at).total_seconds() < page.dwell:
        return False
    reading.finished_at = reading.finished_at or now
    return True


async def page_media(tx: AsyncSession, page: Page, sha256: str) -> ContentMedia | None:
    """A file that is on the page, with its bytes; None for any other."""
    on_it = {block.media.sha256 for block in page.content.blocks if block.media is not None}
    return await tx.get(ContentMedia, sha256, options=[undefer(ContentMedia.data)]) if sha256 in on_it else None
