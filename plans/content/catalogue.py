"""The content centre's shelves: which contents a clinician may work on, how each stands, and how it came there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Text, any_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, defer

from records.content import OPEN_STATES, ContentItem, ContentMedia, ContentVersion
from records.staff import Staff, teams_of
from records.state import StateChange

PAGE = 50
# How long ahead a version counts as one whose review or end is near.
SOON = timedelta(days=30)


@dataclass(frozen=True)
class Wanted:
    """What an editor looks for. `state` is one of the version's states, `due` for reviews that are near, or empty for all."""

    text: str = ""
    kind: str = ""
    state: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Shelved:
    """An item, the version an editor goes on from, and the number of the one that families see."""

    item: ContentItem
    version: ContentVersion
    published: int | None


def may_see(staff: Staff) -> ColumnElement[bool]:
    """The condition under which an item is the whole hospital's or one of the clinician's teams'."""
    mine = teams_of(staff.id)
    return or_(ContentItem.team_id.is_(None), ContentItem.team_id.in_(mine))


async def shelf(tx: AsyncSession, staff: Staff, wanted: Wanted, *, today: date, page: int = 1) -> tuple[list[Shelved], int]:
    """One page (of PAGE) of what he looks for, what waits for somebody first, then by title; and how many there are."""
    if not staff.active:
        return [], 0
    state = ContentVersion.state
    waiting = case((state == "draft", 0), (state == "reviewed", 1), (state == "published", 2), else_=3)
    newest = select(ContentVersion.id).ext(distinct_on(ContentVersion.content_id))
    newest = newest.order_by(ContentVersion.content_id, waiting == 3, waiting == 2, ContentVersion.version.desc())
    shown = aliased(ContentVersion)
    query = (
        select(ContentItem, ContentVersion, shown.version)
        .join(ContentVersion, ContentVersion.content_id == ContentItem.id)
        .outerjoin(shown, (shown.content_id == ContentItem.id) & (shown.state == "published"))
        .where(ContentVersion.id.in_(newest), may_see(staff), *_conditions(wanted, today))
    )
    total = await tx.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    # A list has no use for whole articles.
    rows = await tx.execute(
        query.options(defer(ContentVersion.definition, raiseload=True))
        .order_by(waiting, ContentVersion.title, ContentItem.id)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    return [Shelved(*row) for row in rows], int(total)


def _conditions(wanted: Wanted, today: date) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        found.append(or_(ContentVersion.title.icontains(wanted.text, autoescape=True), ContentItem.code == wanted.text))
    if wanted.kind:
        found.append(ContentItem.kind == wanted.kind)
    if wanted.tag:
        found.append(literal(wanted.tag) == any_(ContentVersion.tags))
    if wanted.state == "due":
        found += [ContentVersion.state == "published", ContentVersion.review_by <= today + SOON]
    elif wanted.state == "unreviewed":
        found += [ContentVersion.state.in_((*OPEN_STATES, "published")), ContentVersion.needs_review.is_(True)]
    elif wanted.state:
        found.append(ContentVersion.state == wanted.state)
    return found


async def versions_of(tx: AsyncSession, item: ContentItem) -> list[ContentVersion]:
    """All versions of an item that the caller has been let in to, in order."""
    return list(await tx.scalars(select(ContentVersion).where(ContentVersion.content_id == item.id).order_by(ContentVersion.version)))


def newest_of(versions: Sequence[ContentVersion]) -> ContentVersion | None:
    """What an editor goes on from: the version that is open, else the published one, else the last."""
    by_state = {each.state: each for each in versions}
    return by_state.get("draft") or by_state.get("reviewed") or by_state.get("published") or (versions[-1] if versions else None)


async def moves_of(tx: AsyncSession, versions: Sequence[ContentVersion]) -> list[StateChange]:
    """Every step in the lives of these versions, the first one first."""
    ids = [each.id for each in versions]
    chosen = select(StateChange).where(StateChange.entity == "content_version", StateChange.entity_id.in_(ids)).order_by(StateChange.id)
    return list(await tx.scalars(chosen))


async def usable_media(tx: AsyncSession, staff: Staff, digests: Collection[str]) -> dict[str, ContentMedia]:
    """Of these kept files those that he may put into a content, by digest: he brought them himself, or they are in a content that he may
    work on. Without their bytes."""
    if not digests:
        return {}
    # A digest is 64 hexadecimal digits: nothing else in a definition looks like it.
    inside = select(ContentVersion.id).join(ContentItem)
    inside = inside.where(may_see(staff), ContentVersion.definition.cast(Text).contains(ContentMedia.sha256)).correlate(ContentMedia)
    chosen = select(ContentMedia).where(ContentMedia.sha256.in_(digests), or_(ContentMedia.by == staff.userid, inside.exists()))
    return {each.sha256: each for each in await tx.scalars(chosen)}
