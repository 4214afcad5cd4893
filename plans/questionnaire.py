"""Questionnaires: YAML, versioned, checked when read. FHIR's Questionnaire, as much of it as a chat needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Literal, Self

from pydantic import Field, model_validator

from plans.template import Strict, TemplateError, read_strict
from records.flag import LEVELS

FOLDER = Path(__file__).parent / "questionnaires"

Level = Literal["same_day", "urgent", "emergency"]


class Option(Strict):
    """One answer of a choice: its `value`, what the family reads, and `words` that mean it too."""

    value: int
    label: str = Field(min_length=1, max_length=20)
    words: tuple[str, ...] = ()


class Item(Strict):
    """One question. A `choice` takes one of the options (its own, or the questionnaire's), a `number` a whole number from `min` to `max`,
    a `text` any words.

    `unit` may be written after a number, `none` are words that say the number is `min`. In a mean a number counts from 0 at `min` to
    100 at `max`, or the other way round if `reversed`. An item with `only_below` is asked where the mean of what was answered before it
    is lower than that.
    """

    id: str
    kind: Literal["choice", "number", "text"] = "choice"
    text: str = Field(min_length=2)
    min: int | None = None
    max: int | None = None
    unit: str | None = None
    none: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    reversed: bool = False
    only_below: float | None = None

    @model_validator(mode="after")
    def _bounds_of_a_number(self) -> Self:
        bounded = self.min is not None and self.max is not None and self.min < self.max
        if bounded != (self.kind == "number"):
            raise ValueError("min and max (in order) belong to a number, and to nothing else")
        if (self.none or self.unit) and self.kind != "number":
            raise ValueError("unit and none belong to a number")
        return self


class Band(Strict):
    """From the score `gte` on; `level` when a clinician has to know."""

    gte: int
    name: str
    level: Level | None = None


class ItemAlarm(Strict):
    """One answer that calls a clinician whatever the score; `advice` is the family's first action.

    `skipped` is the level when the item was passed over: silence on it is no answer.
    """

    item: str
    gte: int
    level: Level
    skipped: Level | None = None
    category: str
    src: str
    advice: str


class Low(Strict):
    """`items` answers below `below`: somebody should ring back."""

    below: int
    items: int = Field(ge=1)
    src: str


class Questionnaire(Strict):
    """One instrument in one version.

    `respondent` says whose answers they are; a patient's own questionnaire is offered from `min_age_years` on and for one of `tags`
    (none: for all), unless it is filled in `on_request` of a plan or clinician alone. `score`: the sum, or the `mean` on 0 to 100, of
    all scored items, none as long as one is missing; or the share (%) of the answered choices from `satisfied_from` on, so that what
    is missing counts as nothing.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9]*$")
    version: int = Field(ge=1)
    title: str
    needs_clinician_review: bool
    src: str
    respondent: Literal["patient", "carer"]
    min_age_years: int = Field(default=0, ge=0)
    max_age_years: int = Field(default=200, ge=0)
    tags: tuple[str, ...] = ()
    anonymous: bool = False
    on_request: bool = False
    intro: str
    options: tuple[Option, ...] = ()
    items: tuple[Item, ...] = Field(min_length=1)
    score: Literal["sum", "mean", "satisfied_share"]
    satisfied_from: int | None = None
    bands: tuple[Band, ...] = ()
    low: Low | None = None
    alarms: tuple[ItemAlarm, ...] = ()
    closing: str
    closing_raised: str

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        ids = [item.id for item in self.items]
        for names, what in ((ids, "item"), ([o.value for o in self.options], "option"), ([b.gte for b in self.bands], "band")):
            if double := {str(name) for name in names if list(names).count(name) > 1}:
                raise ValueError(f"{what}s are not unique: {sorted(double)}")
        if any(item.kind == "choice" and len(self.options_of(item)) < 2 for item in self.items):
            raise ValueError("a choice needs two options or more")
        if doubled := [item.id for item in self.items if len({o.value for o in item.options}) != len(item.options)]:
            raise ValueError(f"options are not unique: {doubled}")
        if strange := {alarm.item for alarm in self.alarms} - set(ids):
            raise ValueError(f"alarms on items that are not there: {sorted(strange)}")
        if self.score != "satisfied_share" and (not self.bands or list(self.bands) != sorted(self.bands, key=lambda band: band.gte)):
            raise ValueError("a sum or mean needs bands, in order")
        if (self.score == "satisfied_share") != (self.satisfied_from is not None):
            raise ValueError("satisfied_from belongs to satisfied_share")
        texts = (self.intro, self.closing, self.closing_raised)
        if strange := {field for text in texts for _, field, _, _ in Formatter().parse(text) if field} - {"name"}:
            raise ValueError(f"unknown placeholders: {sorted(strange)}")
        return self

    def options_of(self, item: Item) -> tuple[Option, ...]:
        """What a choice is made among."""
        return item.options or self.options

    def item(self, id: str) -> Item | None:
        """The item of this id, if there is one."""
        return next((item for item in self.items if item.id == id), None)

    def is_for(self, age_years: int, tags: Sequence[str]) -> bool:
        """Whether it may be offered to a patient of this age (completed years) with these tags, or to the one who cares for him."""
        return (
            not self.on_request
            and self.min_age_years <= age_years <= self.max_age_years
            and (not self.tags or bool(set(self.tags) & set(tags)))
        )


