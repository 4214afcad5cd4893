"""What each option has come to, by segment, and a draw among options in proportion to how likely each is the best (Thompson sampling).

The unit is the family: each counts once for an option, with the share of its follow-ups that it answered, so that one family with many
follow-ups does not look like many families. The posterior is Beta(1 + answered, 1 + families - answered), from a flat prior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.disposition import ANSWERED, ENDED, as_sql, listed

# Habits change with a child's age and the season: what is older counts no more (R).
REMEMBERED = timedelta(days=180)

# Each family's share by the option it had, over follow-ups that have ended; a planned but unreachable one counts as not answered.
SHARES = f"""
    select choice.id as choice_id, choice.kind, choice.team_id, choice.segment, choice.chosen, choice.carer_id, choice.why,
        choice.experiment_id, choice.at as chosen_at,
        {as_sql("task")} in {listed(ANSWERED)} as answered, {as_sql("task")} = 'done' as done
    from send_choice choice join task on
        (choice.kind = 'wording' and task.id = choice.task_id)
        or (choice.kind = 'send_hour' and task.care_plan_id = choice.care_plan_id and task.day between choice.first_day and choice.last_day)
    where {as_sql("task")} in {listed(ENDED)}
"""  # noqa: S608 - our own words
_COUNT = text(
    f"""
    insert into option_tally (team_id, kind, segment, option, families, answered, counted_at)
    select team_id, kind, segment, chosen, count(*), sum(share), :now from (
        select team_id, kind, segment, chosen, carer_id, avg(answered::int) as share
        from ({SHARES} and choice.at > :since) shares group by 1, 2, 3, 4, 5
    ) by_family group by 1, 2, 3, 4
    on conflict (team_id, kind, segment, option)
    do update set families = excluded.families, answered = excluded.answered, counted_at = excluded.counted_at
    """  # noqa: S608 - our own words
)
_FORGET = text("delete from option_tally where counted_at < :now")


@dataclass(frozen=True)
class Tally:
    """`families` had the option; `answered` is the sum of their shares."""

    families: int = 0
    answered: float = 0.0

    @property
    def beta(self) -> tuple[float, float]:
        """The posterior's two numbers."""
        return 1 + self.answered, 1 + self.families - self.answered


async def count_choices(tx: AsyncSession, now: datetime) -> int:
    """Count all options anew from the choices of the last REMEMBERED days; how many rows there are."""
    done = await tx.execute(_COUNT, {"now": now, "since": now - REMEMBERED})
    await tx.execute(_FORGET, {"now": now})
    return int(done.rowcount)  # type: ignore[attr-defined]


def draw(options: Sequence[str], tallies: Mapping[str, Tally], seed: int) -> tuple[str, list[dict[str, Any]]]:
    """The option with the highest draw, and every option with what it was drawn from. The same for the same seed and tallies."""
    # Repeatable on purpose: the seed is stored with the choice.
    rng = Random(seed)  # noqa: S311
    shown: list[dict[str, Any]] = []
    for option in options:
        tally = tallies.get(option, Tally())
        shown.append({"option": option, "families": tally.families, "answered": tally.answered, "draw": rng.betavariate(*tally.beta)})
    best: str = max(shown, key=lambda each: each["draw"])["option"]
    return best, shown
