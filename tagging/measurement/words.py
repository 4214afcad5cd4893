"""The words of the measurement grammar (data/measurements.yml), as one lexer alternation and their roles."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tagging.errors import ContentError

FILE = Path(__file__).parent.parent / "data" / "measurements.yml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    vitals: Mapping[str, tuple[str, ...]]
    sites: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, tuple[str, ...]]
    asked: Mapping[str, str]
    units: Mapping[str, Mapping[str, tuple[str, ...]]]
    persons: tuple[str, ...]
    fillers: tuple[str, ...]
    idioms: tuple[str, ...]


@dataclass(frozen=True)
class Roles:
    """What a word may do: name a vital (`none`: something not followed here), a site, a condition, what is counted; or nothing."""

    vital: str | None = None
    site: str | None = None
    condition: str | None = None
    count: str | None = None
    person: bool = False
    filler: bool = False
    idiom: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """Roles by surface, the alternation that finds the surfaces (longest first), and the patterns of what a question asks for.

    `unit` matches a unit behind a number, `unit_of` gives its name by surface and `dimension_of` what that unit measures.
    """

    roles: Mapping[str, Roles]
    alternation: str
    asked: tuple[tuple[str, re.Pattern[str]], ...]
    unit: re.Pattern[str]
    unit_of: Mapping[str, str]
    dimension_of: Mapping[str, str]

    def asked_in_order(self, question: str) -> tuple[str, ...]:
        """The vitals that a folded question asks for, in the order of its words; a pressure is two numbers."""
        places = {vital: match.start() for vital, pattern in self.asked if (match := pattern.search(question[-200:]))}
        found = [vital for vital in self.asked_vitals(question) if vital in places]
        ordered: list[str] = []
        for vital in sorted(found, key=lambda each: places[each]):
            ordered += ["systolic_bp", "diastolic_bp"] if vital == "systolic_bp" and "血压" in question else [vital]
        return tuple(ordered)

    def asked_vitals(self, context: str | None) -> tuple[str, ...]:
        """The vitals that the folded line before asks for, in the order of the table."""
        if not context:
            return ()
        # Only the end of a long line before can be its question.
        found = [vital for vital, pattern in self.asked if pattern.search(context[-200:])]
        # 出生体重 is no question about the weight of today, 血酮 none about sugar.
        return tuple(vital for vital in found if not (vital == "weight" and "birth_weight" in found))


def load_vocabulary(file: Path = FILE) -> Vocabulary:
    """Read and check the table. Raises ContentError (`bad_content`) naming file and place."""
    try:
        table = _Table.model_validate(yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 (both are safe)
        asked = tuple((vital, re.compile(pattern)) for vital, pattern in table.asked.items())
    except (OSError, yaml.YAMLError, re.error) as error:
        raise ContentError("bad_content", f"{file.name} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ContentError("bad_content", f"{file.name}, {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    fields: dict[str, dict[str, str | bool]] = {}
    for role, groups in (("vital", table.vitals), ("site", table.sites), ("condition", table.conditions), ("count", table.counts)):
        for name, surfaces in groups.items():
            for surface in surfaces:
                fields.setdefault(surface, {})[role] = name
    for role, words in (("person", table.persons), ("filler", table.fillers), ("idiom", table.idioms)):
        for surface in words:
            fields.setdefault(surface, {})[role] = True
    roles = {surface: Roles(**given) for surface, given in fields.items()}  # type: ignore[arg-type]  # str or bool by field name
    # Grouped by their first character, so that a place where none can begin costs one look.
    alternation = "|".join(_escaped(surface) for surface in sorted(roles, key=len, reverse=True))
    unit_of = {surface: unit for units in table.units.values() for unit, surfaces in units.items() for surface in surfaces}
    dimension_of = {unit: dimension for dimension, units in table.units.items() for unit in units}
    endings = "|".join(re.escape(s) + _not_before(s) for s in sorted(unit_of, key=len, reverse=True))
    return Vocabulary(roles, alternation, asked, re.compile(rf"[^\S\n]?(?P<unit>{endings})"), unit_of, dimension_of)


def _not_before(unit: str) -> str:
    """What may not follow a unit: a Latin one ends where its letters end, 下 is not the beginning of 下压."""
    if unit == "hr":
        # T36.8 HR 102: what follows is the heart rate.
        return r"(?![a-z]|\s?[:：=]?\s?[\d一二三四五六七八九十])"
    if "a" <= unit[-1] <= "z":
        return "(?![a-z]|反应)"
    return {
        "下": "(?![压午面来降])",
        "回": "(?![家来去院老])",
        "餐": "(?![前后]|之间)",
        "晚": "(?![餐饭])",
        "顿": "(?!饭|之间)",
        "升": "(?![到至高上了])",
        "分": "(?![之钟])",
        "两": "(?![个天次三周岁年顿回百千点瓶])",
    }.get(unit, "")


def _escaped(surface: str) -> str:
    if surface.isascii():
        return rf"(?<![a-z]){re.escape(surface)}(?![a-z])"
    return re.escape(surface)


@cache
def vocabulary() -> Vocabulary:
    """The table that comes with CareLoop, read on first use."""
    return load_vocabulary()
