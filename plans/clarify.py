"""Clarifying questions by what was reported: YAML by theme, checked when read."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from plans.template import Strict, TemplateError, read_strict
from plans.wording import say
from tagging.content import default_content
from tagging.mention import FEVERS
from tagging.symptom import read_symptoms

if TYPE_CHECKING:
    from tagging.understanding import Understanding

FOLDER = Path(__file__).parent / "clarify"
# So many questions for one report (R: a tired parent answers three).
MOST = 3
Kind = Literal["signs", "value", "duration", "count", "choice", "words"]
# What a sentence may take from the answer.
PLACES = {"said"}


class Choice(Strict):
    """One answer: its menu `label`, `words` that mean it too, and what it `tells` in the summary.

    Words of one that stands `alone` speak for themselves, before the question is put (腋下量的).
    `means` is the whole sentence that triage judges in its place; `hours`, or `gte` and `lte`, are what it stands for. After an answer
    that `ends` no more is asked. A `danger` must be one to triage (a test holds the data to that).
    """

    id: str = Field(pattern=r"^[a-z]+$", max_length=12)
    label: str = Field(min_length=1, max_length=20)
    words: tuple[str, ...] = ()
    tells: str = ""
    means: str = ""
    hours: float | None = None
    gte: int | None = None
    lte: int | None = None
    alone: bool = False
    danger: bool = False
    ends: bool = False

    @property
    def said(self) -> str:
        """What it comes to in the summary."""
        return self.tells or self.label


class Unless(Strict):
    """The question is left out after one of these answers to another one."""

    question: str
    choices: tuple[str, ...] = Field(min_length=1)


class ClarifyingQuestion(Strict):
    """One fact that is asked for. It is known already where the record holds one of `signs`, or `vital`, of the last `known_hours`.

    `tells` and `means` are sentences with {said}, for answers in the family's own words (see Choice). A value below `ends_below` ends
    the questions.
    """

    id: str = Field(pattern=r"^[a-z]+(_[a-z]+)*$", max_length=20)
    kind: Kind
    name: str = Field(min_length=1)
    ask: str = Field(min_length=4)
    src: str = Field(min_length=1)
    danger: bool = False
    signs: tuple[str, ...] = ()
    vital: str | None = None
    known_hours: float = Field(default=0, ge=0)
    min_age_days: int | None = Field(default=None, ge=0)
    max_age_days: int | None = Field(default=None, ge=0)
    unless: tuple[Unless, ...] = ()
    tells: str = ""
    means: str = ""
    ends_below: float | None = None
    choices: tuple[Choice, ...] = ()

    def choice(self, id: str | None) -> Choice | None:
        """The choice of this id."""
        return next((choice for choice in self.choices if choice.id == id), None)

    def is_for(self, age_days: int) -> bool:
        """Whether it is asked at this age."""
        return (self.min_age_days is None or age_days >= self.min_age_days) and (self.max_age_days is None or age_days <= self.max_age_days)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for wrong, why in self._wrongs():
            if wrong:
                raise ValueError(f"question {self.id}: {why}")
        return self

    def _wrongs(self) -> Iterator[tuple[bool, str]]:
        ids = [choice.id for choice in self.choices]
        known = default_content().symptoms.concepts
        yield "？" not in self.ask, "ask puts no question (？)"
        yield len(set(ids)) < len(ids), "choices are not unique"
        yield self.kind in ("choice", "count", "duration") and len(self.choices) < 2, f"a {self.kind} needs two choices or more"
        yield self.kind == "signs" and not self.signs, "signs are missing"
        yield self.kind in ("value", "count") and self.vital is None, "vital is missing"
        yield self.vital is not None and self.vital not in default_content().vitals.vitals, f"no such vital: {self.vital}"
        yield bool(set(self.signs) - known.keys()), f"no such signs: {sorted(set(self.signs) - known.keys())}"
        yield self.kind == "duration" and any(choice.hours is None for choice in self.choices), "a choice of a duration needs hours"
        yield self.kind == "count" and any(choice.gte is None for choice in self.choices), "a choice of a count needs gte"
        yield self.kind in ("duration", "count", "words") and not self.tells, "tells is missing"
        yield self.danger and not any(choice.danger for choice in self.choices), "a danger needs a choice that is one"
        fields = {field for text in (self.tells, self.means) for _, field, _, _ in Formatter().parse(text) if field is not None}
        yield bool(fields - PLACES), f"unknown placeholders: {sorted(fields - PLACES)}"


class Opening(Strict):
    """A measured value that opens the theme."""

    vital: str
    gte: float | None = None
    lt: float | None = None

    def holds(self, vital: str, value: float) -> bool:
        """Whether this value opens it."""
        return vital == self.vital and (self.gte is None or value >= self.gte) and (self.lt is None or value < self.lt)


class Theme(Strict):
    """What is asked about one kind of report, in its order; of several that open, the one of the lowest `rank` is taken.

    `words` open it wherever they stand in the message. `step` is the sentence of wording.yml with which it
    ends.
    """

    id: str = Field(pattern=r"^[a-z_]+$")
    version: int = Field(ge=1)
    title: str = Field(min_length=1)
    rank: int = Field(ge=1)
    needs_clinician_review: bool
    src: str = Field(min_length=1)
    concepts: tuple[str, ...] = ()
    vitals: tuple[Opening, ...] = ()
    words: tuple[str, ...] = ()
    step: str
    questions: tuple[ClarifyingQuestion, ...] = Field(min_length=1)

    def question(self, id: str) -> ClarifyingQuestion | None:
        """The question of this id; None when this version has it no more."""
        return next((question for question in self.questions if question.id == id), None)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for wrong, why in self._wrongs():
            if wrong:
                raise ValueError(why)
        return self

    def _wrongs(self) -> Iterator[tuple[bool, str]]:
        ids = [question.id for question in self.questions]
        tables = default_content()
        yield not (self.concepts or self.vitals or self.words), "nothing opens it: concepts, vitals and words are empty"
        yield bool(strange := set(self.concepts) - tables.symptoms.concepts.keys()), f"no such concepts: {sorted(strange)}"
        yield bool(odd := {each.vital for each in self.vitals} - tables.vitals.vitals.keys()), f"no such vitals: {sorted(odd)}"
        yield len(set(ids)) < len(ids), "questions are not unique"
        dangers = [question.danger for question in self.questions]
        yield dangers != sorted(dangers, reverse=True), "danger signs are asked first"
        others = {each.question for question in self.questions for each in question.unless}
        yield bool(others - set(ids)), f"unless names no question: {sorted(others - set(ids))}"
        yield not _is_said(self.step), f"step is no sentence of wording.yml: {self.step}"


def _is_said(key: str) -> bool:
    try:
        return bool(say(key))
    except (KeyError, ValueError):
        return False


@cache
def themes(folder: Path = FOLDER) -> dict[str, Theme]:
    """All themes of the folder by id, in the order of their rank. Raises TemplateError naming the file and each field that is wrong."""
    found: dict[str, Theme] = {}
    opened_by: dict[str, str] = {}
    for path in sorted(folder.glob("*.yml")):
        theme = read_strict(path, Theme)
        if theme.id in found:
            raise TemplateError(f"{path.name}: {theme.id} is there twice")
        for concept in theme.concepts:
            if concept in opened_by:
                raise TemplateError(f"{path.name}: {concept} opens {opened_by[concept]} already")
            opened_by[concept] = theme.id
        found[theme.id] = theme
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


@cache
def danger_signs(question: ClarifyingQuestion) -> frozenset[str]:
    """The signs that the dangerous choices of `question` name, as far as it asks for them; none where it asks for no danger."""
    dangers = [choice.means or choice.label for choice in question.choices if choice.danger and question.danger]
    read = [read_symptoms(text, context=None, medicines=(), content=default_content()) for text in dangers]
    return frozenset(mention.concept for each in read for mention in each.mentions) & set(question.signs)


def themes_of(understanding: "Understanding", text: str, *, besides: Theme | None = None) -> list[Theme]:
    """The themes that a report opens, by rank: by a sign that this child has now, by a value, or by words. Pure.

    `besides` is one that is being asked about: it is not opened again, nor is any by a sign that it asks for.
    """
    asked_for = {sign for question in besides.questions for sign in question.signs} if besides is not None else set()
    there = {
        mention.concept
        for mention in understanding.mentions
        if mention.status == "present" and mention.whose == "patient" and mention.when == "now" and not mention.resolved
    } - asked_for
    measured = [(m.vital, m.value) for m in understanding.measurements]
    if any(vital == "temperature" for vital, _ in measured):
        # A temperature that was measured says more than the word: 有点烧，37.2.
        there -= FEVERS
    return [
        theme
        for theme in themes().values()
        if theme is not besides
        and (
            there & set(theme.concepts)
            or any(word in text for word in theme.words)
            or any(opening.holds(vital, value) for opening in theme.vitals for vital, value in measured)
        )
    ]