@dataclass(frozen=True)
class Result:
    """What the answers come to. `score` is None when too much is missing; `level` is None when nobody has to be told."""

    score: float | None
    band: str | None
    level: Level | None
    answered: int
    low: bool


def result_of(questionnaire: Questionnaire, answers: Mapping[str, int | str | None]) -> Result:
    """Score `answers` (by item id; None for one that was skipped) by the rules of the questionnaire. Pure."""
    scored = [item for item in questionnaire.items if item.kind != "text"]
    values = [value for item in scored if isinstance(value := answers.get(item.id), int)]
    if questionnaire.score == "satisfied_share":
        satisfied = sum(value >= (questionnaire.satisfied_from or 0) for value in values)
        share = 100 * satisfied / len(values) if values else None
        low = questionnaire.low is not None and sum(value < questionnaire.low.below for value in values) >= questionnaire.low.items
        return Result(share, None, None, len(values), low)
    if questionnaire.score == "mean":
        return _mean_result(questionnaire, answers)
    # Of a sum with gaps only this is known: it cannot be less. So a level that it reaches already holds, and there is no score.
    band = _band(questionnaire, sum(values))
    whole = len(values) == len(scored)
    levels = [band.level if band else None, *(alarm.skipped for alarm in questionnaire.alarms if _skipped(answers, alarm.item))]
    level = max((each for each in levels if each), key=LEVELS.index, default=None)
    return Result(float(sum(values)) if whole else None, band.name if band and whole else None, level, len(values), low=False)


def mean_before(questionnaire: Questionnaire, answers: Mapping[str, int | str | None], item: Item | None = None) -> float | None:
    """The mean (0 to 100) of the scored items before `item` (None: of all); None when one of them has no answer."""
    items = questionnaire.items[: questionnaire.items.index(item)] if item is not None else questionnaire.items
    scored = [each for each in items if each.kind != "text" and each.only_below is None]
    values = [_percent(each, value) for each in scored if isinstance(value := answers.get(each.id), int)]
    return sum(values) / len(values) if values and len(values) == len(scored) else None


def _percent(item: Item, value: int) -> float:
    if item.kind != "number" or item.min is None or item.max is None:
        return float(value)
    share = 100 * (value - item.min) / (item.max - item.min)
    return 100 - share if item.reversed else share


def _mean_result(questionnaire: Questionnaire, answers: Mapping[str, int | str | None]) -> Result:
    score = mean_before(questionnaire, answers)
    band = _band(questionnaire, score) if score is not None else None
    answered = sum(isinstance(answers.get(item.id), int) for item in questionnaire.items)
    return Result(score, band.name if band else None, band.level if band else None, answered, low=False)


def _skipped(answers: Mapping[str, int | str | None], item: str) -> bool:
    return item in answers and answers[item] is None


def _band(questionnaire: Questionnaire, total: float) -> Band | None:
    return next((band for band in reversed(questionnaire.bands) if total >= band.gte), None)


@cache
def questionnaires(folder: Path = FOLDER) -> dict[tuple[str, int], Questionnaire]:
    """All versions in the folder, by id and version. Raises TemplateError naming the file and each field that is wrong."""
    found: dict[tuple[str, int], Questionnaire] = {}
    for path in sorted(folder.glob("*.yml")):
        read = read_strict(path, Questionnaire)
        if (read.id, read.version) in found:
            raise TemplateError(f"{path.name}: {read.id} version {read.version} is there twice")
        found[read.id, read.version] = read
    return found


def newest() -> dict[str, Questionnaire]:
    """The newest version of each questionnaire, by id. Raises TemplateError."""
    return {id: each for (id, _), each in sorted(questionnaires().items())}


def find_questionnaire(id: str, version: int) -> Questionnaire:
    """The very version that somebody is filling in. Raises TemplateError when it is gone."""
    try:
        return questionnaires()[id, version]
    except KeyError as err:
        raise TemplateError(f"questionnaire {id} version {version} is not in the folder") from err
