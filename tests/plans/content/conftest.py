"""The content centre of a small hospital: nurse Lin and doctor He of one team, nurse Qin of another, and an article of theirs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.content.check import check_content
from plans.content.lifecycle import Draft, publish, review, save_draft
from plans.content.model import ArticleContent
from records.content import ContentItem, ContentVersion
from records.database import Database
from records.staff import Staff, TeamMember
from tests.plans.conftest import ZONE, Family, make_family

NOW = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
BODY = "PICC 每周换一次膜，洗澡时用保鲜膜包好，别泡在水里。红、肿、疼、流水，请当天联系医护。发热请立即来院，喘不上气请拨打120。"


def article(code: str = "line-care", **changes: Any) -> ArticleContent:
    given = {
        "code": code,
        "title": "置管在家怎么护",
        "body": BODY,
        "questions": ["置管在家怎么护理", "PICC 能洗澡吗", "管子周围红了怎么办"],
        "keywords": ["置管", "PICC", "管子"],
        "source": "本院护理部（R）",
        "review_by": date(2027, 3, 1),
    }
    return ArticleContent.model_validate({**given, **changes})


@dataclass
class Centre:
    """The people and what they do."""

    tx: AsyncSession
    family: Family
    lin: Staff
    he: Staff
    qin: Staff
    now: datetime = NOW

    async def draft(self, content: ArticleContent, *, by: Staff | None = None, team_id: int | None = None) -> ContentVersion:
        draft = Draft(content, check_content(content))
        return await save_draft(self.tx, draft, team_id=team_id, by=by or self.lin, now=self.now, zone=ZONE)

    async def review(self, code: str = "line-care", *, by: Staff | None = None, **how: Any) -> ContentVersion:
        version = await self.open(code)
        checked = check_content(article(code) if version is None else article(code, **_article(version)))
        return await review(self.tx, code, by=by or self.he, now=self.now, checked=checked, **how)

    async def publish(self, code: str = "line-care", *, by: Staff | None = None) -> ContentVersion:
        return await publish(self.tx, code, by=by or self.he, now=self.now, zone=ZONE)

    async def published(self, content: ArticleContent, *, team_id: int | None = None) -> ContentVersion:
        await self.draft(content, team_id=team_id)
        await self.review(content.code)
        return await self.publish(content.code)

    async def versions(self, code: str = "line-care") -> list[ContentVersion]:
        chosen = select(ContentVersion).join(ContentItem).where(ContentItem.code == code).order_by(ContentVersion.version)
        return list(await self.tx.scalars(chosen.execution_options(populate_existing=True)))

    async def open(self, code: str = "line-care") -> ContentVersion | None:
        return next((version for version in await self.versions(code) if version.state in ("draft", "reviewed")), None)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


def _article(version: ContentVersion) -> dict[str, Any]:
    return {name: value for name, value in version.definition.items() if name not in ("kind", "code")}


async def make_centre(tx: AsyncSession) -> Centre:
    family = await make_family(tx)
    he = Staff(userid="doctor-he", name="何", title="医生")
    tx.add(he)
    await tx.flush()
    tx.add(TeamMember(team_id=family.team.id, staff_id=he.id))
    await tx.flush()
    return Centre(tx, family, family.lin, he, family.qin)


@pytest.fixture
async def centre(db: Database) -> AsyncIterator[Centre]:
    async with db.transaction() as tx:
        yield await make_centre(tx)
