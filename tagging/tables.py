"""The shape of the clinical tables: every field a clinician may set in symptoms/ and vitals.yml. Red flags: flags.py."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints

Level = Literal["emergency", "urgent", "same_day", "routine"]
LEVELS: tuple[Level, ...] = get_args(Level)
AgeRange = tuple[int, int]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def severity(level: str) -> int:
    """Rank for comparing levels: higher is worse; `normal` and `routine` rank lowest."""
    return {"emergency": 3, "urgent": 2, "same_day": 1}.get(level, 0)


class Table(BaseModel):
    """A part of a clinical table: nothing unknown is accepted, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Concept(Table):
    """A symptom or sign. `kind` diagnosis is not asserted by asking for it; `tag` marks words that imply a patient tag.

    `say` is what tells the sign, for triage; `span` names it in exactly the words that belong to the mention, where `say` is wider.
    Kind context (吃虾以后, 化疗) only helps triage and is no mention; kind normal (精神很好) is a finding that all is well.
    A `general` concept (疼痛) leaves words that also name another one (腹痛) to that. A `whole` one (没碰到头，爬起来就跑) brings its own
    denials: nothing in its gaps or around it denies or supposes it.
    """

    name: str
    say: tuple[str, ...] = ()
    span: tuple[str, ...] = ()
    icd10: str | None = None
    kind: Literal["sign", "diagnosis", "context", "normal"] = "sign"
    tag: str | None = None
    implies: tuple[str, ...] = ()
    general: bool = False
    whole: bool = False


class Answer(Table):
    """A short answer that means a concept after a question about it (精神怎么样？ — 很差)."""

    asked: str
    reply: tuple[str, ...]
    concept: str


class Symptoms(Table):
    """The files of symptoms/, read as one."""

    version: int
    words: Mapping[str, tuple[str, ...]]
    traps: tuple[str, ...]
    concepts: Mapping[str, Concept]
    answers: tuple[Answer, ...] = ()


class Bound(Table):
    """One line of a band: the first that holds decides. `lt_formula` compares with the band's `formula_low`."""

    level: Literal["normal", "emergency", "urgent", "same_day", "routine"]
    lt: float | None = None
    lte: float | None = None
    gt: float | None = None
    gte: float | None = None
    lt_formula: Literal["low"] | None = None
    category: str | None = None
    reply: str | None = None

    def holds(self, value: float) -> bool:
        """Whether `value` lies within the fixed limits of this line."""
        return (
            (self.lt is None or value < self.lt)
            and (self.lte is None or value <= self.lte)
            and (self.gt is None or value > self.gt)
            and (self.gte is None or value >= self.gte)
        )


class LinearFormula(Table):
    """A limit that grows with age: `base + per_year * completed years`."""

    base: float
    per_year: float

    def at(self, age_days: int) -> float:
        """The limit at an age in days."""
        return self.base + self.per_year * int(age_days / 365.25)


class Sustained(Table):
    """A value that counts for more when an earlier reading already reached it at least `minutes` before."""

    gte: float
    minutes: int
    level: Level


class Sides(Table):
    """Different categories for values below and above the normal range."""

    below: str
    above: str


class Band(Table):
    """Alert lines for an age range in days or for a tag. `department` marks lines that a department set for itself."""

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
    department: str | None = None

    @property
    def name(self) -> str:
        """How an overlay calls it below its vital: the tag, or the age range in days as 0-90."""
        return self.tag or (f"{self.age[0]}-{self.age[1]}" if self.age else "")


class Accept(Table):
    """Plausible range of a value for an age range in days."""

    age: AgeRange
    range: tuple[float, float]


class Meaning(Table):
    """A value that counts as a sign in the red-flag rules; `remember_hours` also counts a stored reading that old at most."""

    concept: str
    gte: float | None = None
    gt: float | None = None
    lt: float | None = None
    remember_hours: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value in the canonical unit counts as this sign."""
        return (self.gte is None or value >= self.gte) and (self.gt is None or value > self.gt) and (self.lt is None or value < self.lt)


class NewbornWeight(Table):
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


class LargeValues(Table):
    """Bare values outside the canonical unit's world: above or below the limit they are read in another unit and confirmed."""

    factor: float
    unit: str
    above: float | None = None
    below: float | None = None


class Vital(Table):
    """One vital sign: canonical unit, accepted units with their factor, plausible range, alert bands."""

    name: str
    unit: str
    lay_units: Mapping[str, float | Literal["F"]]
    accept: tuple[float, float]
    accept_by_age: tuple[Accept, ...] = ()
    usual_by_age: tuple[Accept, ...] = ()
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


class Vitals(Table):
    """vitals.yml."""

    version: int
    level_order: tuple[str, ...]
    tag_groups: Mapping[str, tuple[str, ...]]
    vitals: Mapping[str, Vital]
