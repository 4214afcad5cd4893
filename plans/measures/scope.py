"""Whose patients a report counts: a clinician's teams, and no others."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from records.staff import Staff, TeamMember, teams_of


@dataclass(frozen=True)
class ReportScope:
    """The teams whose patients are counted; None means the whole hospital, which only an administrator at the command line gets."""

    teams: tuple[int, ...] | None


WHOLE_HOSPITAL = ReportScope(None)


async def scope_of(tx: AsyncSession, staff: Staff) -> ReportScope:
    """A clinician's teams; none when he is not active."""
    if not staff.active:
        return ReportScope(())
    return ReportScope(tuple(await tx.scalars(teams_of(staff.id).order_by(TeamMember.team_id))))
