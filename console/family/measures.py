"""What a family can enter as a number, as measures.yml describes it, and the words that it becomes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import yaml

from console.family.page import words
from console.page import TEMPLATES
from tagging.text import fold

NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,2})?")
# The moment that needs no words of its own.
NOW = "now"


@dataclass(frozen=True)
class Field:
    """One number of an entry. `low` to `high` is where the slider goes, `start` where it stands first."""

    vital: str
    label: str
    unit: str
    low: float
    high: float
    step: float
    start: float


@dataclass(frozen=True)
class Measure:
    """One entry, of one number or two. `phrase` says it in the family's words; `usual` and `until_days` offer it unasked."""

    id: str
    name: str
    fields: tuple[Field, ...]
    phrase: str
    moment: bool = False
    usual: bool = False
    until_days: int = 0
    hint: str = ""

    @property
    def vitals(self) -> frozenset[str]:
        """What it measures."""
        return frozenset(field.vital for field in self.fields)

    def said(self, values: Mapping[str, str], moment: str = NOW) -> str:
        """3小时前体温38.5℃, as triage will read it."""
        return ("" if moment == NOW else moments()[moment]) + self.phrase.format(**values)


@cache
def measures() -> tuple[Measure, ...]:
    """All of them, in their order."""
    rows = yaml.safe_load((TEMPLATES / "family" / "measures.yml").read_text("utf-8"))
    return tuple(Measure(**{**row, "fields": tuple(Field(**field) for field in row["fields"])}) for row in rows)


def moments() -> dict[str, str]:
    """When it may have been measured: the form's value, and its words."""
    found: dict[str, str] = words()["report"]["moments"]
    return found


def measure(id: str) -> Measure | None:
    """The one of this id."""
    return next((each for each in measures() if each.id == id), None)


def measures_of(vitals: Iterable[str]) -> list[Measure]:
    """The entries that hold these vitals, in their order."""
    wanted = set(vitals)
    return [each for each in measures() if each.vitals & wanted]


def read_values(chosen: Sequence[Measure], form: Mapping[str, object]) -> dict[str, str] | None:
    """The numbers of the form by vital, as they were written; what was left empty is left out. None when something is no number."""
    values = {}
    for field in (field for each in chosen for field in each.fields):
        given = re.sub(r"\s+", "", fold(str(form.get(field.vital, ""))))
        if not given:
            continue
        if not NUMBER.fullmatch(given):
            return None
        values[field.vital] = given
    return values
