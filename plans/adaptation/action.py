"""`do:` of a rule: what is done. No action gives, changes or stops a medicine, makes a diagnosis, or touches an alert that is there."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from plans.adaptation.on import Name
from plans.adaptation.words import say
from plans.template.strict import Strict

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200)]
Days = Annotated[int, Field(ge=1, le=90)]


class StartPlan(Strict):
    """Enrol the patient; `anchors` that the record cannot tell are those of the event's day. What lacks makes it an errand."""

    template: Name
    anchors: dict[Name, Literal["event", "today"]] = Field(default_factory=dict)


class StopPlan(Strict):
    """End the patient's enrolment."""

    template: Name


class SwitchPlan(Strict):
    """End one enrolment and begin another; when the other cannot begin, nothing is ended."""

    from_: Name = Field(alias="from")
    to: Name
    anchors: dict[Name, Literal["event", "today"]] = Field(default_factory=dict)


class ChangeFrequency(Strict):
    """Do a step of a plan that the patient is on every so many days, for so many days from tomorrow on."""

    template: Name
    step: Name
    every_days: int = Field(ge=1, le=30)
    for_days: Days


class AddTask(Strict):
    """One more follow-up of a step of a plan that the patient is on, after so many days."""

    template: Name
    step: Name
    in_days: int = Field(default=1, ge=0, le=90)


class PushContent(Strict):
    """Send an article of the content centre."""

    article: Name


class RaiseAlert(Strict):
    """Raise an alert to the team, or strengthen the one that is open. It never makes one weaker."""

    level: Literal["routine", "same_day", "urgent", "emergency"]
    category: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class AddErrand(Strict):
    """A line on the team's work list."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)] = "rule"
    text: Sentence
    due_days: int | None = Field(default=None, ge=0, le=90)


class Do(Strict):
    """Exactly one of these."""

    add_tag: Name | None = None
    remove_tag: Name | None = None
    start_plan: StartPlan | None = None
    stop_plan: StopPlan | None = None
    switch_plan: SwitchPlan | None = None
    change_frequency: ChangeFrequency | None = None
    add_task: AddTask | None = None
    push_content: PushContent | None = None
    alert: RaiseAlert | None = None
    errand: AddErrand | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.said is None:
            raise ValueError(say("mistakes.one_action", kinds="、".join(type(self).model_fields)))
        return self

    @property
    def name(self) -> str:
        """The field that is set."""
        return next(iter(self.model_fields_set))

    @property
    def said(self) -> Any:
        """What it says."""
        return getattr(self, self.name)

    @property
    def short(self) -> str:
        """As tables of examples write it: `add_tag fever_watch`, `alert same_day`."""
        match self.said:
            case StartPlan(template=what) | StopPlan(template=what) | PushContent(article=what) | AddErrand(kind=what):
                pass
            case RaiseAlert(level=what):
                pass
            case SwitchPlan(from_=old, to=new):
                what = f"{old} {new}"
            case ChangeFrequency(template=template, step=step) | AddTask(template=template, step=step):
                what = f"{template} {step}"
            case code:
                what = code
        return f"{self.name} {what}"
