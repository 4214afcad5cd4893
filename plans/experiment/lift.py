"""What adaptive choice has brought: families whose hour or opening was chosen against those that were held out, with an interval."""

from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.result import interval
from plans.experiment.tally import SHARES
from plans.measures.measure import SMALL

_SHARES = text(
    f"""
    select why, avg(answered::int)::float8 as share
    from ({SHARES} and choice.why in ('drawn', 'held_out') and choice.team_id = :team and choice.kind = :kind
        and choice.at >= :since) shares
    group by why, carer_id
    """  # noqa: S608 - our own words
)


@dataclass(frozen=True)
class Lift:
    """Mean shares of answered follow-ups and their difference with a 95 % interval; each family counts once."""

    adapted: float
    adapted_families: int
    held_out: float
    held_out_families: int
    difference: float
    low: float
    high: float

    @property
    def small(self) -> bool:
        """Whether either side is a small sample."""
        return min(self.adapted_families, self.held_out_families) < SMALL


async def lift(tx: AsyncSession, team_id: int, kind: str, since: datetime) -> Lift | None:
    """The lift of choices made since then in one team; None with fewer than two families on either side."""
    found: dict[str, list[float]] = {"drawn": [], "held_out": []}
    for why, share in await tx.execute(_SHARES, {"team": team_id, "kind": kind, "since": since}):
        found[why].append(share)
    adapted, held_out = found["drawn"], found["held_out"]
    if min(len(adapted), len(held_out)) < 2:
        return None
    return Lift(fmean(adapted), len(adapted), fmean(held_out), len(held_out), *interval(adapted, held_out))
