"""How often, when and by which routes families are reached: the hospital's rules, and what a department does differently.

The rules are data: policy.yml as shipped, replaced by what the hospital imports (a Setting), read by the one reader of authored files.
"""

from collections.abc import Mapping
from datetime import time
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans import guard
from plans.authored import read_authored
from plans.template.strict import Strict
from records.contact import RouteName
from records.setting import Setting

FILE = Path(__file__).with_name("policy.yml")
SETTING = "reach_policy"
Purpose = Literal["task", "reminder", "push", "news", "mass", "content", "survey"]


class Quiet(Strict):
    """No proactive messages from `start` to `end` of the next morning, in the hospital's time."""

    start: time
    end: time

    def hours(self) -> guard.Quiet:
        """As the guard knows them."""
        return guard.Quiet(self.start, self.end)


class Yield(Strict):
    """How many contacts of a day and of a week this purpose leaves to the others."""

    day: int = Field(ge=0, le=20)
    week: int = Field(ge=0, le=100)


class Budget(Strict):
    """Contacts with one family, over all plans, children and senders: per calendar day, and in any seven days."""

    per_day: int = Field(ge=1, le=20)
    per_week: int = Field(ge=1, le=100)
    yields: dict[Purpose, Yield] = Field(default_factory=dict)


class Rules(Strict):
    """What holds for one department."""

    quiet: Quiet
    budget: Budget
    routes: tuple[RouteName, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_route_once(self) -> Self:
        if len(set(self.routes)) != len(self.routes):
            raise ValueError("同一条路线写了两次")
        return self


class BudgetPart(Strict):
    """What a department changes of the budget."""

    per_day: int | None = Field(default=None, ge=1, le=20)
    per_week: int | None = Field(default=None, ge=1, le=100)
    yields: dict[Purpose, Yield] = Field(default_factory=dict)


class Part(Strict):
    """What a department changes; what it leaves out is the hospital's."""

    quiet: Quiet | None = None
    budget: BudgetPart = BudgetPart()
    routes: tuple[RouteName, ...] | None = Field(default=None, min_length=1)


class Policy(Strict):
    """The whole file. Departments are named as their teams are."""

    hospital: Rules
    departments: dict[str, Part] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for name in self.departments:
            self.of(name)
        return self

    def of(self, department: str | None) -> Rules:
        """The rules for a department; the hospital's for one that changes nothing."""
        part = self.departments.get(department or "")
        if part is None:
            return self.hospital
        whole, budget = self.hospital, self.hospital.budget
        return Rules(
            quiet=part.quiet or whole.quiet,
            budget=Budget(
                per_day=part.budget.per_day or budget.per_day,
                per_week=part.budget.per_week or budget.per_week,
                yields={**budget.yields, **part.budget.yields},
            ),
            routes=part.routes or whole.routes,
        )


@lru_cache(maxsize=8)
def read_policy(text: str, name: str = FILE.name) -> Policy:
    """The rules that `text` says. Raises AuthoringError with the place of each mistake."""
    return read_authored(text, Policy, name=name)


def shipped() -> str:
    """The rules as they come."""
    return FILE.read_text("utf-8")


async def policy_text(tx: AsyncSession) -> str:
    """The rules in force, as they were written."""
    value = await tx.scalar(select(Setting.value).where(Setting.name == SETTING))
    return str(value["text"]) if value is not None else shipped()


async def load_policy(tx: AsyncSession) -> Policy:
    """The rules in force."""
    return read_policy(await policy_text(tx))


async def keep_policy(tx: AsyncSession, text: str, *, name: str) -> Policy:
    """Put new rules in force at once, for all processes. Raises AuthoringError and changes nothing when they cannot be used."""
    policy = read_policy(text, name)
    value: Mapping[str, str] = {"text": text}
    made = insert(Setting).values(name=SETTING, value=value)
    await tx.execute(made.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return policy
