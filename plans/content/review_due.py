"""Contents that are to be reviewed again: those who answer for them are told in WeCom, in good time and again when it is overdue."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.content.lifecycle import SHIPPED
from plans.content.words import say
from plans.guard import is_quiet
from records.content import ContentItem, ContentVersion
from records.message import enqueue
from records.staff import OnCall, Staff

# Told so many days ahead, on the day, and then each month (R).
AHEAD = (30, 7, 0)
EVERY = timedelta(days=30)
# A person is told of so many at once at most; a whole library that is overdue is one message and a number.
MOST = 5


async def reviews_due(tx: AsyncSession, day: date, within: timedelta = timedelta(days=30)) -> list[tuple[ContentVersion, ContentItem]]:
    """The published versions whose review is due by `day` + `within`, the most overdue first."""
    chosen = (
        select(ContentVersion, ContentItem)
        .join(ContentItem, ContentItem.id == ContentVersion.content_id)
        .where(ContentVersion.state == "published", ContentVersion.review_by <= day + within)
        .order_by(ContentVersion.review_by, ContentItem.code)
    )
    return [(version, item) for version, item in await tx.execute(chosen)]


async def remind_of_reviews(tx: AsyncSession, now: datetime, zone: ZoneInfo) -> list[str]:
    """Put the reminders of this moment into the outbox, each once; the lines. Not at night."""
    if is_quiet(now, zone):
        return []
    day = local_day(now, zone)
    lines = []
    told: dict[str, int] = {}
    for version, item in await reviews_due(tx, day):
        stage = _stage(version.review_by, day)
        if stage is None:
            continue
        for userid in await _answer_for(tx, version, item):
            if told.get(userid, 0) >= MOST:
                continue
            key = f"content-review:{version.id}:{stage}:{userid}"
            text = say("told.review_due", title=version.title, code=item.code, version=version.version, day=f"{version.review_by:%Y-%m-%d}")
            payload = {"msgtype": "text", "text": {"content": text}}
            line = f"staff:{userid}"
            if await enqueue(tx, key, line=line, route="app", payload=payload, purpose="content_review", now=now):
                told[userid] = told.get(userid, 0) + 1
                lines.append(line)
    return list(dict.fromkeys(lines))


def _stage(review_by: date, day: date) -> str | None:
    """Which reminder it is time for: the last that has come."""
    left = (review_by - day).days
    if left < 0:
        return f"over-{-left // EVERY.days}"
    come = [ahead for ahead in AHEAD if left <= ahead]
    return str(min(come)) if come else None


async def _answer_for(tx: AsyncSession, version: ContentVersion, item: ContentItem) -> list[str]:
    """Who wrote and reviewed it, if still here; else the team's first on call. Of what is shipped nobody is told until one takes it on."""
    named = {version.author, *version.editors, version.reviewer or ""} - {SHIPPED, ""}
    here = list(await tx.scalars(select(Staff.userid).where(Staff.userid.in_(sorted(named)), Staff.active).order_by(Staff.userid)))
    if here or item.team_id is None:
        return here
    chosen = (
        select(Staff.userid).join(OnCall, OnCall.staff_id == Staff.id).where(OnCall.team_id == item.team_id, OnCall.tier == 1, Staff.active)
    )
    return list(await tx.scalars(chosen.order_by(Staff.userid).limit(1)))
