"""Who looks at which patients in which days, and the figures of them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT, Desk, Seat
from console.form import number, words
from console.page import today
from console.reports.span import Span, asked
from console.reports.table import Figures
from plans.measures.report import Laid, lay_down, report
from plans.measures.scope import ReportScope
from plans.publishing import listed
from records.patient import AccessRefused
from records.staff import Team

RIGHT, MANAGE = "report.read", "team.manage"
_DEPARTMENTS = text("select distinct department from report_patient where department <> '' order by 1")


@dataclass
class Look:
    """One reader's view. `teams` are those that may be chosen, by id with their names; `only` narrows down by dimension.

    `left_out` gathers the measures that cannot be narrowed down so.
    """

    desk: Desk
    seat: Seat
    now: datetime
    span: Span
    understood: bool
    teams: Mapping[int, str]
    team: int | None
    scope: ReportScope
    only: Mapping[str, str]
    plans: Mapping[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _tx: AsyncSession | None = None
    _laid: Laid | None = None

    async def begin(self, tx: AsyncSession) -> list[str]:
        """Lay down whom it is about in this transaction, to which the figures belong; their departments."""
        self._tx, self._laid = tx, await lay_down(tx, self.scope)
        return list(await tx.scalars(_DEPARTMENTS))

    @property
    def tx(self) -> AsyncSession:
        """The transaction of the figures. Raises RuntimeError before `begin`."""
        if self._tx is None:
            raise RuntimeError("no figures before `begin`")
        return self._tx

    async def figures(
        self, measures: Sequence[str], by: Sequence[str] = (), *, before: bool = False, scope: ReportScope | None = None
    ) -> Figures:
        """The measures of the period, or of the one before; of the teams in `scope` where not of all."""
        span = self.span.moved(-1) if before else self.span
        period, of = span.period(self.desk.zone), scope or self.scope
        found = await report(self.tx, period, of, now=self.now, by=by, measures=measures, only=self.only, laid=self._laid)
        self.left_out += [id for id in found.left_out if id not in self.left_out]
        return Figures(found.results, tuple(by))

    @property
    def several(self) -> bool:
        """Whether teams can be compared."""
        return self.team is None and len(self.teams) > 1

    def managed(self) -> ReportScope:
        """Those of the teams whose people he leads."""
        if self.scope.teams is None and self.seat.rights.has(MANAGE, whole=True):
            return self.scope
        return ReportScope(tuple(team for team in self.scope.teams or self.teams if self.seat.rights.has(MANAGE, team)))

    @property
    def key(self) -> Hashable:
        """Those with the same one see the same."""
        return self.span, self.scope, self.managed(), self.team, tuple(sorted(self.only.items())), tuple(self.teams)

    @property
    def query(self) -> dict[str, str]:
        """What was chosen, as the address says it."""
        chosen = self.span.query | dict(self.only)
        return chosen | ({"team": str(self.team)} if self.team is not None else {})


async def look_of(tx: AsyncSession, request: web.Request, *, by_plan: bool) -> Look:
    """What the address asks for. Raises AccessRefused for a team whose reports are not his to read."""
    desk, seat, query = request.app[DESK], request[SEAT], request.query
    span, understood = asked(query, today(desk))
    named = await tx.execute(select(Team.id, Team.name).order_by(Team.name))
    teams = {id: name for id, name in named if seat.rights.has(RIGHT, id)}
    wanted = query.get("team", "")
    team = number(wanted) if wanted else None
    if wanted and team not in teams:
        raise AccessRefused(f"reports of team {wanted[:20]}")
    everywhere = seat.rights.has(RIGHT, whole=True)
    scope = ReportScope((team,) if team is not None else None if everywhere else tuple(teams))
    plans = {each.id: each.title for each in sorted(await listed(tx), key=lambda each: each.version)}
    only = {name: said for name in ("department", "plan") if (said := words(query, name, 80)) and (by_plan or name != "plan")}
    return Look(
        desk, seat, desk.clock(), span, understood, teams, team, scope, only,
        plans=dict(sorted(plans.items(), key=lambda each: each[1])),
    )  # fmt: skip
