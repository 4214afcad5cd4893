"""What a rule looks for in the facts: a small language in YAML, checked when read. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tagging.tags.facts import Lab, Medicine, Reading
from tagging.tags.measures import MEASURES, Measures

Row = TypeVar("Row", Reading, Lab)

MOST_DEEP = 6


@dataclass(frozen=True)
class Found:
    """The premise holds: the row that says it last, until when that was so (and `since` when, where it lasts), and what to say of it."""

    at: datetime
    ref: tuple[str, int]
    value: float | None = None
    count: int = 1
    text: str = ""
    since: datetime | None = None


class Strict(BaseModel):
    """Nothing unknown is accepted, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(Strict):
    """Where a number must lie; at least one bound."""

    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Bounds":
        if self.gte is None and self.gt is None and self.lte is None and self.lt is None:
            raise ValueError("a bound is missing: gte, gt, lte or lt")
        return self

    def holds(self, value: float) -> bool:
        """Whether `value` lies within."""
        return (
            (self.gte is None or value >= self.gte)
            and (self.gt is None or value > self.gt)
            and (self.lte is None or value <= self.lte)
            and (self.lt is None or value < self.lt)
        )


class _Series(Strict):
    """`count` within `within_hours` of each other, the last of them no longer ago than `holds_hours` (else as long as `within_hours`)."""

    count: int = Field(default=1, ge=1, le=50)
    within_hours: float = Field(gt=0, le=24 * 400)
    holds_hours: float | None = Field(default=None, gt=0, le=24 * 400)

    def latest(self, rows: Sequence[Row], now: datetime) -> Row | None:
        """The last row of the latest series that is still held to count. `rows` are in order of time."""
        within, holds = timedelta(hours=self.within_hours), timedelta(hours=self.holds_hours or self.within_hours)
        for end in range(len(rows) - 1, self.count - 2, -1):
            at = rows[end].at
            if at <= now - holds:
                return None
            if at <= now and at - rows[end - self.count + 1].at <= within:
                return rows[end]
        return None


class ReadingPremise(_Series, Bounds):
    """Numbers of one vital, in `unit` (UCUM) where several are stored."""

    code: str
    unit: str | None = None

    def find(self, m: Measures) -> Found | None:
        """The latest reading of the series."""
        rows = [
            r
            for r in m.facts.readings
            if r.code == self.code and r.value is not None and self.unit in (None, r.unit) and self.holds(r.value)
        ]
        last = self.latest(rows, m.now)
        return None if last is None else Found(last.at, ("observation", last.id), last.value, len(rows))


class SignPremise(_Series):
    """Signs that the family said are there."""

    concepts: tuple[str, ...] = Field(min_length=1)

    def find(self, m: Measures) -> Found | None:
        """The latest sign of the series."""
        rows = [r for r in m.facts.readings if r.code in self.concepts and r.status == "present"]
        last = self.latest(rows, m.now)
        return None if last is None else Found(last.at, ("observation", last.id), None, len(rows), last.code)


class LabPremise(_Series, Bounds):
    """Released results whose item contains one of `items`; only in `units`, where given: 7 % is not 7 mmol/mol."""

    items: tuple[str, ...] = Field(min_length=1)
    units: tuple[str, ...] = ()

    def find(self, m: Measures) -> Found | None:
        """The latest result of the series."""
        names = tuple(item.lower() for item in self.items)
        rows = [
            lab
            for lab in m.facts.labs
            if lab.value is not None
            and self.holds(lab.value)
            and (not self.units or lab.unit in self.units)
            and any(name in lab.item.lower() for name in names)
        ]
        last = self.latest(rows, m.now)
        return None if last is None else Found(last.at, ("lab_result", last.id), last.value, len(rows), last.item)


class DiagnosisPremise(Strict):
    """An active diagnosis whose code of ICD-10 begins with one of these."""

    icd10: tuple[str, ...] = Field(min_length=1)

    def find(self, m: Measures) -> Found | None:
        """The latest of them."""
        for each in reversed(m.facts.diagnoses):
            if each.icd10 is not None and each.icd10.startswith(self.icd10):
                return Found(each.at, ("condition", each.id), text=each.text)
        return None


class MedicinePremise(Strict):
    """A prescription in force (or ended no more than `after_days` ago): by class, generic name or ATC prefix of the list of substances.

    `for_days`: only when it covers so many days, prescriptions that follow each other counted together.
    """

    classes: tuple[str, ...] = ()
    generics: tuple[str, ...] = ()
    atc: tuple[str, ...] = ()
    for_days: int | None = Field(default=None, ge=2, le=400)
    after_days: int = Field(default=0, ge=0, le=400)

    @model_validator(mode="after")
    def _names_something(self) -> "MedicinePremise":
        if not (self.classes or self.generics or self.atc):
            raise ValueError("a medicine is named by classes, generics or atc")
        return self

    def find(self, m: Measures) -> Found | None:
        """The latest prescription of it."""
        mine = [
            each
            for each in m.facts.medicines
            if (each.drug_class in self.classes or each.generic in self.generics or (each.atc or "").startswith(self.atc or ("-",)))
            and each.status in ("active", "completed")
            and (each.starts_on is None or each.starts_on <= m.today)
        ]
        last_day = m.today - timedelta(days=self.after_days)
        in_force = [
            each for each in mine if (each.ends_on is None and each.status == "active") or (each.ends_on and each.ends_on >= last_day)
        ]
        if not in_force:
            return None
        last = in_force[-1]
        over = None if last.ends_on is None or last.ends_on >= m.today else (m.today - last.ends_on).days
        days = (
            0
            if self.for_days is None
            else len({each.starts_on + timedelta(days=n) for each in mine if each.starts_on for n in range(_length(each, m))})
        )
        if self.for_days is not None and days < self.for_days:
            return None
        until = m.now if over is None else m.since(over)
        return Found(until, ("medication_request", last.id), float(days), len(mine), last.name, since=min(last.at, until))


