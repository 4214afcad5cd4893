"""What comes with the program: taken into the content centre at the first start, and kept apart from what a hospital makes of it."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.article import FOLDER, load_articles
from plans.content.authoring import read_contents
from plans.content.check import check_content
from plans.content.kept import definition_of
from plans.content.lifecycle import SHIPPED
from plans.content.model import ArticleContent, MessageContent
from records.content import CONTENT_MOVES, OPEN_STATES, ContentItem, ContentVersion, note_publication
from records.setting import Setting
from records.state import created, move

MESSAGES = Path(__file__).parent / "messages.yml"
# The setting that says which shipped texts have been taken in.
TAKEN = "content_shipped"
# Any fixed number will do: it names "taking in the shipped contents".
_LOCK = text("select pg_advisory_xact_lock(5295)")


@dataclass(frozen=True)
class Shipped:
    """One shipped content, with the digest by which a change of its file is seen, and how hard it is to read."""

    content: ArticleContent | MessageContent
    digest: str
    reading_level: int


@cache
def shipped_contents(folder: Path = FOLDER) -> tuple[Shipped, ...]:
    """Everything that comes with the program. Blocking, about two seconds. Raises TemplateError, AuthoringError."""
    return tuple(_shipped(content) for content in [*map(_of_article, load_articles(folder)), *read_contents(MESSAGES).contents])


def _of_article(article: Any) -> ArticleContent:
    names = ("title", "body", "questions", "keywords", "also", "within", "medicines", "source", "tags", "audience")
    given = {name: value for name in names if (value := getattr(article, name))}
    return ArticleContent(code=article.id, review_by=article.review_due, **given)


def _shipped(content: ArticleContent | MessageContent) -> Shipped:
    whole = json.dumps(definition_of(content), ensure_ascii=False, sort_keys=True)
    return Shipped(content, hashlib.sha256(whole.encode()).hexdigest(), check_content(content).reading.level)


async def take_in_shipped(tx: AsyncSession, shipped: Sequence[Shipped], now: datetime) -> Counter[str]:
    """Bring the content centre up to date with what is shipped; counts of what was done. Any number of processes may do it at once.

    A new text is published as it is, marked as not reviewed by this hospital. A changed one is published where the hospital has left
    its predecessor alone; beside a version that the hospital wrote, reviewed or took back it becomes a draft, and waits.
    """
    whole = hashlib.sha256("".join(sorted(each.digest for each in shipped)).encode()).hexdigest()
    if await _taken(tx) == whole:
        return Counter()
    await tx.execute(_LOCK)
    if await _taken(tx) == whole:
        return Counter()
    items = {item.code: item for item in await tx.scalars(select(ContentItem))}
    done = Counter([await _take_in(tx, each, items.get(each.content.code), now) for each in shipped])
    value = {"digest": whole}
    await tx.execute(insert(Setting).values(name=TAKEN, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    if done["published"]:
        await note_publication(tx)
    return done


async def _taken(tx: AsyncSession) -> str | None:
    found = await tx.scalar(select(Setting.value).where(Setting.name == TAKEN))
    return found["digest"] if found else None


async def _take_in(tx: AsyncSession, shipped: Shipped, item: ContentItem | None, now: datetime) -> str:
    content = shipped.content
    if item is None:
        item = ContentItem(code=content.code, kind=content.kind, team_id=None, at=now, by=SHIPPED)
        tx.add(item)
        await tx.flush()
        await _add(tx, item, shipped, 1, published=True, now=now)
        return "published"
    versions = list(await tx.scalars(select(ContentVersion).where(ContentVersion.content_id == item.id).order_by(ContentVersion.version)))
    if any(version.shipped == shipped.digest for version in versions):
        return "known"
    if item.team_id is not None or item.kind != content.kind:
        # The hospital has an item of its own under this name.
        return "kept"
    latest = versions[-1] if versions else None
    if latest is not None and latest.state == "published" and latest.author == SHIPPED and latest.reviewer is None:
        reason = f"replaced by version {latest.version + 1}"
        await move(tx, latest, "expired", moves=CONTENT_MOVES, at=now, by=SHIPPED, reason=reason)
        await _add(tx, item, shipped, latest.version + 1, published=True, now=now)
        return "published"
    if any(version.state in OPEN_STATES for version in versions):
        # Somebody is at work on it: it is looked at again once that is done, at the next change of what is shipped.
        return "waiting"
    newest = await tx.scalar(select(func.max(ContentVersion.version)).where(ContentVersion.content_id == item.id)) or 0
    await _add(tx, item, shipped, newest + 1, published=False, now=now)
    return "draft"


async def _add(tx: AsyncSession, item: ContentItem, shipped: Shipped, number: int, *, published: bool, now: datetime) -> None:
    content = shipped.content
    version = ContentVersion(
        content_id=item.id,
        version=number,
        state="published" if published else "draft",
        title=content.title,
        definition=definition_of(content),
        tags=list(content.tags),
        reading_level=shipped.reading_level,
        source=content.source,
        needs_review=True,
        shipped=shipped.digest,
        author=SHIPPED,
        editors=[SHIPPED],
        review_by=content.review_by,
        published_at=now if published else None,
        created_at=now,
    )
    tx.add(version)
    await tx.flush()
    created(tx, version, at=now, by=SHIPPED, reason="comes with the program")
