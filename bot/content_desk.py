"""Where `careloop content …` works: as which clinician, in one transaction, and what he may see."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import core
from bot.cli_run import command_settings
from bot.registry import RegistryError, clinician
from plans.content.catalogue import may_see
from plans.content.live import take_in
from records.content import ContentItem, ContentVersion
from records.staff import Staff, Team


@dataclass(frozen=True)
class Desk:
    """A transaction with who works in it."""

    tx: AsyncSession
    staff: Staff
    now: datetime
    zone: ZoneInfo


async def visible_to(desk: Desk, team: str | None = None) -> dict[ContentItem, list[ContentVersion]]:
    """The items that the clinician may work on, by code, with their versions in order."""
    chosen = select(ContentItem).where(may_see(desk.staff)).order_by(ContentItem.code)
    if not desk.staff.active:
        return {}
    if (team_id := await team_named(desk.tx, team)) is not None:
        chosen = chosen.where(ContentItem.team_id == team_id)
    items = {item.id: item for item in await desk.tx.scalars(chosen)}
    found: dict[ContentItem, list[ContentVersion]] = {item: [] for item in items.values()}
    rows = select(ContentVersion).where(ContentVersion.content_id.in_(items)).order_by(ContentVersion.content_id, ContentVersion.version)
    for version in await desk.tx.scalars(rows):
        found[items[version.content_id]].append(version)
    return found


def line_of(item: ContentItem, version: ContentVersion) -> str:
    """A version in one line."""
    where = f"team {item.team_id}" if item.team_id is not None else "hospital"
    reviewed = (
        f"reviewed by {version.reviewer}" if version.reviewer else "needs clinician review" if version.needs_review else "not reviewed"
    )
    ends: date | None = version.expires_at.date() if version.expires_at is not None else None
    return f"{item.code}  v{version.version}  {version.state}  {item.kind}  {where}  {reviewed}  review by {version.review_by}" + (
        f"  ends {ends}  {version.title}" if ends else f"  {version.title}"
    )


async def team_named(tx: AsyncSession, name: str | None) -> int | None:
    """The team's number; None for no name. Raises RegistryError."""
    if name is None:
        return None
    found = await tx.scalar(select(Team.id).where(Team.name == name))
    if found is None:
        raise RegistryError(f"There is no team {name!r}.")
    return found


def at_desk(work: Callable[[Desk], Awaitable[str]], by: str) -> str:
    """Run `work` in one transaction as the clinician `by`. Raises RegistryError for one who is not on file."""

    async def run() -> str:
        async with core(command_settings("content"), role="content", pool_size=2) as parts:
            # Without a running worker nobody else takes in what is shipped.
            await take_in(parts.db, parts.clock)
            async with parts.db.transaction() as tx:
                staff = await clinician(tx, by)
                return await work(Desk(tx, staff, parts.clock(), parts.settings.tz))

    return asyncio.run(run())
