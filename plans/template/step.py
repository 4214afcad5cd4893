"""One thing that a plan does: asks, tells, reminds, or gives to a clinician."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from plans.template.anchor import AnchorName
from plans.template.condition import Condition
from plans.template.mistake import listed, mistake
from plans.template.question import Question
from plans.template.strict import Strict
from plans.template.timing import Phase, Useful

# FHIR's PlanDefinition leaves the kind to the activity; these are the hospital's own words for it (wording.yml `step_kinds`).
StepKind = Literal[
    "vital",
    "symptoms",
    "questionnaire",
    "medicine",
    "exercise",
    "diet",
    "education",
    "visit",
    "vaccination",
    "lab",
    "message",
    "clinician_task",
]
# Those that ask, in their own questions.
ASKS = frozenset({"vital", "symptoms", "medicine", "exercise", "diet"})
# Those that remind of something done elsewhere, and hear whether it was.
REMINDS = frozenset({"visit", "vaccination", "lab"})
# Longer than an answer can be useful (timing.Useful).
NO_MORE = timedelta(days=62)
Role = Literal["nurse", "doctor", "lead"]


class Range(Strict):
    """A closed range with its source."""

    min: float
    max: float
    src: str


class Reminder(Strict):
    """One reminder, `after_hours` after the opening, the reminder before it, or the last answer."""

    after_hours: int = Field(gt=0, le=24 * 14)
    src: str


class Missed(Strict):
    """What it means when a family does not answer: after so many follow-ups of this step `in_a_row`, a nurse's task, or an alert.

    `text` is what the clinician reads ({name}, {title}, {count}).
    """

    in_a_row: int = Field(ge=1, le=30)
    then: Literal["errand", "alert"] = "errand"
    level: Literal["same_day", "urgent"] = "same_day"
    text: str
    src: str


class Step(Strict):
    """What is done on the days of `schedule`.

    `hours` are clock hours of the hospital's day, one follow-up each; without them it is the hour that the family wants. `only_if` is a
    sentence of the cohort language (docs/cohorts.md): on a day on which it does not hold of the patient, nothing is sent. `useful_until`:
    the end of the same day, or longer. `start` says what happens while the family is in another conversation: `wait` for its end, or
    `join` it as its next subject. `yields` gives way to others when the family has been written to enough. `tell` is who takes care of
    what comes of it.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    kind: StepKind = "vital"
    title: str = Field(min_length=1, max_length=40)
    anchor: AnchorName
    schedule: tuple[Phase, ...] = Field(min_length=1)
    hours: tuple[int, ...] = ()
    only_if: Condition | None = None
    useful_until: Literal["end_of_day"] | Useful = "end_of_day"
    reminders: tuple[Reminder, ...] = Field(default=(), max_length=3)
    missed: Missed | None = None
    start: Literal["wait", "join"] = "wait"
    yields: bool = False
    tell: Role = "nurse"
    questions: tuple[Question, ...] = ()
    questionnaire: str | None = None
    text: str | None = None
    articles: tuple[str, ...] = ()
    src: str | None = None

    def reminder_after(self, reminded: int = 0) -> timedelta:
        """How long after the last word the next reminder is due, when there have been `reminded` of them; where there are no more,
        longer than an answer can be useful."""
        return timedelta(hours=self.reminders[reminded].after_hours) if reminded < len(self.reminders) else NO_MORE

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind in ASKS) != bool(self.questions):
            raise mistake("questions_kind", kinds=listed(ASKS))
        if (self.kind == "questionnaire") != (self.questionnaire is not None):
            raise mistake("questionnaire_kind")
        if (self.kind == "education") != bool(self.articles):
            raise mistake("articles_kind")
        if (self.kind in REMINDS | {"message", "clinician_task"}) and not self.text:
            raise mistake("text_needed", kind=self.kind)
        if strange := [hour for hour in self.hours if not 0 <= hour <= 23]:
            raise mistake("hours_range", at=("hours",), hours=listed(strange))
        if len(set(self.hours)) != len(self.hours) or list(self.hours) != sorted(self.hours):
            raise mistake("hours_order", at=("hours",))
        ids = [question.id for question in self.questions]
        if double := {id for id in ids if ids.count(id) > 1}:
            raise mistake("id_double", at=("questions", len(ids) - 1 - ids[::-1].index(min(double)), "id"), names=listed(double))
        known = {"age_days"}
        for place, question in enumerate(self.questions):
            if strange_facts := {known_.fact for known_ in question.only_if} - known:
                at = ("questions", place, "only_if")
                raise mistake("fact_unknown", at=at, question=question.id, names=listed(strange_facts))
            known |= {question.id, *question.vitals, *question.signs}
        return self
