"""The library that a process answers from, kept in step with what is published: looked at every few seconds, read again when it changed.

Until it has been read from the content centre it holds what comes with the program.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.article import Article
from plans.content.kept import content_of
from plans.content.library import Library, Published
from plans.content.model import ArticleContent
from plans.content.shipped import shipped_contents, take_in_shipped
from plans.encoder import Encoder, EncoderMissing, open_encoder
from records.content import ContentItem, ContentVersion, generation, is_live
from records.database import Database

log = structlog.get_logger(__name__)


class LiveLibrary:
    """One for each process. `library` never waits for the database; `look` is called every few seconds by whoever has one."""

    def __init__(self) -> None:
        # Where families' phones find the pages of contents; empty where they cannot.
        self.pages = ""
        self._library: Library | None = None
        self._generation: int | None = None
        self._encoder_name = ""
        self._encoder: Encoder | None = None
        # What the encoder made of each question, so that a new article costs no more than its own.
        self._vectors: dict[str, Any] = {}
        self._making = threading.Lock()

    def use_encoder(self, name: str) -> None:
        """Search with the sentence encoder of this name (see plans/encoder.py) from the next reading on."""
        if name != self._encoder_name:
            self._encoder_name, self._encoder, self._vectors = name, None, {}
            self._library = self._generation = None

    def library(self) -> Library:
        """The library. The first time in a process that has read none it reads what is shipped: a second, with an encoder half a minute."""
        with self._making:
            if self._library is None:
                self._library = Library.load(encoder=self._open_encoder())
            return self._library

    async def look(self, db: Database, clock: Callable[[], datetime]) -> bool:
        """Read the published articles if they have changed since the last look; whether they had. The index is made in a thread."""
        async with db.transaction() as tx:
            now = await generation(tx)
            if now == self._generation:
                return False
            rows = await published_articles(tx, clock())
        made = await asyncio.to_thread(self._make, rows)
        self._library, self._generation = made, now
        log.info("articles read", articles=len(rows), generation=now)
        return True

    def _make(self, rows: Sequence["LiveArticle"]) -> Library:
        with self._making:
            articles, published = [row.article for row in rows], {row.article.id: row.published for row in rows}
            return Library.of(articles, published, self._open_encoder(), self._vectors)

    def _open_encoder(self) -> Encoder | None:
        if self._encoder_name and self._encoder is None:
            try:
                self._encoder = open_encoder(self._encoder_name)
            except EncoderMissing as err:
                # Families are answered by words alone rather than not at all.
                log.error("sentence encoder missing", why=str(err))
                self._encoder_name = ""
        return self._encoder


@dataclass(frozen=True)
class LiveArticle:
    """An article that may be an answer now, and where it comes from."""

    article: Article
    published: Published


async def published_articles(tx: AsyncSession, now: datetime) -> list[LiveArticle]:
    """The articles that the bot may find at `now`, by code: published, not expired, with questions."""
    rows = await tx.execute(
        select(ContentVersion, ContentItem)
        .join(ContentItem, ContentItem.id == ContentVersion.content_id)
        .where(is_live(now), ContentItem.kind == "article")
        .order_by(ContentItem.code)
    )
    found = []
    for version, item in rows:
        content = content_of(version)
        if isinstance(content, ArticleContent) and content.questions:
            found.append(LiveArticle(_article(content, version), Published(version.id, item.team_id, content.needs_page)))
    return found


def _article(content: ArticleContent, version: ContentVersion) -> Article:
    """The content as the library knows it. It has been checked as a content, which may be longer than a shipped article."""
    return Article.model_construct(
        id=content.code,
        title=content.title,
        questions=content.questions,
        keywords=content.keywords,
        also=content.also,
        within=content.within,
        medicines=content.medicines,
        body=content.chat_text,
        source=content.source,
        reviewed_by=version.reviewer or "",
        reviewed_at=(version.reviewed_at or version.created_at).date(),
        review_due=version.review_by,
        needs_clinician_review=version.needs_review,
        version=version.version,
    )


async def take_in(db: Database, clock: Callable[[], datetime]) -> Counter[str]:
    """Bring what is shipped into the content centre, in one transaction; counts of what was done. The files are read in a thread."""
    shipped = await asyncio.to_thread(shipped_contents)
    async with db.transaction() as tx:
        return await take_in_shipped(tx, shipped, clock())
