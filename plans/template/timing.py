"""When a step is due, and until when it is useful."""

from typing import Literal, Self

from pydantic import Field, model_validator

from plans.template.anchor import AnchorName
from plans.template.mistake import mistake
from plans.template.strict import Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Longer than any plan here and than a childhood; a slip of the pen is larger.
MOST_DAYS = 366 * 25


class Until(Strict):
    """The last day of a phase: `months` calendar months and `day` days after an anchor."""

    anchor: AnchorName
    day: int = Field(default=0, ge=0, le=MOST_DAYS)
    months: int = Field(default=0, ge=0, le=300)
    src: str


class Cycle(Strict):
    """Days `first` to `last` of every `length` days; the anchor's day is day 1, as protocols count (“day 1–14 of 21”)."""

    length: int = Field(ge=2, le=400)
    first: int = Field(ge=1)
    last: int = Field(ge=1)

    @model_validator(mode="after")
    def _within(self) -> Self:
        if not self.first <= self.last <= self.length:
            raise mistake("cycle_order")
        return self


class Phase(Strict):
    """Days counted from the step's anchor, of exactly one kind:

    - `days`: these days, before the anchor where negative;
    - `months`: the same day of the month so many months later, and so many days (`shift`) before or after it;
    - `first` to `last`: each day; with `weekdays` only those;
    - `after` and `every`: day `after`, then every so many days (one number, or several that take turns), up to `until`;
    - `cycle`: days of a cycle that begins on the anchor, up to `until`;
    - `weekdays` with `after`: these weekdays from day `after` on, up to `until`.
    Without `until` it goes on as long as the plan does.
    """

    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    shift: tuple[int, ...] = ()
    first: int | None = Field(default=None, ge=-MOST_DAYS, le=MOST_DAYS)
    last: int | None = Field(default=None, ge=-MOST_DAYS, le=MOST_DAYS)
    after: int | None = Field(default=None, ge=0, le=MOST_DAYS)
    every: tuple[int, ...] = ()
    cycle: Cycle | None = None
    weekdays: tuple[Weekday, ...] = ()
    until: Until | None = None
    src: str

    @property
    def kind(self) -> str:
        """Which of the kinds it is: days, months, daily, every, cycle or weekly."""
        if self.days or self.months:
            return "days" if self.days else "months"
        if self.first is not None or self.last is not None:
            return "daily"
        return "every" if self.every else "cycle" if self.cycle else "weekly"

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = (
            bool(self.days),
            bool(self.months),
            self.first is not None or self.last is not None,
            bool(self.every),
            self.cycle is not None,
        )
        weekly = bool(self.weekdays) and self.after is not None and not self.every
        if sum(given) + weekly != 1:
            raise mistake("phase_one")
        if self.kind == "daily" and (self.first is None or self.last is None or self.first > self.last):
            raise mistake("phase_daily")
        if self.kind == "every" and (self.after is None or min(self.every) < 1):
            raise mistake("phase_every")
        if self.shift and self.kind != "months":
            raise mistake("phase_shift", at=("shift",))
        if self.until is not None and self.kind in ("days", "months", "daily"):
            raise mistake("phase_until")
        if self.after is not None and self.kind not in ("every", "weekly"):
            raise mistake("phase_after")
        if self.weekdays and self.kind not in ("daily", "weekly"):
            raise mistake("phase_weekdays")
        if any(abs(day) > MOST_DAYS for day in self.days) or any(not 0 <= month <= 300 for month in self.months):
            raise mistake("phase_far")
        return self


class Useful(Strict):
    """For how long after its moment an answer still helps: so many `hours`, or up to the end of the day `days` days later."""

    hours: int | None = Field(default=None, ge=1, le=24 * 60)
    days: int | None = Field(default=None, ge=0, le=60)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.hours is None) == (self.days is None):
            raise mistake("useful_one")
        return self
