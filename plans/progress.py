"""How far a plan has come with its patients: who is on it, what became of its follow-ups, step by step. Within given teams only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.disposition import ANSWERED, DUE, REACHED, Disposition, as_sql, listed

_D = as_sql("t")
_PEOPLE = text(
    """
    select c.template_version as version, c.state, count(*) as people from care_plan c join patient p on p.id = c.patient_id
    where c.template = :template and p.team_id = any(cast(:teams as bigint[])) group by 1, 2 order by 1, 2
    """
)
_RUNNING = text(
    """
    select c.template, count(*) from care_plan c join patient p on p.id = c.patient_id
    where c.state in ('active', 'paused') and p.team_id = any(cast(:teams as bigint[])) group by 1
    """
)
# Follow-ups of the plan whose moment has come since `since`; `over` are those of which nothing more can come.
_STEPS = text(
    f"""
    select t.step, count(*) as due, count(*) filter (where {_D} in {listed(REACHED)}) as reached,
        count(*) filter (where {_D} in {listed(ANSWERED)}) as answered,
        count(*) filter (where {_D} = '{Disposition.DONE}') as done,
        count(*) filter (where {_D} in ('{Disposition.EXPIRED}', '{Disposition.BROKE_OFF}')) as missed
    from task t join care_plan c on c.id = t.care_plan_id join patient p on p.id = c.patient_id
    where c.template = :template and p.team_id = any(cast(:teams as bigint[])) and t.due_at >= :since and t.due_at <= :now
        and {_D} in {listed(DUE)}
    group by 1
    """  # noqa: S608 - our own words
)


@dataclass(frozen=True)
class OnPlan:
    """So many patients are on (or were on) one version, in one state of an enrolment."""

    version: int
    state: str
    people: int


@dataclass(frozen=True)
class StepProgress:
    """Follow-ups of one step that were due: how many came to the family, were answered, done whole, missed."""

    step: str
    due: int
    reached: int
    answered: int
    done: int
    missed: int


async def people_on(tx: AsyncSession, template: str, teams: Sequence[int]) -> list[OnPlan]:
    """Who of these teams' patients is or was on the plan."""
    rows = await tx.execute(_PEOPLE, {"template": template, "teams": list(teams)})
    return [OnPlan(*row) for row in rows]


async def running(tx: AsyncSession, teams: Sequence[int]) -> dict[str, int]:
    """How many of these teams' patients are on each plan now."""
    return dict((await tx.execute(_RUNNING, {"teams": list(teams)})).all())


async def steps_of(tx: AsyncSession, template: str, teams: Sequence[int], *, since: datetime, now: datetime) -> list[StepProgress]:
    """What became of the follow-ups due from `since` to `now`, by step."""
    rows = await tx.execute(_STEPS, {"template": template, "teams": list(teams), "since": since, "now": now})
    return [StepProgress(*row) for row in rows]
