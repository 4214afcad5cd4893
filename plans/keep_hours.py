"""Setting a team's working hours: checked, written down with what was before, and what waits for the team is looked at again."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.working_hours import Span
from records.flag import Flag
from records.staff import Team
from records.state import StateChange
from records.working_hours import WorkingHours

# A holiday with the days around it; more at once is a slip of the finger.
LONGEST = timedelta(days=31)
NAME = 20


class HoursError(Exception):
    """Hours that cannot stand: `code` is span, overlap, no_hours, ends_first or long."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def set_week(tx: AsyncSession, team: Team, week: Sequence[Sequence[Span]], *, by: str, now: datetime) -> None:
    """The team works so from now on. Raises HoursError."""
    for spans in week:
        if any(begins >= ends for begins, ends in spans):
            raise HoursError("span")
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise HoursError("overlap")
    if not any(week):
        raise HoursError("no_hours")
    row = await _locked(tx, team)
    said = [[[f"{begins:%H:%M}", f"{ends:%H:%M}"] for begins, ends in spans] for spans in week]
    if row is None:
        tx.add(WorkingHours(team_id=team.id, week=said, days={}))
    await _note(tx, team, {"week": [row.week if row is not None else None, said]}, by, now)
    if row is not None:
        row.week = said


async def set_days(
    tx: AsyncSession, team: Team, first: date, last: date, *, works_like: int | None, name: str, by: str, now: datetime
) -> None:
    """From `first` to `last` the team works as on that weekday (0: Monday), or, None, not at all. Raises HoursError."""
    if last < first:
        raise HoursError("ends_first")
    if last - first >= LONGEST:
        raise HoursError("long")
    other = {"like": works_like, "name": name[:NAME]}
    await _change_days(tx, team, dict.fromkeys(_days(first, last), other), by=by, now=now)


async def clear_days(tx: AsyncSession, team: Team, first: date, last: date, *, by: str, now: datetime) -> None:
    """These days are again as the week has them. Raises HoursError."""
    if last < first or last - first >= LONGEST:
        raise HoursError("long")
    await _change_days(tx, team, dict.fromkeys(_days(first, last)), by=by, now=now)


async def clear_hours(tx: AsyncSession, team: Team, *, by: str, now: datetime) -> None:
    """The team works around the clock again."""
    row = await _locked(tx, team)
    if row is not None:
        await tx.delete(row)
        await _note(tx, team, {"week": [row.week, None], "days": [row.days, None]}, by, now)


async def copy_hours(tx: AsyncSession, team: Team, other: Team, *, by: str, now: datetime) -> None:
    """The team works as `other` does, its days included. Raises HoursError (no_hours)."""
    model, row = await tx.get(WorkingHours, other.id), await _locked(tx, team)
    if model is None:
        raise HoursError("no_hours")
    if row is None:
        row = WorkingHours(team_id=team.id, week=model.week, days=model.days)
        tx.add(row)
    row.week, row.days = model.week, model.days
    await _note(tx, team, {"copied": other.id}, by, now)


def _days(first: date, last: date) -> list[str]:
    return [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]


async def _change_days(tx: AsyncSession, team: Team, others: dict[str, Any], *, by: str, now: datetime) -> None:
    row = await _locked(tx, team)
    if row is None:
        raise HoursError("no_hours")
    before = {day: row.days.get(day) for day in others}
    row.days = {day: other for day, other in sorted((row.days | others).items()) if other is not None}
    await _note(tx, team, {"days": [before, others]}, by, now)


async def _locked(tx: AsyncSession, team: Team) -> WorkingHours | None:
    """The row, once nobody else changes the team's hours."""
    await tx.scalar(select(Team.id).where(Team.id == team.id).with_for_update())
    return await tx.get(WorkingHours, team.id, populate_existing=True)


async def _note(tx: AsyncSession, team: Team, detail: dict[str, Any], by: str, now: datetime) -> None:
    """Write the change down; an alert of which nobody has been told yet is judged by the new hours."""
    tx.add(StateChange(entity="working_hours", entity_id=team.id, old="kept", new="kept", at=now, by=by, detail=detail))
    waiting = (Flag.team_id == team.id, Flag.state == "raised", Flag.round == 0, Flag.next_at > now)
    await tx.execute(update(Flag).where(*waiting).values(next_at=now))
