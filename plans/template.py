"""Plan templates: PlanDefinition-shaped YAML, versioned, checked before anybody is enrolled on one."""

from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent / "templates"
Model = TypeVar("Model", bound="Strict")


class TemplateError(ValueError):
    """A template cannot be used; the message names the file, the field and what is wrong with it."""

    code, permanent = "template_invalid", True


class Strict(BaseModel):
    """Immutable, and a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Until(Strict):
    """The last day of a phase: `day` days after an anchor."""

    anchor: str
    day: int = Field(ge=0)
    src: str


class Phase(Strict):
    """Days counted from the step's anchor: each day from `first` to `last`, or `every` some days (a cycle) after day `after`."""

    first: int | None = Field(default=None, ge=0)
    last: int | None = Field(default=None, ge=0)
    after: int | None = Field(default=None, ge=0)
    every: tuple[int, ...] = ()
    until: Until | None = None
    src: str

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        daily = self.first is not None and self.last is not None and self.first <= self.last
        cyclic = self.after is not None and self.until is not None and bool(self.every) and min(self.every) > 0
        if daily == cyclic:
            raise ValueError("give first and last (in order), or after, every and until")
        return self


class Decline(Strict):
    """Wordings of one reason not to answer; they are found anywhere in the text unless one of `unless` is there too."""

    words: tuple[str, ...] = Field(min_length=1)
    unless: tuple[str, ...] = ()


Reason = Literal["not_yet", "cannot", "not_weighed"]


class Question(Strict):
    """One question. `context` is the line against which the language layer reads a bare number.

    `vitals` are what an answer may hold, `required` those without which the question is asked again (`missing` says how).
    `units` tell the amounts of one question apart.
    """

    id: str
    kind: Literal["weight", "amounts"]
    vitals: tuple[str, ...] = Field(min_length=1)
    required: tuple[str, ...] = Field(min_length=1)
    unit: str | None = None
    ask: str
    context: str
    again: str
    missing: dict[str, str] = {}
    units: dict[str, tuple[str, ...]] = {}
    rules: str | None = None
    declines: dict[Reason, Decline] = {}

    @model_validator(mode="after")
    def _required_are_expected(self) -> Self:
        if strange := set(self.required) - set(self.vitals):
            raise ValueError(f"required vitals that are not among vitals: {sorted(strange)}")
        if self.kind == "amounts" and (unsaid := set(self.required) - set(self.missing)):
            raise ValueError(f"missing has no wording for {sorted(unsaid)}")
        return self


class Reminder(Strict):
    """One reminder, `after_hours` after the opening (or the last answer)."""

    after_hours: int = Field(gt=0, le=23)
    src: str


class Step(Strict):
    """What is asked on the days of `schedule`, and until when an answer is useful (`useful_until`: the end of the same day)."""

    id: str
    title: str
    anchor: str
    schedule: tuple[Phase, ...] = Field(min_length=1)
    useful_until: Literal["end_of_day"]
    reminder: Reminder
    questions: tuple[Question, ...] = Field(min_length=1)


class Range(Strict):
    """A closed range with its source."""

    min: float
    max: float
    src: str


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


class PlanTemplate(Strict):
    """A plan, in one version. `requires` are ranges of the patient's fields without which its rules cannot work."""

    id: str
    version: int = Field(ge=1)
    title: str
    department: str
    needs_clinician_review: bool
    anchors: tuple[str, ...] = Field(min_length=1)
    latest_discharge_days_ahead: int = Field(ge=0)
    requires: dict[Literal["birth_weight_g", "gestational_age_weeks"], Range] = {}
    optional: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    texts: Texts

    def step(self, id: str) -> Step:
        """The step of this id. Raises TemplateError when this version has none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise TemplateError(f"{self.id} version {self.version}: no step {id}")

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for names, what in (([s.id for s in self.steps], "step"), *(([q.id for q in s.questions], "question") for s in self.steps)):
            if double := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{what} ids are not unique: {sorted(double)}")
        used = {s.anchor for s in self.steps} | {p.until.anchor for s in self.steps for p in s.schedule if p.until}
        if strange := used - set(self.anchors):
            raise ValueError(f"anchors that are not declared: {sorted(strange)}")
        texts = self.texts.model_dump().values()
        if strange := {field for text in texts for _, field, _, _ in Formatter().parse(text) if field} - {"name", "question"}:
            raise ValueError(f"unknown placeholders: {sorted(strange)}")
        return self


def read_template(path: Path) -> PlanTemplate:
    """The template in `path`. Raises TemplateError naming the file and each field that is wrong."""
    return read_strict(path, PlanTemplate)


def read_strict(path: Path, model: type[Model]) -> Model:
    """What `path` holds, as a `model`. Raises TemplateError naming the file and each field that is wrong."""
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return model.model_validate(raw)
    except yaml.YAMLError as err:
        raise TemplateError(f"{path.name}: not YAML: {err}") from err
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in err.errors())
        raise TemplateError(f"{path.name}: {wrong}") from err


@cache
def _all(folder: Path) -> dict[tuple[str, int], PlanTemplate]:
    found: dict[tuple[str, int], PlanTemplate] = {}
    for path in sorted(folder.glob("*.yml")):
        template = read_template(path)
        if (key := (template.id, template.version)) in found:
            raise TemplateError(f"{path.name}: {template.id} version {template.version} is there twice")
        found[key] = template
    return found


def load_templates(folder: Path | None = None) -> dict[str, PlanTemplate]:
    """The newest version of each template, by id. Raises TemplateError."""
    versions = _all(folder or FOLDER)
    return {id: versions[id, max(v for i, v in versions if i == id)] for id, _ in versions}


def find_template(id: str, version: int, folder: Path | None = None) -> PlanTemplate:
    """The very version that a patient was enrolled on; old versions stay in the folder. Raises TemplateError when it is gone."""
    try:
        return _all(folder or FOLDER)[id, version]
    except KeyError as err:
        raise TemplateError(f"{id} version {version} is not in the templates folder") from err
