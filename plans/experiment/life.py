"""The life of an experiment: drafted by one, started by another, looked at, stopped, concluded. Everything is a clinician's of the team."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.experiment.arm import as_stored
from plans.experiment.design import Design
from plans.experiment.result import Figures, figures, shares_by_arm
from plans.experiment.setting import team_of
from plans.experiment.words import ExperimentRefused, say
from records.experiment import EXPERIMENT_MOVES, SEND_HOUR, Experiment, ExperimentFamily, ExperimentLook, SendChoice
from records.staff import Staff, Team, TeamMember
from records.state import created, move


async def access_experiment(tx: AsyncSession, staff: Staff, code: str, *, lock: bool = False) -> Experiment:
    """The experiment, if `staff` is an active member of its team. Raises ExperimentRefused (`not_member`); the two look alike."""
    query = select(Experiment).join(TeamMember, TeamMember.team_id == Experiment.team_id)
    query = query.where(Experiment.code == code, TeamMember.staff_id == staff.id)
    found: Experiment | None = await tx.scalar(query.with_for_update(of=Experiment) if lock else query)
    if found is None or not staff.active:
        raise ExperimentRefused("not_member")
    return found


async def experiments_for(tx: AsyncSession, staff: Staff) -> list[Experiment]:
    """The experiments of a clinician's teams, the newest first."""
    query = select(Experiment).join(TeamMember, TeamMember.team_id == Experiment.team_id).where(TeamMember.staff_id == staff.id)
    return list(await tx.scalars(query.order_by(Experiment.id.desc()))) if staff.active else []


async def draft(tx: AsyncSession, staff: Staff, design: Design, *, now: datetime, rng: Random) -> Experiment:
    """Put a design down. `rng` gives the seed of its lot. Raises ExperimentRefused (`team`, `code_taken`)."""
    team = await team_of(tx, staff, design.team)
    if await tx.scalar(select(Experiment.id).where(Experiment.code == design.code)) is not None:
        raise ExperimentRefused("code_taken", about=design.code)
    row = Experiment(
        code=design.code,
        title=design.title,
        kind=design.kind,
        team_id=team.id,
        template=design.template,
        step=design.step,
        arms=[as_stored(arm) for arm in design.as_arms],
        strata=list(design.strata),
        outcome=design.outcome,
        seed=rng.getrandbits(62),
        families=design.families,
        looks=design.looks,
        alpha=design.alpha,
        design=design.aim.model_dump(),
        state="draft",
        created_by=staff.userid,
        created_at=now,
    )
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by=staff.userid, reason="drafted")
    return row


async def start(tx: AsyncSession, staff: Staff, code: str, *, now: datetime) -> Experiment:
    """Let it run: from now on families are assigned as their follow-ups are planned or sent.

    Raises ExperimentRefused: by who drafted it (`four_eyes`), while another of the kind runs in the team, from another state.
    """
    row = await access_experiment(tx, staff, code, lock=True)
    _check(row, "running")
    if staff.userid == row.created_by:
        raise ExperimentRefused("four_eyes")
    await _lock_team(tx, row.team_id)
    query = select(Experiment.code).where(Experiment.team_id == row.team_id, Experiment.kind == row.kind, Experiment.state == "running")
    if (other := await tx.scalar(query)) is not None:
        raise ExperimentRefused("running_already", kind=say(f"kinds.{row.kind}"), about=other)
    await _move(tx, row, "running", now, staff.userid, "started", started_by=staff.userid, started_at=now)
    return row


async def _lock_team(tx: AsyncSession, team_id: int) -> None:
    """Held until the end of the transaction: two starts at once cannot both find nothing running."""
    await tx.execute(select(Team.id).where(Team.id == team_id).with_for_update())


async def stop(tx: AsyncSession, staff: Staff, code: str, *, now: datetime, because: str) -> Experiment:
    """Assign nobody any more. Families keep the hour that they have until it is chosen anew. Raises ExperimentRefused."""
    row = await access_experiment(tx, staff, code, lock=True)
    _check(row, "stopped")
    await _move(tx, row, "stopped", now, staff.userid, because, stopped_at=now, stopped_because=because)
    return row


