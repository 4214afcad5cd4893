"""`on:` of a rule: one kind of event, with a filter. Numbers are compared in sentences of the cohort language (`体温 >= 38.5 ℃`)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from plans.adaptation.words import say
from plans.template.strict import Strict
from tagging.cohort.lexer import tokens
from tagging.cohort.parse import parse
from tagging.cohort.query import Query, Span, ValueTerm
from tagging.cohort.words import CohortError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
# Follow-ups that nobody answered; declining one is an answer (tagging/tags/measures.py).
UNANSWERED = frozenset({"missed"})


def read_value(text: str) -> ValueTerm:
    """A measure alone (every reading of it), or with bounds. Raises ValueError with a sentence."""
    try:
        if len(tokens(text)) == 2:
            return ValueTerm(tokens(text)[0].text, Span())
        found = parse(f"最近 {text}")
    except CohortError as err:
        raise ValueError(str(err)) from err
    if not isinstance(found, ValueTerm) or found.span is None or found.within is not None:
        raise ValueError(say("mistakes.one_value", text=text))
    return found


def read_sentence(text: str) -> Query:
    """A condition of the cohort language. Raises ValueError with a sentence that names the place."""
    try:
        return parse(text)
    except CohortError as err:
        raise ValueError(str(err)) from err


def whether_value(text: str) -> str:
    """For fields that hold a value sentence."""
    read_value(text)
    return text


class Bounds(Strict):
    """Limits of a number; none given: every number, and no number too."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def holds(self, number: float | None) -> bool:
        """Whether the number is within; one that is not known is within no limit."""
        if (self.ge, self.gt, self.le, self.lt) == (None, None, None, None):
            return True
        return (
            number is not None
            and (self.ge is None or number >= self.ge)
            and (self.gt is None or number > self.gt)
            and (self.le is None or number <= self.le)
            and (self.lt is None or number < self.lt)
        )


class SignOn(Strict):
    """A sign that somebody told: one of these concepts, said to be there (or not)."""

    concepts: tuple[Name, ...] = Field(min_length=1)
    status: Literal["present", "absent", "possible"] = "present"


class DiagnosisOn(Strict):
    """A diagnosis of the hospital's: its ICD-10 code begins with one of `icd10`, or its text holds one of `words`."""

    icd10: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9A-Z.]{0,7}$")], ...] = ()
    words: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.icd10 and not self.words:
            raise ValueError(say("mistakes.diagnosis"))
        return self


class StayOn(Strict):
    """The end or the beginning of a stay, in one of these departments (none named: in any)."""

    department: tuple[Name, ...] = ()


class AnswerOn(Bounds):
    """A follow-up that was answered: of this plan, step, and question, its number within the bounds or its choice one of `choice`."""

    template: Name | None = None
    step: Name | None = None
    question: Name | None = None
    choice: tuple[Name, ...] = ()


class ScoreOn(Bounds):
    """A questionnaire that was filled in."""

    questionnaire: Name


class MissedOn(Strict):
    """So many follow-ups in a row that nobody answered, of all plans or of one, of one step or all."""

    in_a_row: int = Field(ge=1, le=20)
    template: Name | None = None
    step: Name | None = None


class RiskOn(Strict):
    """A model's estimate has reached a level, which shows as the tag `<of>.<level>`."""

    of: Name
    level: Literal["high", "medium", "low"]


class PlanOn(Strict):
    """An enrolment has come into a state."""

    template: Name | None = None
    state: Literal["active", "paused", "ended", "withdrawn"]


class DaysOn(Strict):
    """So many days after the patient's last discharge, visit or answer, after birth, or after the enrolment in `template`."""

    after: Literal["birth", "discharge", "visit", "answer", "enrolment"]
    day: int = Field(ge=0, le=7300)
    template: Name | None = None


class DailyOn(Strict):
    """Once a day, for those of whom `if` holds."""


class On(Strict):
    """Exactly one of these."""

    reading: Text | None = None
    lab: Text | None = None
    sign: SignOn | None = None
    diagnosis: DiagnosisOn | None = None
    discharge: StayOn | None = None
    admission: StayOn | None = None
    answer: AnswerOn | None = None
    score: ScoreOn | None = None
    missed: MissedOn | None = None
    tag_began: Name | None = None
    tag_ended: Name | None = None
    risk: RiskOn | None = None
    cohort_joined: Name | None = None
    cohort_left: Name | None = None
    plan: PlanOn | None = None
    days: DaysOn | None = None
    daily: DailyOn | None = None

    _values = field_validator("reading", "lab")(staticmethod(lambda text: text if text is None else whether_value(text)))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.said is None:
            raise ValueError(say("mistakes.one_event", kinds="、".join(type(self).model_fields)))
        return self

    @property
    def name(self) -> str:
        """The field that is set."""
        return next(iter(self.model_fields_set))

    @property
    def said(self) -> Any:
        """Its filter."""
        return getattr(self, self.name)

    @property
    def kind(self) -> str:
        """The kind of `patient_event` that it listens to."""
        return {"answer": "task", "missed": "task", "risk": "tag_began", "days": "day", "daily": "day"}.get(self.name, self.name)

    @property
    def tag(self) -> str | None:
        """The code of the tag that it waits for."""
        return f"{self.risk.of}.{self.risk.level}" if self.risk else self.tag_began or self.tag_ended
