"""Whether a team lets send hour or wording be chosen by what has worked. Off unless somebody has turned it on."""

from collections.abc import Collection, Sequence
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.arm import Kind, check_options
from plans.experiment.words import ExperimentRefused
from records.experiment import ChoiceSetting
from records.staff import Staff, Team, TeamMember

# Without a share that stays on the default nobody could say what adapting has brought (R).
LEAST_HELD_OUT, MOST_HELD_OUT, HELD_OUT = 0.05, 0.5, 0.2


async def team_of(tx: AsyncSession, staff: Staff, name: str) -> Team:
    """The team of this name, if `staff` is an active member of it. Raises ExperimentRefused (`team`); the two look alike."""
    query = select(Team).join(TeamMember, TeamMember.team_id == Team.id).where(Team.name == name, TeamMember.staff_id == staff.id)
    team: Team | None = await tx.scalar(query)
    if team is None or not staff.active:
        raise ExperimentRefused("team", name=name)
    return team


async def turn_on(
    tx: AsyncSession,
    staff: Staff,
    team: Team,
    kind: Kind,
    options: Sequence[Any],
    *,
    now: datetime,
    rng: Random,
    held_out: float = HELD_OUT,
) -> ChoiceSetting:
    """Let the team's choice of `kind` adapt among `options`. A family once held out stays so while the setting's seed stays.

    Raises ExperimentRefused for options that are not allowed, and for a held-out share out of bounds.
    """
    await team_of(tx, staff, team.name)
    if not LEAST_HELD_OUT <= held_out <= MOST_HELD_OUT:
        raise ExperimentRefused("held_out", least=LEAST_HELD_OUT, most=MOST_HELD_OUT)
    before = await newest(tx, team.id, kind)
    row = ChoiceSetting(
        team_id=team.id,
        kind=kind,
        active=True,
        options=check_options(kind, options),
        held_out=held_out,
        seed=before.seed if before is not None else rng.getrandbits(62),
        by=staff.userid,
        at=now,
    )
    tx.add(row)
    await tx.flush()
    return row


async def turn_off(tx: AsyncSession, staff: Staff, team: Team, kind: Kind, *, now: datetime) -> None:
    """From now on the default again, for everybody in the team. Nothing happens where it was never on."""
    await team_of(tx, staff, team.name)
    before = await newest(tx, team.id, kind)
    if before is not None and before.active:
        same = {"options": before.options, "held_out": before.held_out, "seed": before.seed}
        tx.add(ChoiceSetting(team_id=team.id, kind=kind, active=False, by=staff.userid, at=now, **same))
        await tx.flush()


async def newest(tx: AsyncSession, team_id: int, kind: str) -> ChoiceSetting | None:
    """The setting that counts; None where nobody ever decided."""
    query = select(ChoiceSetting).where(ChoiceSetting.team_id == team_id, ChoiceSetting.kind == kind)
    found: ChoiceSetting | None = await tx.scalar(query.order_by(ChoiceSetting.id.desc()).limit(1))
    return found


async def active_settings(tx: AsyncSession, team_ids: Collection[int], kind: str) -> dict[int, ChoiceSetting]:
    """The settings of those teams where it is on, by team."""
    query = (
        select(ChoiceSetting)
        .where(ChoiceSetting.team_id.in_(team_ids), ChoiceSetting.kind == kind)
        .ext(distinct_on(ChoiceSetting.team_id))
        .order_by(ChoiceSetting.team_id, ChoiceSetting.id.desc())
    )
    return {row.team_id: row for row in await tx.scalars(query) if row.active}
