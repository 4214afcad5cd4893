"""The shape of the red flags: what may stand in redflags/ and in a department's own file."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field

from tagging.tables import AgeRange, Bound, Level, Name, Table, Text


class Rule(Table):
    """One way a category fires: every entry of `when` (a|b: any of) is present, none of `unless`; age in days and tags apply.

    With `near` the signs that make it fire stand no farther apart than so many characters: what a long story tells of other weeks
    belongs to no attack of today. `id` is its name within the category; `department` marks a rule that a department set for itself.
    """

    id: Name
    when: tuple[str, ...] = Field(min_length=1)
    level: Level
    unless: tuple[str, ...] = ()
    age: AgeRange | None = None
    age_or_unknown: AgeRange | None = None
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    any_two: tuple[str, ...] = ()
    at_least_hours: float | None = None
    duration_unknown: bool = False
    near: int | None = None
    anyone: bool = False
    reply: str | None = None
    source: Text | None = None
    disabled: bool = False
    department: str | None = None


class Approval(Table):
    """Who of the department stands for an entry, and since when."""

    by: Text
    on: date


class Category(Table):
    """A red-flag category with its provenance, its rules and what the family is told.

    `question` is what is asked back where a sign of an emergency is possible but unclear.
    """

    name: Text
    version: int
    applies: Text
    threshold: Text
    default_level: Level
    sources: Text
    confidence: Text
    review_status: Literal["needs_clinician_approval", "approved"]
    approval: Approval | None = None
    rules: tuple[Rule, ...]
    reply: Text
    replies: Mapping[str, Text] = Field(default_factory=dict)
    question: Text | None = None
    notified: str | None = None
    phrases: tuple[str, ...] = ()
    phrase_patient: Mapping[str, Any] = Field(default_factory=dict)


class SecondLook(Table):
    """What a family hears when only the second reader is worried: about the body, by level, or about somebody's life and safety."""

    urgent: Text
    emergency: Text
    mind: Text


class RedFlags(Table):
    """The files of redflags/."""

    version: int
    note: str
    never_say: tuple[str, ...]
    safety_net: Text
    notified: Text
    not_notified: Text
    not_notified_phone: Text
    meanwhile: Text
    who_is_meant: Text
    second_look: SecondLook
    age_words: Mapping[str, int]
    tags: tuple[str, ...]
    priority: tuple[str, ...]
    categories: Mapping[str, Category]


class RuleChange(Table):
    """What a department changes in a rule; `reason` is needed where an emergency would become less or a rule is switched off."""

    level: Level | None = None
    age: AgeRange | None = None
    age_or_unknown: AgeRange | None = None
    at_least_hours: float | None = None
    unless: tuple[str, ...] | None = None
    disabled: bool | None = None
    reason: Text | None = None


class NewRule(Rule):
    """A rule of the department's own, `category` says where it belongs. It needs a source of its own."""

    category: str
    source: Text


class BandChange(Table):
    """Other alert lines for a band (vital.name), with the source they come from."""

    rules: tuple[Bound, ...] = Field(min_length=1)
    source: Text
    reason: Text | None = None


class Department(Table):
    """A department's overlay: who approved it, when, and what it sets for its own patients."""

    department: Text
    approved_by: Text
    approved_on: date
    rules: Mapping[str, RuleChange] = Field(default_factory=dict)
    add: tuple[NewRule, ...] = ()
    bands: Mapping[str, BandChange] = Field(default_factory=dict)
    replies: Mapping[str, Mapping[str, Text]] = Field(default_factory=dict)
