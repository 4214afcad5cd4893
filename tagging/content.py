"""The clinical tables, read once and checked against each other.

Everything a clinician may want to change (numbers, levels, wordings, replies) is in the files below data/; a mistake in them is
refused with the file and the place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tagging.errors import ContentError
from tagging.folder import file_of, read_yaml
from tagging.pattern import Lexicon
from tagging.tables import RedFlags, Symptoms, Vitals

DATA = Path(__file__).parent / "data"
_TableType = TypeVar("_TableType", bound=BaseModel)


@dataclass(frozen=True)
class Content:
    """The three tables and the compiled lexicon."""

    symptoms: Symptoms
    vitals: Vitals
    redflags: RedFlags
    lexicon: Lexicon
    rules_by_concept: Mapping[str, tuple[tuple[str, int], ...]]

    def has_tag(self, tags: frozenset[str], wanted: str) -> bool:
        """Whether a patient with `tags` carries `wanted` itself or a member of the tag group of that name."""
        return wanted in tags or not tags.isdisjoint(self.vitals.tag_groups.get(wanted, ()))


def load_content(
    *, symptoms: Path = DATA / "symptoms", vitals: Path = DATA / "vitals.yml", redflags: Path = DATA / "redflags.yml"
) -> Content:
    """Read and check the tables, each a file or a folder of files.

    Raises ContentError (`bad_content`, `bad_pattern`) naming file and place.
    """
    words = _read(symptoms, Symptoms)
    limits = _read(vitals, Vitals)
    flags = _read(redflags, RedFlags)
    try:
        lexicon = Lexicon(((key, concept.say) for key, concept in words.concepts.items()), words.words, words.traps)
    except ContentError as error:
        raise ContentError(error.code, f"{file_of(symptoms, 'concepts', str(error).split(':')[0])}: {error}") from error
    _check_references(words, limits, flags)
    index: dict[str, list[tuple[str, int]]] = {}
    for category_id, category in flags.categories.items():
        for number, rule in enumerate(category.rules):
            for concept in rule.when[0].split("|"):
                index.setdefault(concept, []).append((category_id, number))
    return Content(words, limits, flags, lexicon, {key: tuple(places) for key, places in index.items()})


@cache
def default_content() -> Content:
    """The tables that come with CareLoop, read on first use."""
    return load_content()


def _read(path: Path, table: type[_TableType]) -> _TableType:
    try:
        return table.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContentError(
            "bad_content", f"{path.name}, {place or 'top'}: {first['msg']} ({error.error_count()} mistakes in all)"
        ) from error


def _check_references(words: Symptoms, limits: Vitals, flags: RedFlags) -> None:
    known = set(words.concepts) | {meaning.concept for vital in limits.vitals.values() for meaning in vital.means}
    for concept_id, concept in words.concepts.items():
        _require(set(concept.implies) <= known, f"symptoms, {concept_id}: implies an unknown concept")
    for category_id, category in flags.categories.items():
        for number, rule in enumerate(category.rules, 1):
            named = {name for entry in (*rule.when, *rule.unless, *rule.any_two) for name in entry.split("|")}
            place = f"redflags.yml, {category_id}, rule {number}"
            _require(named <= known, f"{place}: unknown concept {', '.join(sorted(named - known))}")
            _require(rule.reply is None or rule.reply in category.replies, f"{place}: no reply {rule.reply!r}")
    for vital_id, category_name in _named_categories(limits):
        _require(category_name in flags.categories, f"vitals.yml, {vital_id}: unknown category {category_name!r}")


def _named_categories(limits: Vitals) -> Iterator[tuple[str, str]]:
    for vital_id, vital in limits.vitals.items():
        choices = [
            vital.category,
            *(band.category for band in vital.bands),
            *(rule.category for band in vital.bands for rule in band.rules),
        ]
        for choice in choices:
            if isinstance(choice, str):
                yield vital_id, choice
            elif choice is not None:
                yield vital_id, choice.below
                yield vital_id, choice.above


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ContentError("bad_content", message)
