"""What one message brings with it while it is applied."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply.errors import ApplyError
from bot.apply.shelf import Shelf
from integrations.event import Event, Message
from records.feed import Feed
from records.identity import STRONG
from records.said import stamp
from records.staff import Team
from records.state import StateChange


@dataclass
class Work:
    """One message on its way into the record. `changed` are the patients of whom a fact has changed, `dated` those of whom it is one
    from which plans may count: a visit, a result, a diagnosis."""

    tx: AsyncSession
    message: Message
    feed: str
    received_at: datetime
    now: datetime
    zone: ZoneInfo
    settings: dict[str, Any]
    shelf: Shelf
    changed: set[int] = field(default_factory=set)
    dated: set[int] = field(default_factory=set)
    moves: list[tuple[Any, str | None, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def by(self) -> str:
        """Who moves states."""
        return f"feed:{self.feed}"

    @property
    def strong(self) -> frozenset[str]:
        """The numberings that link by themselves in this feed: its server's own ids and those that its settings name are among them."""
        return STRONG | {f"{self.feed}:fhir:id"} | frozenset(map(str, self.settings.get("strong", ())))

    def at(self, event: Event) -> datetime:
        """When the source says it was: the event's time, else the message's, else when it came.

        Never later than it came: what a clock that is ahead says would outlast every later correction.
        """
        return min(event.at or self.message.at or self.received_at, self.received_at)

    def stamp(self, event: Event, position: int) -> str:
        """The stamp of what the event says; `position` is its place in the message."""
        return stamp(self.at(event), self.message.id, position)

    @property
    def releases(self) -> bool:
        """Whether the hospital lets the family see what is final in this feed at once."""
        return self.settings.get("releases") is True

    def note(self, row: Any, old: str | None, new: str, **detail: Any) -> None:
        """A change of state of a row, to be written down once the row has its id."""
        self.moves.append((row, old, new, detail))

    def settle(self) -> None:
        """Write the changes of state down. Their rows are flushed."""
        for row, old, new, detail in self.moves:
            entity, reason = row.__tablename__, self.message.kind
            self.tx.add(
                StateChange(entity=entity, entity_id=row.id, old=old, new=new, at=self.now, by=self.by, reason=reason, detail=detail)
            )
        self.moves.clear()


async def settings_of(tx: AsyncSession, feed: str) -> dict[str, Any]:
    """The settings of the feed, looked up once in a transaction. `strong` lists numberings that link by themselves, `teams` maps a
    department to the team that follows its patients, `team` is the team of all others."""
    known: dict[str, dict[str, Any]] = tx.info.setdefault("feed_settings", {})
    if feed not in known:
        known[feed] = await tx.scalar(select(Feed.settings).where(Feed.name == feed)) or {}
    return known[feed]


async def team_for(work: Work, department: str | None) -> int:
    """The team of a new patient: its department's, else the feed's, else the first that was made. Raises ApplyError (`no_team`)."""
    known: dict[str, int] | None = work.tx.info.get("teams")
    if not known:
        rows = await work.tx.execute(select(Team.name, Team.id).order_by(Team.id))
        known = work.tx.info["teams"] = {name: id for name, id in rows}
    wanted = (work.settings.get("teams", {}).get(department or ""), department, work.settings.get("team"))
    found = next((known[name] for name in wanted if name in known), next(iter(known.values()), None))
    if found is None:
        raise ApplyError("no_team", permanent=False)
    return found
