"""Writing a mass message and moving it along: draft, submitted, approved, sending, paused, done, cancelled."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.mass_message.audience import Chosen, fix
from plans.mass_message.compose import check_text
from plans.mass_message.errors import MassRefused
from plans.mass_message.life import MASS_MOVES
from plans.mass_message.words import words
from records.contact import move_contacts
from records.mass_message import MassChild, MassMessage, MassRecipient
from records.message import Outbound
from records.staff import Staff, Team, TeamMember, teams_of
from records.state import StateChange, created, move

# Above so many families a second person has to approve (R).
FOUR_EYES = 50
# A message that nobody could be told for so long is not news any more (R).
USEFUL_FOR = timedelta(days=7)
FURTHEST = timedelta(days=60)
CANCELLED = "cancelled"
MOST_TITLE = 60


async def draft(tx: AsyncSession, staff: Staff, *, team: str, title: str, text: str, audience: Chosen, now: datetime) -> MassMessage:
    """Write a draft in the name of one of the author's teams. Raises MassRefused."""
    if not staff.active:
        raise MassRefused("staff")
    mine = select(Team).join(TeamMember, TeamMember.team_id == Team.id).where(Team.name == team, TeamMember.staff_id == staff.id)
    row = await tx.scalar(mine)
    if row is None:
        raise MassRefused("no_team", team=team)
    message = MassMessage(
        team_id=row.id,
        title=title.strip()[:MOST_TITLE] or check_text(text)[:20],
        text=check_text(text),
        audience=audience.definition,
        audience_text=audience.text,
        created_by=staff.id,
        created_at=now,
    )
    tx.add(message)
    await tx.flush()
    created(tx, message, at=now, by=staff.userid)
    return message


async def access_mass(tx: AsyncSession, staff: Staff, id: int, *, lock: bool = True) -> MassMessage:
    """The message, locked unless it is only looked at, if `staff` is an active member of its team.

    Raises MassRefused (`not_found`), for another team's too.
    """
    query = (
        select(MassMessage)
        .join(TeamMember, TeamMember.team_id == MassMessage.team_id)
        .where(MassMessage.id == id, TeamMember.staff_id == staff.id)
        .execution_options(populate_existing=True)
    )
    message: MassMessage | None = await tx.scalar(query.with_for_update(of=MassMessage) if lock else query)
    if message is None or not staff.active:
        raise MassRefused("not_found", id=id)
    return message


async def masses_for(tx: AsyncSession, staff: Staff, limit: int = 100) -> list[MassMessage]:
    """The messages of the clinician's teams, the newest first."""
    mine = teams_of(staff.id)
    chosen = select(MassMessage).where(MassMessage.team_id.in_(mine)).order_by(MassMessage.id.desc()).limit(limit)
    return list(await tx.scalars(chosen)) if staff.active else []


async def edit(
    tx: AsyncSession, message: MassMessage, *, title: str | None = None, text: str | None = None, audience: Chosen | None = None
) -> None:
    """Change a draft. Raises MassRefused for anything that is no draft: what is approved is what is sent."""
    if message.state != "draft":
        raise MassRefused("not_draft", state=words("states")[message.state])
    if text is not None:
        message.text = check_text(text)
    if title is not None:
        message.title = title.strip()[:MOST_TITLE] or message.text[:20]
    if audience is not None:
        message.audience, message.audience_text = audience.definition, audience.text
    await tx.flush()


async def submit(
    tx: AsyncSession,
    message: MassMessage,
    staff: Staff,
    *,
    send_at: datetime | None,
    now: datetime,
    zone: ZoneInfo,
    teams: Collection[int] | None = None,
) -> int:
    """Fix the families (`teams`: of these of his teams) and ask for approval; few families need none. How many families.

    `send_at` None: as soon as it is approved. Raises MassRefused: `nobody`, `past`, `too_far`, `moved`.
    """
    if send_at is not None and send_at < now:
        raise MassRefused("past", at=f"{send_at.astimezone(zone):%Y-%m-%d %H:%M}")
    if send_at is not None and send_at > now + FURTHEST:
        raise MassRefused("too_far", days=FURTHEST.days)
    await _move(tx, message, "submitted", by=staff.userid, now=now, send_at=send_at)
    message.families = await fix(tx, message, staff, now=now, zone=zone, teams=teams)
    await tx.flush()
    if not message.families:
        raise MassRefused("nobody")
    if message.families <= FOUR_EYES:
        await _approve(tx, message, staff, now=now)
    return message.families


