"""What a step asks, and how an answer is read."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from plans.template.mistake import listed, mistake
from plans.template.strict import Strict
from plans.template.usual import usual_texts


class Decline(Strict):
    """Wordings of one reason not to answer; they are found anywhere in the text unless one of `unless` is there too."""

    words: tuple[str, ...] = Field(min_length=1)
    unless: tuple[str, ...] = ()


Reason = Literal["not_yet", "cannot", "not_weighed"]


class Choice(Strict):
    """One answer of a choice: its `value` for the rules, the button's `label`, and `words` that mean it too."""

    value: int
    label: str = Field(min_length=1, max_length=20)
    words: tuple[str, ...] = ()


class Known(Strict):
    """A bound on an answer given earlier in the same follow-up: a vital, a sign (1 there, 0 not), or a question's id for a choice."""

    fact: str
    gte: float | None = None
    lte: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.gte is None and self.lte is None:
            raise mistake("bound_needed")
        return self


class Question(Strict):
    """One question. `context` is the line against which the language layer reads a bare number.

    kinds: `weight` (a weight, checked against the last one), `amounts` (several counts in one message), `number` (one reading, which
    for a blood pressure has two vitals), `symptoms` (are these `signs` there?), `choice` (one of `options`), `text` (any words, which a
    clinician reads). `vitals` are what an answer may hold, `required` those without which the question is asked again (`missing` says
    how); `units` tell the amounts of one question apart. `rules` names the table that judges the answers. With `only_if` it is asked
    where all of these hold. What is not given of `again` and `declines` is worded as usual (plans/template/texts.yml).
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    kind: Literal["weight", "amounts", "number", "symptoms", "choice", "text"]
    vitals: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    options: tuple[Choice, ...] = ()
    unit: str | None = None
    ask: str = Field(min_length=2)
    context: str
    again: str
    missing: dict[str, str] = Field(default_factory=dict)
    units: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rules: str | None = None
    declines: dict[Reason, Decline] = Field(default_factory=dict)
    only_if: tuple[Known, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _usual_words(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        usual = usual_texts()
        words = {"context": given.get("ask"), "again": usual["again"].get(given.get("kind")), "declines": usual["declines"]}
        return {**{name: value for name, value in words.items() if value is not None}, **given}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if strange := set(self.required) - set(self.vitals):
            raise mistake("required_strange", at=("required",), names=listed(strange))
        if self.kind == "amounts" and (unsaid := set(self.required) - set(self.missing)):
            raise mistake("missing_unsaid", at=("missing",), names=listed(unsaid))
        numeric = self.kind in ("weight", "amounts", "number")
        if numeric != bool(self.vitals) or numeric != bool(self.required):
            raise mistake("numeric_only")
        if (self.kind == "symptoms") != bool(self.signs):
            raise mistake("signs_only")
        if (self.kind == "choice") != (len(self.options) >= 2):
            raise mistake("options_only")
        if len({option.value for option in self.options}) != len(self.options):
            raise mistake("option_double", at=("options",))
        return self
