"""The clinical tables, read once and checked against each other.

Everything a clinician may want to change (numbers, levels, wordings, replies) is in the files below data/; a mistake in them is
refused with the file and the place.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tagging.check import check_flags, check_limits, check_words
from tagging.errors import ContentError
from tagging.flags import Department, RedFlags
from tagging.folder import file_of, read_yaml
from tagging.lexicon import Entry, Lexicon
from tagging.overlay import lay_over, read_department
from tagging.pattern import Patterns
from tagging.second import SecondReader
from tagging.second.learned import FILE, open_reader
from tagging.tables import Concept, Symptoms, Vitals

DATA = Path(__file__).parent / "data"
_TableType = TypeVar("_TableType", bound=BaseModel)


@dataclass(frozen=True)
class Content:
    """The three tables, the compiled lexicon, and who reads after the rules, if anybody."""

    symptoms: Symptoms
    vitals: Vitals
    redflags: RedFlags
    lexicon: Lexicon
    rules_by_concept: Mapping[str, tuple[tuple[str, int], ...]]
    second: SecondReader | None = None

    @cached_property
    def rules_only(self) -> "Content":
        """The same without a second reader: for those who do not look at the level."""
        return replace(self, second=None)

    def has_tag(self, tags: frozenset[str], wanted: str) -> bool:
        """Whether a patient with `tags` carries `wanted` itself or a member of the tag group of that name."""
        return wanted in tags or not tags.isdisjoint(self.vitals.tag_groups.get(wanted, ()))


def load_content(*, symptoms: Path = DATA / "symptoms", vitals: Path = DATA / "vitals.yml", redflags: Path = DATA / "redflags") -> Content:
    """Read and check the tables, each a file or a folder of files.

    Raises ContentError (`bad_content`, `bad_pattern`) with one sentence that names file and rule.
    """
    words = _read(symptoms, Symptoms)
    limits = _read(vitals, Vitals)
    flags = _read(redflags, RedFlags)
    _checked(symptoms, "concepts", lambda: check_words(words, limits))
    _checked(redflags, "categories", lambda: check_flags(flags, words, limits))
    _checked(vitals, "vitals", lambda: check_limits(limits, flags))
    try:
        lexicon = Lexicon((_entry(key, concept) for key, concept in words.concepts.items()), Patterns(words.words), words.traps)
    except ContentError as error:
        raise ContentError(error.code, f"{file_of(symptoms, 'concepts', str(error).split(':')[0])}: {error}") from error
    return Content(words, limits, flags, lexicon, _index(flags))


def _entry(key: str, concept: Concept) -> Entry:
    # What only says more about another sign (高烧不退) has no name of its own.
    named = concept.kind != "context" and (concept.span or not concept.implies)
    return Entry(key, concept.say or concept.span, (concept.span or concept.say) if named else (), concept.general)


def for_department(base: Content, path: Path) -> tuple[str, Content]:
    """The department that an overlay file is for, and `base` as that department wants it. Raises ContentError naming the file."""
    own = read_department(path)
    return own.department, with_department(base, own, path.name)


def with_department(base: Content, own: Department, name: str) -> Content:
    """`base` as the department of the overlay `own` wants it. Raises ContentError that begins with `name` and the place."""
    try:
        flags, limits = lay_over(own, base.redflags, base.vitals)
        check_flags(flags, base.symptoms, limits)
        check_limits(limits, flags)
    except ContentError as error:
        raise ContentError(error.code, f"{name}, {error}") from error
    return replace(base, redflags=flags, vitals=limits, rules_by_concept=_index(flags))


def load_all(folder: Path = DATA, own: Iterable[Department] = ()) -> dict[str | None, Content]:
    """The tables of a folder like data/ by department: None for the house, one for each file of departments/, and one for each of `own`,
    which stands in place of a file for the same department."""
    base = load_content(symptoms=folder / "symptoms", vitals=folder / "vitals.yml", redflags=folder / "redflags")
    base = replace(base, second=open_reader(folder / FILE))
    found: dict[str | None, Content] = {None: base}
    for path in sorted((folder / "departments").glob("*.yml")):
        department, content = for_department(base, path)
        if department in found:
            raise ContentError("bad_content", f"{path.name}: there is another file for {department}")
        found[department] = content
    return found | {each.department: with_department(base, each, each.department) for each in own}


_in_force: dict[str | None, Content] = {}


def default_content(department: str | None = None) -> Content:
    """The tables in force, those of CareLoop itself until others are put in force; a department without a file has those of the house."""
    if not _in_force:
        put_in_force(load_all())
    return _in_force.get(department) or _in_force[None]


def departments_in_force() -> frozenset[str]:
    """The departments that have tables of their own."""
    return frozenset(department for department in _in_force if department is not None)


def put_in_force(contents: Mapping[str | None, Content]) -> None:
    """Use these tables from now on (see load_all). What is being judged at this moment ends with those it began with."""
    global _in_force
    _in_force = dict(contents)


def _index(flags: RedFlags) -> dict[str, tuple[tuple[str, int], ...]]:
    """The rules to look at for each concept of their first condition: (category, position)."""
    index: dict[str, list[tuple[str, int]]] = {}
    for category_id, category in flags.categories.items():
        for number, rule in enumerate(category.rules):
            for concept in () if rule.disabled else rule.when[0].split("|"):
                index.setdefault(concept, []).append((category_id, number))
    return {key: tuple(places) for key, places in index.items()}


def _checked(path: Path, section: str, check: Callable[[], None]) -> None:
    try:
        check()
    except ContentError as error:
        entry = re.split(r"[.:,]", str(error))[0]
        raise ContentError(error.code, f"{file_of(path, section, entry)}, {error}") from error


def _read(path: Path, table: type[_TableType]) -> _TableType:
    raw = read_yaml(path)
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        loc = list(first["loc"])
        file = file_of(path, str(loc[0]), str(loc[1])) if len(loc) > 1 else path.name
        place = ".".join(_rule_name(raw, loc)) or "top"
        more = f" ({error.error_count()} mistakes in all)" if error.error_count() > 1 else ""
        raise ContentError("bad_content", f"{file}, {place}: {first['msg']}{more}") from error


def _rule_name(raw: Mapping[str, Any], loc: Sequence[str | int]) -> list[str]:
    """Where a mistake is, with the name of a rule instead of its number."""
    if len(loc) > 3 and loc[0] == "categories" and loc[2] == "rules":
        rule = raw["categories"][loc[1]]["rules"][loc[3]]
        name = rule.get("id") if isinstance(rule, dict) else None
        return [str(loc[1]), str(name or f"rule {int(loc[3]) + 1}"), *(str(part) for part in loc[4:])]
    return [str(part) for part in (loc[1:] if loc[0] == "categories" else loc)]