def _length(medicine: Medicine, m: Measures) -> int:
    """Days of a prescription, those to come counted as prescribed; one without an end lasts until today. At most 400."""
    if medicine.starts_on is None:
        return 0
    end = medicine.ends_on or m.today
    return min(400, max(0, (end - medicine.starts_on).days + 1))


class QuestionnairePremise(Bounds):
    """The score of the latest completed one."""

    id: str
    within_days: int = Field(ge=1, le=400)

    def find(self, m: Measures) -> Found | None:
        """It, if its score lies within."""
        last = next((each for each in reversed(m.facts.filled) if each.questionnaire == self.id and each.score is not None), None)
        if last is None or last.score is None or last.at <= m.since(self.within_days) or not self.holds(last.score):
            return None
        return Found(last.at, ("questionnaire_response", last.id), last.score)


class MeasurePremise(Bounds):
    """One of tagging/tags/measures.py, counted from at least `at_least`."""

    name: str
    at_least: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _known(self) -> "MeasurePremise":
        if self.name not in MEASURES:
            raise ValueError(f"there is no measure {self.name}; there are {', '.join(MEASURES)}")
        return self

    def find(self, m: Measures) -> Found | None:
        """The measure, if it lies within."""
        got = m.get(self.name)
        if got is None or got.count < self.at_least or not self.holds(got.value):
            return None
        return Found(got.at or m.now, got.ref or ("patient", m.facts.patient_id), got.value, got.count)


class When(Strict):
    """One premise, or several joined: `all` of them, `any` of them, `never` (it does not hold)."""

    reading: ReadingPremise | None = None
    sign: SignPremise | None = None
    lab: LabPremise | None = None
    diagnosis: DiagnosisPremise | None = None
    medicine: MedicinePremise | None = None
    questionnaire: QuestionnairePremise | None = None
    measure: MeasurePremise | None = None
    all: tuple["When", ...] = ()
    any: tuple["When", ...] = ()
    never: "When | None" = None

    @model_validator(mode="after")
    def _one_kind(self) -> "When":
        said = [name for name in type(self).model_fields if getattr(self, name)]
        if len(said) != 1:
            raise ValueError(f"exactly one premise belongs here, not {len(said)}; join several by all or any")
        if self.depth > MOST_DEEP:
            raise ValueError(f"premises stand at most {MOST_DEEP} deep in each other")
        if self.all and all_never(self.all):
            raise ValueError("all of `never` alone would hold for everybody")
        return self

    @property
    def depth(self) -> int:
        """How deep premises stand in each other."""
        inner = [*self.all, *self.any, *([self.never] if self.never else [])]
        return 1 + max((each.depth for each in inner), default=0)

    def parts(self) -> Iterable["When"]:
        """This premise and all within."""
        yield self
        for each in (*self.all, *self.any, *((self.never,) if self.never else ())):
            yield from each.parts()

    def find(self, m: Measures) -> Found | None:
        """What makes it hold; None when it does not."""
        if self.leaf is not None:
            return self.leaf.find(m)
        if self.any:
            return next((found for each in self.any if (found := each.find(m))), None)
        if self.all:
            return _joined([each.find(m) for each in self.all], m)
        return None if self.never is None or self.never.find(m) else Found(m.now, ("patient", m.facts.patient_id))

    @cached_property
    def leaf(self) -> "Leaf | None":
        """The premise itself, where it is a single one."""
        return self.reading or self.sign or self.lab or self.diagnosis or self.medicine or self.questionnaire or self.measure


Leaf = ReadingPremise | SignPremise | LabPremise | DiagnosisPremise | MedicinePremise | QuestionnairePremise | MeasurePremise


def all_never(parts: Sequence[When]) -> bool:
    """Whether nothing positive is among them."""
    return all(part.never is not None for part in parts)


def _joined(found: Sequence[Found | None], m: Measures) -> Found | None:
    """All hold: the row that says most (not the patient at large), and says it last."""
    held = [each for each in found if each is not None]
    if len(held) < len(found):
        return None
    rows = [each for each in held if each.ref[0] != "patient"]
    return max(rows, key=lambda each: each.at) if rows else replace(held[0], at=max(each.at for each in held))
