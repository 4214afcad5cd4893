"""A plan, in one version: PlanDefinition-shaped YAML, checked before anybody is enrolled on it."""

from pathlib import Path
from string import Formatter
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from plans.template.step import Range, Step
from plans.template.strict import Strict, TemplateError, read_strict
from plans.template.usual import usual_texts


class Texts(Strict):
    """What the family reads around the questions. `{name}` is the patient, `{question}` the question that is open."""

    opening: str
    reminder: str
    closing: str
    closing_partial: str
    later: str
    later_today: str
    declined: str
    skipped: str
    give_up: str

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, given: Any) -> Any:
        usual = {name: text for name, text in usual_texts().items() if isinstance(text, str)}
        return {**usual, **given} if isinstance(given, dict) else given


class PlanTemplate(Strict):
    """A plan, in one version. `requires` are ranges of the patient's fields without which its rules cannot work.

    `anchors` are the dates that enrolment has to know; `later` those that may become known afterwards (a next visit, the first day of
    each chemotherapy cycle): their steps wait for them, and come again with each new date. `enrol_if` is a sentence of the cohort
    language that tells for whom the plan is meant. `hours` bounds the hour of the day that a family may choose.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    version: int = Field(ge=1)
    title: str = Field(min_length=2, max_length=60)
    department: str
    needs_clinician_review: bool
    src: str | None = None
    anchors: tuple[str, ...] = Field(min_length=1)
    later: tuple[str, ...] = ()
    enrol_if: str | None = None
    latest_discharge_days_ahead: int = Field(default=30, ge=0)
    requires: dict[Literal["birth_weight_g", "gestational_age_weeks"], Range] = Field(default_factory=dict)
    optional: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    texts: Texts = Field(default_factory=lambda: Texts.model_validate({}))

    def step(self, id: str) -> Step:
        """The step of this id. Raises TemplateError when this version has none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise TemplateError(f"{self.id} version {self.version}: no step {id}")

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        ids = [step.id for step in self.steps]
        if double := {id for id in ids if ids.count(id) > 1}:
            raise ValueError(f"step ids are not unique: {sorted(double)}")
        used = {s.anchor for s in self.steps} | {p.until.anchor for s in self.steps for p in s.schedule if p.until}
        if strange := used - set(self.anchors) - set(self.later):
            raise ValueError(f"anchors that are not declared: {sorted(strange)}")
        texts = self.texts.model_dump().values()
        if strange := {field for text in texts for _, field, _, _ in Formatter().parse(text) if field} - {"name", "question"}:
            raise ValueError(f"unknown placeholders: {sorted(strange)}")
        return self


def read_template(path: Path) -> PlanTemplate:
    """The template in `path`. Raises TemplateError naming the file and each field that is wrong."""
    return read_strict(path, PlanTemplate)