async def approve(tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime) -> None:
    """Let it go out, as somebody who neither wrote nor submitted it. Raises MassRefused: `own_approval`, `moved`."""
    if message.state == "submitted" and staff.userid in await hands_of(tx, message):
        raise MassRefused("own_approval", most=FOUR_EYES)
    await _approve(tx, message, staff, now=now)


async def hands_of(tx: AsyncSession, message: MassMessage) -> set[str]:
    """The userids of who wrote it and of who submitted it last, which may be a colleague who had changed it."""
    author = await tx.scalar(select(Staff.userid).where(Staff.id == message.created_by))
    moves = select(StateChange.by).where(StateChange.entity == message.__tablename__, StateChange.entity_id == message.id)
    last = await tx.scalar(moves.where(StateChange.new == "submitted").order_by(StateChange.id.desc()).limit(1))
    return {each for each in (author, last) if each is not None}


async def _approve(tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime) -> None:
    begins = max(message.send_at or now, now)
    columns: dict[str, Any] = {"approved_by": staff.id, "approved_at": now, "next_at": begins, "useful_until": begins + USEFUL_FOR}
    await _move(tx, message, "approved", by=staff.userid, now=now, **columns)


async def send_back(tx: AsyncSession, message: MassMessage, staff: Staff, *, why: str, now: datetime) -> None:
    """Make a submitted message a draft again, to be changed; its families are chosen anew. Raises MassRefused (`moved`)."""
    await _move(tx, message, "draft", by=staff.userid, now=now, reason=why, families=None)
    for table in (MassRecipient, MassChild):
        await tx.execute(delete(table).where(table.mass_message_id == message.id))


async def begin(tx: AsyncSession, message: MassMessage, *, now: datetime) -> None:
    """Its hour has come. Raises MassRefused (`moved`)."""
    await _move(tx, message, "sending", by="system", now=now, next_at=now)


async def pause(tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime) -> None:
    """Hand out no more of it until it is resumed; what has been handed out goes its way. Raises MassRefused (`moved`)."""
    await _move(tx, message, "paused", by=staff.userid, now=now, next_at=None)


async def resume(tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime) -> None:
    """Go on with a paused one. Raises MassRefused (`moved`)."""
    if message.state != "paused":
        raise MassRefused("moved", state=words("states")[message.state])
    await _move(tx, message, "sending", by=staff.userid, now=now, next_at=now)


async def cancel(tx: AsyncSession, message: MassMessage, staff: Staff, *, why: str, now: datetime) -> int:
    """End it at once, and take back what waits to be sent; how many families do not get it. Raises MassRefused (`moved`)."""
    await _move(tx, message, "cancelled", by=staff.userid, now=now, reason=why, next_at=None, ended_at=now)
    skipped = await tx.execute(
        update(MassRecipient)
        .where(MassRecipient.mass_message_id == message.id, MassRecipient.state == "waiting")
        .values(state="skipped", reason=CANCELLED, decided_at=now, next_at=None)
        .execution_options(synchronize_session=False)
    )
    keys = list(
        await tx.scalars(
            update(Outbound)
            .where(Outbound.key.startswith(f"mass:{message.id}:"), Outbound.state == "queued", Outbound.purpose == "mass")
            .values(state="withdrawn", error=CANCELLED)
            .returning(Outbound.key)
            .execution_options(synchronize_session=False)
        )
    )
    await move_contacts(tx, keys, "withdrawn", now=now, error=CANCELLED)
    return int(skipped.rowcount) + len(keys)  # type: ignore[attr-defined]


async def _move(
    tx: AsyncSession, message: MassMessage, new: str, *, by: str, now: datetime, reason: str | None = None, **columns: Any
) -> None:
    if new not in MASS_MOVES[message.state]:
        raise MassRefused("moved", state=words("states")[message.state])
    await tx.flush()
    if not await move(tx, message, new, moves=MASS_MOVES, at=now, by=by, reason=reason, **columns):
        raise MassRefused("moved", state=words("states")[message.state])
