"""The files of contents, kept in the database once by their digest, so that every process on every machine has them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.content.media import CheckedMedia
from records.content import ContentMedia

_TABLE = ContentMedia.metadata.tables[ContentMedia.__tablename__]


async def keep_media(tx: AsyncSession, media: Iterable[CheckedMedia], *, by: str, now: datetime) -> int:
    """Keep checked files; how many were new."""
    new = 0
    for each in media:
        values = {"sha256": each.sha256, "kind": each.kind, "mime": each.mime, "name": each.name, "size": len(each.data)}
        row = insert(_TABLE).values(**values, data=each.data, at=now, by=by).on_conflict_do_nothing(index_elements=["sha256"])
        new += await tx.scalar(row.returning(_TABLE.c.sha256)) is not None
    return new


async def kept_media(tx: AsyncSession) -> dict[str, str]:
    """The kind of every file that is kept, by its digest."""
    return {row.sha256: row.kind for row in await tx.execute(select(ContentMedia.sha256, ContentMedia.kind))}
