"""A plan, in one version: PlanDefinition-shaped YAML, checked before anybody is enrolled on it."""

from pathlib import Path
from string import Formatter
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from plans.template.anchor import AnchorName
from plans.template.condition import Condition
from plans.template.mistake import listed, mistake, sentence
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
    anchors: tuple[AnchorName, ...] = Field(min_length=1)
    later: tuple[AnchorName, ...] = ()
    enrol_if: Condition | None = None
    latest_discharge_days_ahead: int = Field(default=30, ge=0)
    requires: dict[Literal["birth_weight_g", "gestational_age_weeks"], Range] = Field(default_factory=dict)
    optional: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    texts: Texts = Field(default_factory=lambda: Texts.model_validate({}))

    @property
    def titles(self) -> dict[str, str]:
        """The titles of its steps, by their ids."""
        return {step.id: step.title for step in self.steps}

    def step(self, id: str) -> Step:
        """The step of this id. Raises TemplateError when this version has none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise TemplateError(sentence("step_gone", id=self.id, version=self.version, step=id))

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        ids = [step.id for step in self.steps]
        if double := {id for id in ids if ids.count(id) > 1}:
            raise mistake("id_double", at=("steps", len(ids) - 1 - ids[::-1].index(min(double)), "id"), names=listed(double))
        if both := set(self.anchors) & set(self.later):
            raise mistake("anchor_twice", at=("later",), name=min(both))
        declared = {*self.anchors, *self.later}
        for place, step in enumerate(self.steps):
            if step.anchor not in declared:
                raise mistake("anchor_undeclared", at=("steps", place, "anchor"), name=step.anchor)
            for number, phase in enumerate(step.schedule):
                if phase.until is not None and phase.until.anchor not in declared:
                    at = ("steps", place, "schedule", number, "until", "anchor")
                    raise mistake("anchor_undeclared", at=at, name=phase.until.anchor)
        for name, text in self.texts.model_dump().items():
            if strange := {field for _, field, _, _ in Formatter().parse(text) if field} - {"name", "question"}:
                raise mistake("placeholder", at=("texts", name), names=listed(strange))
        return self


def read_template(path: Path) -> PlanTemplate:
    """The template in `path`. Raises TemplateError naming the file and each field that is wrong."""
    return read_strict(path, PlanTemplate)
