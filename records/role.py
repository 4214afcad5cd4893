"""What staff may do: roles made of rights, given for one team or for the whole organisation.

Belonging to a team opens its patients (records.patient); a role says what may be done there. A member to whom no role was given in his
team has the built-in role `clinician` there, so that a hospital can begin before it has thought about roles.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.staff import Staff, teams_of

CLINICIAN = "clinician"
# The rights, by area: what is read is apart from what is done, and what is written from what is approved.
RIGHTS = (
    "care.read",
    "care.act",
    "plan.enrol",
    "plan.write",
    "plan.approve",
    "content.write",
    "content.approve",
    "cohort.write",
    "mass.write",
    "mass.approve",
    "tag.write",
    "rule.write",
    "rule.approve",
    "triage.approve",
    "nlu.write",
    "nlu.publish",
    "report.read",
    "team.manage",
    "staff.manage",
    "settings.manage",
    "feed.manage",
    "audit.read",
    "data.export",
    "data.erase",
)


class Role(Identity, Base):
    """A named set of rights; `code` is stable, `built_in` ones cannot be removed."""

    __tablename__ = "role"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    rights: Mapped[list[str]]
    built_in: Mapped[bool] = mapped_column(default=False)


class StaffRole(Identity, Base):
    """A role of a staff member, in one team, or everywhere when `team_id` is None."""

    __tablename__ = "staff_role"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))

    __table_args__ = (Index("ix_staff_role_once", "staff_id", "role_id", "team_id", unique=True, postgresql_nulls_not_distinct=True),)


class RightMissing(Exception):
    """The staff member lacks a right; the text names it."""

    code, permanent = "right_missing", True


@dataclass(frozen=True)
class Rights:
    """What a staff member may do: everywhere, and in each of the teams that he belongs to or has a role in."""

    everywhere: frozenset[str] = frozenset()
    by_team: dict[int, frozenset[str]] = field(default_factory=dict)

    def has(self, right: str, team_id: int | None = None, *, whole: bool = False) -> bool:
        """Whether he has `right` in that team; without a team, whether he has it anywhere. `whole`: whether he has it everywhere."""
        if right in self.everywhere or whole:
            return right in self.everywhere
        if team_id is None:
            return any(right in rights for rights in self.by_team.values())
        return right in self.by_team.get(team_id, frozenset())

    def check(self, right: str, team_id: int | None = None, *, whole: bool = False) -> None:
        """Raises RightMissing when he has it not (as in `has`)."""
        if not self.has(right, team_id, whole=whole):
            raise RightMissing(right)

    def teams_with(self, right: str, teams: Iterable[int]) -> list[int]:
        """Those of `teams` in which he has it."""
        return [team for team in teams if self.has(right, team)]


async def who_may(tx: AsyncSession, right: str, team_id: int | None, *, but: Collection[str] = ()) -> list[str]:
    """The names of the active staff whose role gives them `right` in that team (None: in any), in their order on file, without the
    userids in `but`."""
    given = select(StaffRole.staff_id).join(Role, Role.id == StaffRole.role_id).where(Role.rights.contains([right]))
    if team_id is not None:
        given = given.where((StaffRole.team_id == team_id) | StaffRole.team_id.is_(None))
    return list(await tx.scalars(select(Staff.name).where(Staff.id.in_(given), Staff.active, Staff.userid.not_in(but)).order_by(Staff.id)))


async def rights_of(tx: AsyncSession, staff: Staff, teams: Collection[int] | None = None) -> Rights:
    """The rights of `staff`; none when he is not active. `teams` are those he belongs to, where the caller has them already."""
    if not staff.active:
        return Rights()
    given = select(StaffRole.team_id, Role.rights).join(Role, Role.id == StaffRole.role_id).where(StaffRole.staff_id == staff.id)
    everywhere, by_team = frozenset[str](), dict[int, frozenset[str]]()
    for team_id, rights in await tx.execute(given):
        if team_id is None:
            everywhere |= frozenset(rights)
        else:
            by_team[team_id] = by_team.get(team_id, frozenset()) | frozenset(rights)
    if teams is None:
        teams = (await tx.scalars(teams_of(staff.id))).all()
    plain = [team for team in teams if team not in by_team]
    if plain:
        usual = frozenset(await tx.scalar(select(Role.rights).where(Role.code == CLINICIAN)) or ())
        by_team |= dict.fromkeys(plain, usual)
    return Rights(everywhere, by_team)
