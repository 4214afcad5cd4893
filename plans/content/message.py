"""Message templates by name: what clinicians, mass messages and rules say in the hospital's own, reviewed words."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.content.kept import content_of
from plans.content.model import MessageContent
from plans.content.words import ContentRefused
from records.content import ContentItem, ContentVersion, is_live


async def find_message(tx: AsyncSession, code: str, now: datetime, *, team_id: int | None = None) -> tuple[MessageContent, int]:
    """The published template `code` of all teams, or of `team_id`, and its version. Raises ContentRefused `not_found`, `not_message`."""
    own = or_(ContentItem.team_id.is_(None), ContentItem.team_id == team_id)
    chosen = select(ContentVersion).join(ContentItem, ContentItem.id == ContentVersion.content_id)
    version = await tx.scalar(chosen.where(ContentItem.code == code, own, is_live(now)))
    if version is None:
        raise ContentRefused("not_found", code=code)
    content = content_of(version)
    if not isinstance(content, MessageContent):
        raise ContentRefused("not_message", code=code)
    return content, version.version


async def message_text(tx: AsyncSession, code: str, now: datetime, *, team_id: int | None = None, **values: str) -> str:
    """The template filled. Raises ContentRefused, also where a placeholder's value is missing (`missing_value`)."""
    content, _ = await find_message(tx, code, now, team_id=team_id)
    if missing := sorted(content.placeholders - set(values)):
        raise ContentRefused("missing_value", code=code, names="、".join(missing))
    return content.fill(**values)
