"""Rules that give tags, as data: each with id, version, reason and source, and who of the hospital approved it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from tagging.folder import read_yaml
from tagging.medicine import SUBSTANCES
from tagging.tags.errors import TagError
from tagging.tags.library import MOST_BYTES, Code, Library, shipped
from tagging.tags.premise import Strict, When

FOLDER = Path(__file__).parent / "rules"
# What `because` may show of what was found.
SHOWN = frozenset({"value", "percent", "count", "date", "text"})

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200)]


class Approval(Strict):
    """Who of the hospital stands for a rule, and since when."""

    by: str
    on: date


class TagRule(Strict):
    """When its premise holds, the patient carries `tag` (or, `against`, something speaks against it); when no longer, it ends.

    `because` is shown to clinicians with what was found; `speaks_as`: what the hospital's data say by themselves (his), or what we
    conclude from them (rule). `approved` None: a clinician has still to review it.
    """

    id: RuleId
    version: int = Field(ge=1)
    tag: Code
    when: When
    because: Sentence
    why: Sentence
    source: Sentence
    speaks_as: Literal["his", "rule"] = "rule"
    against: bool = False
    confidence: float = Field(default=0.9, gt=0, le=1)
    approved: Approval | None

    @model_validator(mode="after")
    def _shows_what_there_is(self) -> "TagRule":
        try:
            fields = {name for _, name, _, _ in Formatter().parse(self.because) if name is not None}
        except ValueError as err:
            raise ValueError(f"because: {err}") from err
        if strange := sorted(fields - SHOWN):
            raise ValueError(f"because shows {', '.join(strange)}; it may show {', '.join(sorted(SHOWN))}")
        return self


@dataclass(frozen=True)
class Rules:
    """All rules, in the order of their files."""

    rules: tuple[TagRule, ...]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The codes of observations that some rule looks at, with what measures need."""
        parts = [part for rule in self.rules for part in rule.when.parts()]
        readings = {part.reading.code for part in parts if part.reading}
        signs = {concept for part in parts if part.sign for concept in part.sign.concepts}
        return tuple(sorted(readings | signs | {"weight"}))

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids."""
        return frozenset(rule.id for rule in self.rules)


def read_rules(path: Path, library: Library) -> Rules:
    """The rules of a YAML file, or of all `*.yml` of a folder. A file may hold `defaults` for its rules.

    Raises TagError (`rules`) with one sentence that names file and rule.
    """
    rules: dict[str, TagRule] = {}
    for file in sorted(path.glob("*.yml")) if path.is_dir() else [path]:
        for rule in _read(file):
            if rule.id in rules:
                raise TagError("rules", f"{file.name}, {rule.id}: there is another rule of this id.")
            _check(rule, library, file)
            rules[rule.id] = rule
    if not rules:
        raise TagError("rules", f"{path.name}: there is no rule in it.")
    return Rules(tuple(rules.values()))


def _read(file: Path) -> list[TagRule]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise TagError("rules", f"{file.name} is larger than {MOST_BYTES // 1000} kB.")
        raw: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as err:
        raise TagError("rules", f"{file.name} cannot be read as YAML: {str(err).splitlines()[0]}.") from err
    if not isinstance(raw, dict) or not isinstance(raw.get("rules"), list) or set(raw) - {"defaults", "rules"}:
        raise TagError("rules", f"{file.name}: it needs `rules`, a list, and may have `defaults` for them, nothing else.")
    defaults: Mapping[str, Any] = raw.get("defaults") or {}
    found = []
    for number, said in enumerate(raw["rules"], 1):
        name = str(said.get("id", f"rule {number}"))[:60] if isinstance(said, dict) else f"rule {number}"
        try:
            found.append(TagRule.model_validate({**defaults, **said} if isinstance(said, dict) else said))
        except (ValidationError, RecursionError) as err:
            raise TagError("rules", f"{file.name}, {name}: {_first(err)}.") from err
    return found


def _first(err: ValidationError | RecursionError) -> str:
    if isinstance(err, RecursionError):
        return "premises stand too deep in each other"
    first = err.errors()[0]
    return " ".join([".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")]).strip()


def _check(rule: TagRule, library: Library, file: Path) -> None:
    if rule.tag not in library.entries:
        raise TagError("rules", f"{file.name}, {rule.id}: the tag {rule.tag} is not in the library.")
    classes = {str(entry["class"]) for entry in _substances().values()}
    for part in rule.when.parts():
        if part.medicine is None:
            continue
        strange = sorted((set(part.medicine.classes) - classes) | (set(part.medicine.generics) - set(_substances())))
        if strange:
            raise TagError("rules", f"{file.name}, {rule.id}: no medicine of the list is {', '.join(strange)}.")


@cache
def _substances() -> dict[str, Any]:
    return read_yaml(SUBSTANCES)


@cache
def shipped_rules() -> Rules:
    """The rules that CareLoop ships. Raises TagError."""
    return read_rules(FOLDER, shipped())
