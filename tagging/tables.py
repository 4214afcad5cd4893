"""The shape of the clinical tables: every field a clinician may set in symptoms/, vitals.yml and redflags.yml."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["emergency", "urgent", "same_day", "routine"]
LEVELS: tuple[Level, ...] = get_args(Level)
AgeRange = tuple[int, int]


def severity(level: str) -> int:
    """Rank for comparing levels: higher is worse; `normal` and `routine` rank lowest."""
    return {"emergency": 3, "urgent": 2, "same_day": 1}.get(level, 0)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Concept(_Table):
    """A symptom or sign. `kind` diagnosis is not asserted by asking for it; `tag` marks words that imply a patient tag."""

    name: str
    say: tuple[str, ...]
    icd10: str | None = None
    kind: Literal["sign", "diagnosis"] = "sign"
    tag: str | None = None
    implies: tuple[str, ...] = ()


class Answer(_Table):
    """A short answer that means a concept after a question about it (精神怎么样？ — 很差)."""

    asked: str
    reply: tuple[str, ...]
    concept: str


class Symptoms(_Table):
    """The files of symptoms/, read as one."""

    version: int
    words: Mapping[str, tuple[str, ...]]
    traps: tuple[str, ...]
    concepts: Mapping[str, Concept]
    answers: tuple[Answer, ...] = ()


class Bound(_Table):
    """One line of a band: the first that holds decides. `lt_formula` compares with the band's `formula_low`."""

    level: Literal["normal", "emergency", "urgent", "same_day", "routine"]
    lt: float | None = None
    lte: float | None = None
    gt: float | None = None
    gte: float | None = None
    lt_formula: Literal["low"] | None = None
    category: str | None = None
    reply: str | None = None


class LinearFormula(_Table):
    """A limit that grows with age: `base + per_year * completed years`."""

    base: float
    per_year: float

    def at(self, age_days: int) -> float:
        """The limit at an age in days."""
        return self.base + self.per_year * int(age_days / 365.25)


class Sustained(_Table):
    """A value that counts for more when an earlier reading already reached it at least `minutes` before."""

    gte: float
    minutes: int
    level: Level


class Sides(_Table):
    """Different categories for values below and above the normal range."""

    below: str
    above: str


class Band(_Table):
    """Alert lines for an age range in days or for a tag."""

    rules: tuple[Bound, ...]
    src: str
    conf: str
    age: AgeRange | None = None
    tag: str | None = None
    mode: Literal["add", "replace"] = "add"
    category: str | Sides | None = None
    formula_low: LinearFormula | None = None
    sustained: Sustained | None = None
    note: str | None = None


class Accept(_Table):
    """Plausible range of a value for an age range in days."""

    age: AgeRange
    range: tuple[float, float]


class Meaning(_Table):
    """A value that counts as a sign in the red-flag rules."""

    concept: str
    gte: float | None = None
    gt: float | None = None
    lt: float | None = None


class NewbornWeight(_Table):
    """Weight rules of the first two months; fractions of birth weight or last weight, days of life, grams per day."""

    max_age_days: int
    loss_urgent: float
    loss_same_day: float
    regain_by_day: int
    regain_by_day_preterm: int
    min_gain_g_per_day: float
    min_gain_g_per_kg_day_preterm: float
    gain_after_day: int
    gain_over_days: int
    jump_fraction: float
    jump_g_per_day: float
    src: str
    conf: str


class LargeValues(_Table):
    """Bare values outside the canonical unit's world: above or below the limit they are read in another unit and confirmed."""

    factor: float
    unit: str
    above: float | None = None
    below: float | None = None


class Vital(_Table):
    """One vital sign: canonical unit, accepted units with their factor, plausible range, alert bands."""

    name: str
    unit: str
    lay_units: Mapping[str, float | Literal["F"]]
    accept: tuple[float, float]
    accept_by_age: tuple[Accept, ...] = ()
    category: str | Sides | None = None
    assume_age_days: int | None = None
    percent_of: Literal["personal_best"] | None = None
    large_values: LargeValues | None = None
    bands: tuple[Band, ...] = ()
    means: tuple[Meaning, ...] = ()
    newborn: NewbornWeight | None = None
    ask: str
    guess: str | None = None
    lay: str | None = None
    site: str | None = None
    note: str | None = None


class Vitals(_Table):
    """vitals.yml."""

    version: int
    level_order: tuple[str, ...]
    tag_groups: Mapping[str, tuple[str, ...]]
    vitals: Mapping[str, Vital]


class Rule(_Table):
    """One way a category fires: every entry of `when` (a|b: any of) is present, none of `unless`; age in days and tags apply."""

    when: tuple[str, ...]
    level: Level
    unless: tuple[str, ...] = ()
    age: AgeRange | None = None
    age_or_unknown: AgeRange | None = None
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    any_two: tuple[str, ...] = ()
    at_least_hours: float | None = None
    duration_unknown: bool = False
    anyone: bool = False
    reply: str | None = None


class Category(_Table):
    """A red-flag category with its provenance, its rules and what the family is told."""

    name: str
    version: int
    applies: str
    threshold: str
    default_level: Level
    sources: str
    confidence: str
    review_status: str
    rules: tuple[Rule, ...]
    reply: str
    replies: Mapping[str, str] = Field(default_factory=dict)
    notified: str | None = None
    phrases: tuple[str, ...] = ()
    phrase_patient: Mapping[str, Any] = Field(default_factory=dict)


class RedFlags(_Table):
    """redflags.yml."""

    version: int
    note: str
    never_say: tuple[str, ...]
    safety_net: str
    notified: str
    not_notified: str
    not_notified_phone: str
    age_words: Mapping[str, int]
    categories: Mapping[str, Category]
