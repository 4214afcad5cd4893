"""The door to a team: whoever manages it."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import SEAT, Seat
from records.patient import AccessRefused
from records.staff import Staff, Team, TeamMember

MANAGE = "team.manage"


async def managed_teams(tx: AsyncSession, seat: Seat) -> list[Team]:
    """The teams that he manages, by name."""
    teams = await tx.scalars(select(Team).order_by(Team.name))
    return [team for team in teams if seat.rights.has(MANAGE, team.id)]


async def access_team(tx: AsyncSession, request: web.Request) -> Team:
    """The team of the address. Raises AccessRefused for one that is not there, or that somebody else manages."""
    team_id = int(request.match_info["team"])
    team = await tx.get(Team, team_id)
    if team is None or not request[SEAT].rights.has(MANAGE, team_id):
        raise AccessRefused(f"team {team_id}")
    return team


async def access_member(tx: AsyncSession, request: web.Request, team: Team) -> Staff:
    """The member of the team whom the address names. Raises AccessRefused."""
    staff_id = int(request.match_info["staff"])
    staff = await tx.get(Staff, staff_id)
    if staff is None or await tx.get(TeamMember, (team.id, staff_id)) is None:
        raise AccessRefused(f"staff {staff_id} of team {team.id}")
    return staff
