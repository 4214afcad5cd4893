"""Which columns of a view or a table say what: the mapping that a hospital's IT department writes in YAML."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

EventKind = Literal["patient", "visit", "observed", "diagnosed", "ordered", "booked", "vaccinated", "noted"]
# What each kind of row may say beside whom it is about; those with a star must be mapped.
FIELDS: dict[str, frozenset[str]] = {
    "patient": frozenset(),
    "visit": frozenset({"number*", "kind", "department", "ward", "room", "bed", "admitted_at", "discharged_at"}),
    "observed": frozenset(
        {
            *("value*", "text*", "code", "system", "unit", "reference_range", "flag", "status", "report", "report_code"),
            *("effective_at", "released_at"),
        }
    ),
    "diagnosed": frozenset({"text*", "code", "system", "since", "active"}),
    "ordered": frozenset({"text*", "code", "system", "what", "status", "dose", "frequency", "route", "starts_at", "ends_at"}),
    "booked": frozenset({"starts_at*", "department", "place", "doctor", "prepare", "status"}),
    "vaccinated": frozenset({"text*", "code", "system", "given", "lot", "dose_number"}),
    "noted": frozenset({"text*", "kind", "code", "system", "title", "author", "written_at", "visit", "status"}),
}
# A mapping is a page of text; more is a mistake or worse.
LARGEST = 64 << 10


class MappingError(Exception):
    """The mapping cannot be used; the text says in one sentence where and why."""

    code, permanent = "mapping", True


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Part):
    """Where a value comes from: a column, with `words` for what its contents mean here, or the same `fixed` text in every row."""

    column: str | None = None
    words: dict[str, str] = {}
    fixed: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Cell":
        if (self.column is None) == (self.fixed is None):
            raise ValueError("give a column or a fixed text")
        return self


def _cell(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


class Numbering(Cell):
    """A column with numbers of one numbering; `system` is the platform's name of it (national-id, record-number …)."""

    system: str = Field(min_length=1)


class PersonMapping(_Part):
    """Whom a row is about."""

    identifiers: tuple[Numbering, ...] = Field(min_length=1)
    mother: tuple[Numbering, ...] = ()
    name: Cell | None = None
    sex: Cell | None = None
    birth_date: Cell | None = None
    birth_order: Cell | None = None
    birth_weight_g: Cell | None = None
    gestational_age_weeks: Cell | None = None
    died_at: Cell | None = None
    phones: tuple[Cell, ...] = ()

    _named = field_validator(
        "name", "sex", "birth_date", "birth_order", "birth_weight_g", "gestational_age_weeks", "died_at", mode="before"
    )(_cell)

    @field_validator("phones", mode="before")
    @classmethod
    def _phones(cls, given: Any) -> Any:
        return [_cell(each) for each in (given if isinstance(given, list | tuple) else [given])]


class Deleted(_Part):
    """Rows whose `column` holds one of `values` were taken back by the hospital."""

    column: str
    values: tuple[str, ...] = Field(min_length=1)


class RowMapping(_Part):
    """How the rows of one view or table are read.

    `key` are the columns that name a row for good, `updated` the column with the time of its last change.
    """

    event: EventKind
    key: tuple[str, ...] = Field(min_length=1)
    updated: str | None = None
    person: PersonMapping
    fields: dict[str, Cell] = {}
    deleted: Deleted | None = None

    @field_validator("key", mode="before")
    @classmethod
    def _key(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @field_validator("fields", mode="before")
    @classmethod
    def _fields(cls, given: Any) -> Any:
        return {name: _cell(each) for name, each in given.items()} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _known_fields(self) -> "RowMapping":
        known = {name.removesuffix("*"): name.endswith("*") for name in FIELDS[self.event]}
        for name in self.fields:
            if name not in known:
                raise ValueError(f"{self.event} has no field {name}; it has: {', '.join(sorted(known)) or 'none'}")
        lacking = sorted(name for name, needed in known.items() if needed and name not in self.fields)
        if lacking:
            raise ValueError(f"{self.event} needs: {', '.join(lacking)}")
        return self

    def columns(self) -> Iterator[str]:
        """Every column that is read, each as often as it is named."""
        yield from self.key
        if self.updated is not None:
            yield self.updated
        if self.deleted is not None:
            yield self.deleted.column
        person = self.person
        single = (
            *(person.name, person.sex, person.birth_date, person.birth_order, person.birth_weight_g),
            *(person.gestational_age_weeks, person.died_at),
        )
        for cell in (*person.identifiers, *person.mother, *person.phones, *single, *self.fields.values()):
            if cell is not None and cell.column is not None:
                yield cell.column


def read_mapping(text: str) -> RowMapping:
    """The mapping in this YAML. Raises MappingError."""
    if len(text) > LARGEST:
        raise MappingError(f"The mapping is larger than {LARGEST >> 10} kB.")
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as err:
        where = getattr(err, "problem_mark", None)
        raise MappingError(f"The mapping is no YAML{f', line {where.line + 1}' if where else ''}.") from err
    if not isinstance(loaded, dict):
        raise MappingError("The mapping must be a list of names with values.")
    return mapping_of(loaded)


def mapping_of(loaded: Mapping[str, Any]) -> RowMapping:
    """The mapping as a structure. Raises MappingError."""
    try:
        return RowMapping.model_validate(loaded)
    except ValidationError as err:
        first = err.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise MappingError(f"Mapping{f', {place}' if place else ''}: {said}.") from err
