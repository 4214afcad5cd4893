"""What of a team's week got worse or needs a hand. Numbers alone: no patient, nothing clinical."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.alerts import LEVELS
from plans.measures.measure import Result
from plans.measures.period import Period
from plans.measures.report import lay_down, report
from plans.measures.scope import WHOLE_HOSPITAL
from records.content import ContentItem, ContentVersion
from records.flag import Flag
from records.staff import Team

# All R. An alert is left open when it is older; a content is looked at so long before its time is up; a rate has fallen by so much; so
# many of those who were due are many.
OPEN_AFTER, EXPIRES_WITHIN = timedelta(days=1), timedelta(days=14)
FELL_BY, MANY = 0.10, 0.10
_IN_TIME = tuple(f"alert_in_time_{level}" for level in LEVELS)


@dataclass(frozen=True)
class Exceptions:
    """Alerts of the week that were taken late or not at all, and those still open after a day; patients whom a follow-up did not reach,
    where these are more than the week before or many; the response rate where it fell (now, before); contents whose time is nearly up."""

    late: int = 0
    left_open: int = 0
    unreached: tuple[int, int] | None = None
    response: tuple[float, float] | None = None
    expiring: int = 0

    @property
    def count(self) -> int:
        """How many things there are to say."""
        return sum(bool(each) for each in (self.late, self.left_open, self.unreached, self.response, self.expiring))


async def exceptions(tx: AsyncSession, week: Period, before: Period, *, now: datetime) -> dict[int, Exceptions]:
    """Of each team that has something to say."""
    ids = {name: id for id, name in (await tx.execute(select(Team.id, Team.name)))}
    measures = (*_IN_TIME, "unreached", "response")
    weeks, laid = [], await lay_down(tx, WHOLE_HOSPITAL)
    for period in (week, before):
        found = await report(tx, period, WHOLE_HOSPITAL, now=now, by=("team",), measures=measures, laid=laid)
        weeks.append({(each.measure, ids[each.group["team"]]): each for each in found.results if each.group})
    open_since = await _left_open(tx, now)
    expiring = await _expiring(tx, now)
    made = {
        team: Exceptions(
            late=sum(_late(weeks[0].get((id, team))) for id in _IN_TIME),
            left_open=open_since.get(team, 0),
            unreached=_unreached(*(each.get(("unreached", team)) for each in weeks)),
            response=_fell(*(each.get(("response", team)) for each in weeks)),
            expiring=expiring.get(team, 0),
        )
        for team in ids.values()
    }
    return {team: each for team, each in made.items() if each.count}


def _late(result: Result | None) -> int:
    return int(result.denominator - result.numerator) if result is not None else 0


def _unreached(now: Result | None, before: Result | None) -> tuple[int, int] | None:
    if now is None or not now.numerator:
        return None
    earlier = before.numerator if before is not None else 0
    return (int(now.numerator), int(earlier)) if now.numerator > earlier or (now.value or 0) >= MANY else None


def _fell(now: Result | None, before: Result | None) -> tuple[float, float] | None:
    if now is None or before is None or now.small or before.small or now.value is None or before.value is None:
        return None
    return (now.value, before.value) if before.value - now.value >= FELL_BY else None


async def _left_open(tx: AsyncSession, now: datetime) -> Mapping[int, int]:
    query = select(Flag.team_id, func.count()).where(Flag.state != "closed", Flag.raised_at < now - OPEN_AFTER).group_by(Flag.team_id)
    return dict((await tx.execute(query)).all())


async def _expiring(tx: AsyncSession, now: datetime) -> Mapping[int, int]:
    until = now + EXPIRES_WITHIN
    query = (
        select(ContentItem.team_id, func.count())
        .join(ContentVersion, ContentVersion.content_id == ContentItem.id)
        .where(ContentItem.team_id.is_not(None), ContentVersion.state == "published")
        .where(or_(ContentVersion.expires_at.is_(None), ContentVersion.expires_at > now))
        .where(or_(ContentVersion.expires_at <= until, ContentVersion.review_by <= until.date()))
        .group_by(ContentItem.team_id)
    )
    return {team: count for team, count in (await tx.execute(query)) if team is not None}