async def conclude(tx: AsyncSession, staff: Staff, code: str, *, now: datetime, conclusion: str) -> Experiment:
    """Write down what the team makes of the result. Raises ExperimentRefused from another state than stopped."""
    row = await access_experiment(tx, staff, code, lock=True)
    _check(row, "concluded")
    await _move(tx, row, "concluded", now, staff.userid, conclusion, concluded_at=now, conclusion=conclusion)
    return row


async def exclude(tx: AsyncSession, staff: Staff, code: str, carer_id: int, *, now: datetime, zone: ZoneInfo, because: str) -> None:
    """Take a family out, at any time: from today on it is treated as everybody else, and nothing of it counts.

    Raises ExperimentRefused (`family_unknown`) for one that is not in it. Nothing happens to one that was excluded before.
    """
    row = await access_experiment(tx, staff, code)
    family = await tx.get(ExperimentFamily, (row.id, carer_id), with_for_update=True)
    if family is None:
        raise ExperimentRefused("family_unknown")
    if family.excluded_at is not None:
        return
    family.excluded_at, family.excluded_by, family.excluded_because = now, staff.userid, because
    today = local_day(now, zone)
    of_family = (SendChoice.experiment_id == row.id, SendChoice.carer_id == carer_id, SendChoice.kind == SEND_HOUR)
    await tx.execute(delete(SendChoice).where(*of_family, SendChoice.first_day >= today))
    await tx.execute(
        update(SendChoice)
        .where(*of_family, SendChoice.last_day >= today)
        .values(last_day=today - timedelta(days=1))
        .execution_options(synchronize_session=False)
    )
    await tx.flush()


@dataclass(frozen=True)
class Looked:
    """`figures` are None before the next planned look is due: between looks nobody is shown a comparison. `families` have an outcome."""

    families: int
    next_at: int
    figures: Figures | None
    stopped: str | None = None


async def look(tx: AsyncSession, staff: Staff, code: str, *, now: datetime) -> Looked:
    """Take the next planned look, if enough families have an outcome for it; stop the experiment where its rule says so.

    A stopped one is shown as it stands, at its last look's bound.
    """
    row = await access_experiment(tx, staff, code, lock=True)
    shares = await shares_by_arm(tx, row)
    families = sum(map(len, shares.values()))
    wanted = row.families * len(row.arms)
    last = await tx.scalar(select(func.max(ExperimentLook.number)).where(ExperimentLook.experiment_id == row.id))
    due = min(row.looks, int(families * row.looks / wanted))
    following = ceil(wanted * min(row.looks, max(due, last or 0) + 1) / row.looks)
    if row.state != "running":
        shown = figures(shares, look=max(1, last or due), looks=row.looks, alpha=row.alpha) if row.state != "draft" else None
        return Looked(families, following, shown)
    if due <= (last or 0):
        return Looked(families, following, None)
    found = figures(shares, look=due, looks=row.looks, alpha=row.alpha)
    tx.add(ExperimentLook(experiment_id=row.id, number=due, at=now, by=staff.userid, figures=found.as_stored(), crossed=found.crossed))
    stopped = say("stopped.crossed", look=due) if found.crossed else say("stopped.complete") if due == row.looks else None
    if stopped is not None:
        await _move(tx, row, "stopped", now, "rule", stopped, stopped_at=now, stopped_because=stopped)
    await tx.flush()
    return Looked(families, following, found, stopped)


def _check(row: Experiment, new: str) -> None:
    if new not in EXPERIMENT_MOVES[row.state]:
        raise ExperimentRefused("state", state=say(f"states.{row.state}"))


async def _move(tx: AsyncSession, row: Experiment, new: str, now: datetime, by: str, reason: str, **columns: Any) -> None:
    await move(tx, row, new, moves=EXPERIMENT_MOVES, at=now, by=by, reason=reason, **columns)
