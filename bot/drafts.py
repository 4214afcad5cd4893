"""Answers that clinicians want in the library: listed, and exported as drafts of articles for a reviewer to finish."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.question import DRAFT_MOVES, ContentDraft
from records.state import move

# A text is reviewed again after a year (R).
REVIEW_AFTER = timedelta(days=365)


async def waiting_drafts(tx: AsyncSession) -> list[ContentDraft]:
    """Drafts that were not exported yet, oldest first."""
    return list(await tx.scalars(select(ContentDraft).where(ContentDraft.state == "draft").order_by(ContentDraft.id)))


async def export_drafts(tx: AsyncSession, path: Path, *, by: str, now: datetime) -> int:
    """Write the waiting drafts to `path` in the form of plans/content/articles/*.yml, to be completed there; how many.

    What a reviewer has to add (`title`, `keywords`, two more `questions`, when to seek care) is left empty, so that a file nobody
    has worked on is refused when the articles are read. Raises FileExistsError rather than write over a file.
    """
    drafts = await waiting_drafts(tx)
    if drafts:
        with path.open("x", encoding="utf-8") as file:
            yaml.safe_dump([_article(draft, now.date()) for draft in drafts], file, allow_unicode=True, sort_keys=False, width=140)
    for draft in drafts:
        await move(tx, draft, "exported", moves=DRAFT_MOVES, at=now, by=by, reason=path.name)
    return len(drafts)


def _article(draft: ContentDraft, today: date) -> dict[str, Any]:
    return {
        "id": f"draft-{draft.id}",
        "version": 1,
        "title": "",
        "questions": [draft.question],
        "keywords": [],
        "body": draft.answer,
        "source": "",
        "reviewed_by": "待本院审核",
        "reviewed_at": today,
        "review_due": today + REVIEW_AFTER,
        "needs_clinician_review": True,
    }
