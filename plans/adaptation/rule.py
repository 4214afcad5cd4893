"""A rule as it is written: event, condition, action, with its reason and its source; and the files that hold rules."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from plans.adaptation.action import Do, Sentence
from plans.adaptation.example import Example
from plans.adaptation.on import On, Text, read_sentence, whether_value
from plans.adaptation.span import Duration
from plans.adaptation.words import say
from plans.authored import Authored, AuthoringError, open_authored
from plans.template.strict import Strict
from tagging.tags.library import shipped

FOLDER = Path(__file__).parent / "rules"
# What `because` may show of what was found.
SHOWN = frozenset({"value", "unit", "count", "date", "text"})
# A rule that may fire more often than this on one patient is a stream, not a decision (R).
LEAST_AGAIN = timedelta(hours=1)

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Count(Strict):
    """At least so many readings for which `of` (one value of the cohort language) holds, in the time before now; those closer together
    than `apart` are one: whoever measures again at once has not measured twice."""

    of: Text
    at_least: int = Field(ge=2, le=60)
    within: Duration
    apart: Duration = timedelta(minutes=30)

    _of = field_validator("of")(staticmethod(whether_value))


class Rule(Strict):
    """When `on` happens and `if` and `count` hold, `do`. An event older than `within` is past; after a firing the same patient is left
    alone for `again_after`. `because` is what clinicians read, with what was found; `src` and `conf` say where its numbers come from
    (conf: C seen in a source, R to be confirmed by a clinician). `off` switches a rule of this name off."""

    id: RuleId
    version: int = Field(ge=1)
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=60)]
    department: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    on: On
    if_: Text | None = Field(default=None, alias="if")
    count: tuple[Count, ...] = Field(default=(), max_length=4)
    within: Duration = timedelta(days=2)
    again_after: Duration = timedelta(days=1)
    do: tuple[Do, ...] = Field(min_length=1, max_length=6)
    because: Sentence
    why: Sentence
    src: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    conf: Literal["C", "R"]
    needs_clinician_review: bool
    off: bool = False
    tests: tuple[Example, ...] = Field(min_length=2)

    @field_validator("if_")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            read_sentence(text)
        return text

    @field_validator("because")
    @classmethod
    def _shows_what_there_is(cls, text: str) -> str:
        try:
            fields = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        except ValueError as err:
            raise ValueError(say("mistakes.braces")) from err
        if strange := sorted(fields - SHOWN):
            raise ValueError(say("mistakes.shows", strange="、".join(strange), known="、".join(sorted(SHOWN))))
        return text

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.again_after < LEAST_AGAIN:
            raise ValueError(say("mistakes.again"))
        if self.on.name == "daily" and self.if_ is None:
            raise ValueError(say("mistakes.daily"))
        if not any(example.expect for example in self.tests) or all(example.expect for example in self.tests):
            raise ValueError(say("mistakes.tests"))
        return self

    @property
    def key(self) -> str:
        """Its name, with the department that it is for."""
        return f"{self.id}@{self.department}" if self.department else self.id


class RuleFile(Strict):
    """A file of rules; `defaults` are taken for what a rule does not say."""

    defaults: dict[str, Any] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(min_length=1)


def read_rules(source: Path | str | Authored, *, name: str | None = None) -> tuple[Rule, ...]:
    """The rules of a file or a text, each checked against the library of tags. Raises AuthoringError naming file, line and field."""
    authored = source if isinstance(source, Authored) else open_authored(source, name=name)
    raw = authored.value
    if isinstance(raw, dict) and isinstance(raw.get("rules"), list) and isinstance(defaults := raw.get("defaults", {}), dict):
        for each in raw["rules"]:
            if isinstance(each, dict):
                # The text keeps its places: only what is not there is added.
                for field, value in defaults.items():
                    each.setdefault(field, value)
    found = authored.read(RuleFile)
    wrong = [
        authored.problem(("rules", number, *at), what)
        for number, rule in enumerate(found.rules)
        for at, what in mistakes(rule)
    ]  # fmt: skip
    keys = [rule.key for rule in found.rules]
    wrong += [
        authored.problem(("rules", number, "id"), say("mistakes.twice", rule=key))
        for number, key in enumerate(keys)
        if key in keys[:number]
    ]
    if wrong:
        raise AuthoringError(*wrong)
    return found.rules


def mistakes(rule: Rule) -> list[tuple[tuple[int | str, ...], str]]:
    """What a rule may not do to tags, with the place: only shared tags of management are a rule's to give and take."""
    found: list[tuple[tuple[int | str, ...], str]] = []
    entries = shipped().entries
    for number, do in enumerate(rule.do):
        code = do.add_tag or do.remove_tag
        entry = entries.get(code) if code else None
        if entry is not None and entry.kind != "management":
            found.append((("do", number, do.name), say("mistakes.tag_kind", name=entry.name)))
    return found


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The rules that CareLoop ships, in the order of their files. Raises AuthoringError."""
    return tuple(rule for path in sorted(FOLDER.glob("*.yml")) for rule in read_rules(path))
