"""What a measure is: a numerator and a denominator over the rows of a source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# What a report can be divided by. The first three are parts of the calendar.
DIMENSIONS = (
    *("day", "week", "month", "department", "team", "plan", "step", "hour", "weekday", "route", "wording", "level", "outcome", "answer"),
    *("content", "staff"),
)
CALENDAR = frozenset({"day", "week", "month"})
# percent: of the denominator, count: the numerator. Others are values of their own, with the denominator saying over how many.
MeasureUnit = Literal["percent", "hours", "minutes", "score", "share", "per_day", "minutes_each", "count"]


@dataclass(frozen=True)
class Source:
    """Rows to count. `sql` gives the columns patient, department, team_id, team and, as far as `dimensions` name them, plan, step, at,
    hour_at (the moment whose hour and weekday count), route, wording, level, outcome, answer, content, staff. It reads the parameters
    :since, :until, :now, :zone, :teams and those of `given`.

    `whole`: each row speaks of the whole period, so that a division by the calendar counts every part by itself.
    """

    name: str
    sql: Callable[[frozenset[str]], str]
    dimensions: frozenset[str]
    whole: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """`numerator` and `denominator` are SQL aggregates over the source's rows; `value` too, where it is not their quotient.

    `more` are further values by name (p90), `people` is how many patients stand behind the denominator. Title and definition are in
    words.yml under `id`.
    """

    id: str
    source: Source
    unit: MeasureUnit
    numerator: str
    denominator: str
    value: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    people: str = "count(distinct patient)"


@dataclass(frozen=True)
class Result:
    """One figure. `group` is by dimension, empty for the total. `people` are the distinct patients (in an anonymous survey: the filled-in
    forms) behind it; below SMALL it is a small sample. `value` is None where there is nothing to divide by."""

    measure: str
    group: Mapping[str, str]
    numerator: float
    denominator: float
    value: float | None
    people: int
    unit: str
    more: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def small(self) -> bool:
        """Whether it is marked 小样本."""
        return self.people < SMALL


# Clinical reference §7: a period with fewer patients is marked 小样本.
SMALL = 20
# The patients of the scope, with team and the department of the latest stay or visit: laid down once for all statements of a report.
LAY_DOWN = (
    "drop table if exists pg_temp.report_patient",
    """
    create temp table report_patient on commit drop as
        select p.id, p.team_id, team.name as team, coalesce(i.department, '') as department, p.died_at from patient p
        join team on team.id = p.team_id left join patient_index i on i.patient_id = p.id
        where cast(:teams as bigint[]) is null or p.team_id = any(cast(:teams as bigint[]))
    """,
    "alter table report_patient add primary key (id)",
    "analyze report_patient",
)
WHO = "who as not materialized (select * from report_patient)"
