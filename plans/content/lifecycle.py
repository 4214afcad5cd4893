"""The life of a content: draft → reviewed → published → expired, by two people at least, each step on file.

A clinician works on what belongs to his teams and on what belongs to the whole hospital.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.content.check import Checked
from plans.content.kept import definition_of
from plans.content.model import ArticleContent, MessageContent
from plans.content.words import ContentRefused
from records.content import CONTENT_MOVES, OPEN_STATES, ContentItem, ContentVersion, note_publication
from records.staff import Staff, TeamMember
from records.state import StateChange, created, move

# The author of what comes with the program.
SHIPPED = "shipped"
# Why a version is to be reviewed again.
CHANGED = "changed"


@dataclass(frozen=True)
class Draft:
    """A content that has been checked, ready to be kept."""

    content: ArticleContent | MessageContent
    checked: Checked


async def find_item(tx: AsyncSession, staff: Staff, code: str, *, lock: bool = False) -> ContentItem:
    """The item, if `staff` may work on it. Raises ContentRefused `not_found`, `not_allowed`."""
    query = select(ContentItem).where(ContentItem.code == code)
    item = await tx.scalar(query.with_for_update() if lock else query)
    if item is None:
        raise ContentRefused("not_found", code=code)
    await _check_may(tx, staff, item.team_id, code)
    return item


async def _check_may(tx: AsyncSession, staff: Staff, team_id: int | None, code: str) -> None:
    member = team_id is None or await tx.get(TeamMember, (team_id, staff.id)) is not None
    if not staff.active or not member:
        raise ContentRefused("not_allowed", who=staff.name, code=code)


async def save_draft(tx: AsyncSession, draft: Draft, *, team_id: int | None, by: Staff, now: datetime, zone: ZoneInfo) -> ContentVersion:
    """Keep a draft: a new item, the next version of one, or a change of the version that is open (which is then reviewed again).

    Raises ContentRefused: not one of the item's editors, another kind or team, the same as what is published.
    """
    content = draft.content
    await _check_may(tx, by, team_id, content.code)
    item = await _item(tx, content, team_id, by=by, now=now)
    newest, open_one, published = await _versions(tx, item)
    if published is not None and published.definition == definition_of(content) and open_one is None and not published.needs_review:
        raise ContentRefused("same", code=content.code)
    values = _columns(draft, zone)
    if open_one is None:
        version = ContentVersion(
            content_id=item.id, version=newest + 1, author=by.userid, editors=[by.userid], created_at=now, state="draft", **values
        )
        tx.add(version)
        await tx.flush()
        created(tx, version, at=now, by=by.userid)
        return version
    anew = open_one.state == "reviewed" or sent_back(await last_move(tx, open_one))
    if anew and not await _moved(tx, open_one, "draft", now=now, by=by.userid, reason=CHANGED):
        raise ContentRefused("moved", code=content.code)
    for name, value in values.items():
        setattr(open_one, name, value)
    open_one.editors = list(dict.fromkeys([*open_one.editors, by.userid]))
    open_one.reviewer = open_one.reviewed_at = None
    await tx.flush()
    return open_one


async def last_move(tx: AsyncSession, version: ContentVersion) -> StateChange | None:
    """What was done last with a version."""
    its = select(StateChange).where(StateChange.entity == version.__tablename__, StateChange.entity_id == version.id)
    found: StateChange | None = await tx.scalar(its.order_by(StateChange.id.desc()).limit(1))
    return found


def sent_back(last: StateChange | None) -> bool:
    """Whether a draft with which this was done last waits for its author rather than for a reviewer."""
    return last is not None and last.new == "draft" and last.old is not None and last.reason != CHANGED


async def review(
    tx: AsyncSession, code: str, *, by: Staff, now: datetime, checked: Checked, approve: bool = True, note: str = ""
) -> ContentVersion:
    """Say that the open draft may be published, or send it back to its author with a note; of a shipped text that no clinician has
    reviewed, its own next version. `checked` is its check of this moment.

    Raises ContentRefused: nothing to review, one's own text, banned advice, no reason given.
    """
    item = await find_item(tx, by, code, lock=True)
    newest, version, published = await _versions(tx, item)
    if version is None and published is not None and published.needs_review:
        version = _copy(published, newest + 1, now)
        tx.add(version)
        await tx.flush()
        created(tx, version, at=now, by=SHIPPED, reason=f"version {published.version} as it is")
    if version is None:
        raise ContentRefused("no_version", code=code)
    if not approve:
        if not note.strip():
            raise ContentRefused("reason")
        if not await _moved(tx, version, "draft", now=now, by=by.userid, reason=note.strip()):
            raise ContentRefused("moved", code=code)
        return version
    if version.state != "draft":
        raise ContentRefused("no_version", code=code)
    if by.userid in version.editors:
        raise ContentRefused("four_eyes", code=code, who=by.name)
    if checked.banned:
        raise ContentRefused("banned", code=code, found="；".join(checked.banned))
    done = await _moved(
        tx, version, "reviewed", now=now, by=by.userid, reason=note or None, reviewer=by.userid, reviewed_at=now, needs_review=False
    )
    if not done:
        raise ContentRefused("moved", code=code)
    return version


async def publish(tx: AsyncSession, code: str, *, by: Staff, now: datetime, zone: ZoneInfo) -> ContentVersion:
    """Show the reviewed version to families from now on, and the one before no longer.

    Raises ContentRefused: nothing is reviewed, its dates have passed.
    """
    item = await find_item(tx, by, code, lock=True)
    _, version, published = await _versions(tx, item)
    if version is None or version.state != "reviewed":
        raise ContentRefused("no_version", code=code)
    if version.review_by <= now.astimezone(zone).date():
        raise ContentRefused("overdue", code=code, day=version.review_by)
    if version.expires_at is not None and version.expires_at <= now:
        raise ContentRefused("expired", code=code, day=version.expires_at.astimezone(zone).date())
    if published is not None and not await _moved(
        tx, published, "expired", now=now, by=by.userid, reason=f"replaced by version {version.version}"
    ):
        raise ContentRefused("moved", code=code)
    if not await _moved(tx, version, "published", now=now, by=by.userid, published_at=now):
        raise ContentRefused("moved", code=code)
    await note_publication(tx)
    return version


async def take_back(tx: AsyncSession, code: str, *, by: Staff, now: datetime, reason: str, wrong: bool) -> ContentVersion:
    """Show the published version no longer: because it is `wrong` (withdrawn), or over (expired). What waits in the outbox does not go.

    Raises ContentRefused: nothing is published, no reason given.
    """
    if not reason.strip():
        raise ContentRefused("reason")
    item = await find_item(tx, by, code, lock=True)
    _, _, published = await _versions(tx, item)
    if published is None:
        raise ContentRefused("no_version", code=code)
    if not await _moved(tx, published, "withdrawn" if wrong else "expired", now=now, by=by.userid, reason=reason):
        raise ContentRefused("moved", code=code)
    await note_publication(tx)
    return published


async def drop(tx: AsyncSession, code: str, *, by: Staff, now: datetime, reason: str) -> ContentVersion:
    """Give up the version that is open. Raises ContentRefused."""
    item = await find_item(tx, by, code, lock=True)
    _, version, _ = await _versions(tx, item)
    if version is None or not await _moved(tx, version, "dropped", now=now, by=by.userid, reason=reason or None):
        raise ContentRefused("no_version", code=code)
    return version


async def expire_due(tx: AsyncSession, now: datetime) -> int:
    """End the published versions whose time is over; how many."""
    due = (
        select(ContentVersion)
        .where(ContentVersion.state == "published", ContentVersion.expires_at <= now)
        .with_for_update(skip_locked=True)
    )
    ended = [await _moved(tx, version, "expired", now=now, by="system", reason="its time is over") for version in await tx.scalars(due)]
    if any(ended):
        await note_publication(tx)
    return sum(ended)


async def _moved(
    tx: AsyncSession, version: ContentVersion, state: str, *, now: datetime, by: str, reason: str | None = None, **columns: Any
) -> bool:
    return await move(tx, version, state, moves=CONTENT_MOVES, at=now, by=by, reason=reason, **columns)


async def _item(
    tx: AsyncSession, content: ArticleContent | MessageContent, team_id: int | None, *, by: Staff, now: datetime
) -> ContentItem:
    item = await tx.scalar(select(ContentItem).where(ContentItem.code == content.code).with_for_update())
    if item is None:
        item = ContentItem(code=content.code, kind=content.kind, team_id=team_id, at=now, by=by.userid)
        tx.add(item)
        await tx.flush()
        return item
    await _check_may(tx, by, item.team_id, content.code)
    if item.kind != content.kind:
        raise ContentRefused("other_kind", code=content.code)
    if item.team_id != team_id:
        raise ContentRefused("other_team", code=content.code)
    return item


async def _versions(tx: AsyncSession, item: ContentItem) -> tuple[int, ContentVersion | None, ContentVersion | None]:
    """The number of the newest version, the one that is open, and the one that is published."""
    newest = await tx.scalar(select(func.max(ContentVersion.version)).where(ContentVersion.content_id == item.id)) or 0
    chosen = select(ContentVersion).where(ContentVersion.content_id == item.id, ContentVersion.state.in_((*OPEN_STATES, "published")))
    rows = list(await tx.scalars(chosen.execution_options(populate_existing=True)))
    open_one = next((row for row in rows if row.state in OPEN_STATES), None)
    return newest, open_one, next((row for row in rows if row.state == "published"), None)


def _columns(draft: Draft, zone: ZoneInfo) -> dict[str, Any]:
    content = draft.content
    return {
        "title": content.title,
        "definition": definition_of(content),
        "tags": list(content.tags),
        "reading_level": draft.checked.reading.level,
        "source": content.source,
        "review_by": content.review_by,
        # Over with the end of the day that is written.
        "expires_at": _end_of(content.expires, zone) if content.expires else None,
        "needs_review": False,
    }


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone).astimezone(UTC)


def _copy(published: ContentVersion, number: int, now: datetime) -> ContentVersion:
    names = (
        "content_id",
        "title",
        "definition",
        "tags",
        "reading_level",
        "source",
        "shipped",
        "author",
        "editors",
        "review_by",
        "expires_at",
    )
    return ContentVersion(
        **{name: getattr(published, name) for name in names}, version=number, state="draft", needs_review=True, created_at=now
    )
