"""`tests:` of a rule: facts, an event, and what is expected to be done. Tables that a clinician can read, and the computer runs."""

from datetime import date, datetime, timedelta
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from plans.adaptation.on import Name
from plans.adaptation.span import Duration
from plans.adaptation.words import say
from plans.template.strict import Strict


class Reading(Strict):
    """A value of some time ago, under whatever name and in whatever unit the cohort language knows."""

    of: Name
    value: float
    unit: Name | None = None
    ago: Duration = timedelta(0)


class FollowUp(Strict):
    """A follow-up that has ended."""

    state: Literal["done", "partial", "missed", "declined"]
    template: Name = "neonatal"
    step: Name = "step"
    ago: Duration = timedelta(0)


class Given(Strict):
    """A patient. `plans` by template and state, `discharged` and `visited` so long ago, `fired` when the rule fired last."""

    age_days: int = Field(default=1000, ge=0, le=45_000)
    sex: Literal["M", "F"] | None = None
    tags: tuple[Name, ...] = ()
    department: Name | None = None
    discharged: Duration | None = None
    visited: Duration | None = None
    answered: Duration | None = None
    plans: dict[Name, Literal["active", "ended", "withdrawn"]] = Field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    fired: Duration | None = None


class Happened(Strict):
    """What happens, `ago` (0m). One of these; a value goes by `reading` or `lab`."""

    reading: Reading | None = None
    lab: Reading | None = None
    sign: Name | None = None
    status: Literal["present", "absent", "possible"] = "present"
    diagnosis: Name | None = None
    icd10: Name | None = None
    discharge: Name | None = None
    admission: Name | None = None
    follow_up: FollowUp | None = None
    answers: dict[Name, Any] = Field(default_factory=dict)
    score: float | None = None
    questionnaire: Name | None = None
    tag_began: Name | None = None
    tag_ended: Name | None = None
    cohort_joined: Name | None = None
    cohort_left: Name | None = None
    plan: Name | None = None
    state: Literal["active", "paused", "ended", "withdrawn"] = "active"
    day: Literal[True] | None = None
    ago: Duration = timedelta(0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = (
            "reading", "lab", "sign", "diagnosis", "icd10", "discharge", "admission", "follow_up", "questionnaire", "tag_began",
            "tag_ended", "cohort_joined", "cohort_left", "plan", "day",
        )  # fmt: skip
        said = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(said) != 1 and said != ["diagnosis", "icd10"]:
            raise ValueError(say("mistakes.one_event", kinds="、".join(kinds)))
        return self


class Example(Strict):
    """`expect`: the actions in short (`errand`, `add_tag fever_watch`), in order; empty: the rule does not fire."""

    name: Name
    facts: Given = Given()
    event: Happened
    expect: tuple[Name, ...]


# Any fixed morning: an example says how long ago, never when.
EXAMPLE_NOW = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


def born(given: Given) -> date:
    """The birth date of an example's patient."""
    return EXAMPLE_NOW.date() - timedelta(days=given.age_days)
