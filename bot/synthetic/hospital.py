"""The synthetic hospital as data: departments with their ages, and what each of their patients may carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from records.tag import Tag

_OF_ANY_FAMILY = ("management", "operational")


@dataclass(frozen=True)
class Chance:
    """A tag is carried by those whose draw in `channel` lies from `low` to below `high`. Tags of one exclusive group share a channel."""

    tag_id: int
    channel: int
    low: float
    high: float


@cache
def hospital() -> dict[str, Any]:
    """What hospital.yml says."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("hospital.yml").read_text("utf-8"))
    return loaded


def chances(department: Mapping[str, Any], library: Mapping[str, Tag]) -> list[Chance]:
    """What a patient of this department may carry, `per_patient` tags in the mean, as far as chances below 1 allow.

    Tags that the library no longer has, or has retired, are left out.
    """
    shipped = {code: tag for code, tag in library.items() if tag.active}
    groups: dict[str, list[str]] = {}
    for code, tag in sorted(shipped.items()):
        if tag.exclusive_group:
            groups.setdefault(tag.exclusive_group, []).append(code)
    wanted: dict[str, float] = {**hospital()["everywhere"], **department["tags"]}
    shared = {name: float(wanted[name]) for name in sorted(wanted) if name in groups}
    common = {*hospital()["common"], *(code for code, tag in shipped.items() if tag.kind in _OF_ANY_FAMILY)}
    alone = {
        code: float(wanted.get(code, 0))
        for code, tag in sorted(shipped.items())
        if code in wanted or (code in common and not tag.exclusive_group)
    }
    # Of a group that is given by its name, none is given by itself.
    alone = {code: chance for code, chance in alone.items() if (shipped[code].exclusive_group or "") not in shared}
    # What nobody named fills up to the mean, evenly.
    named, missing = sum(shared.values()) + sum(alone.values()), [code for code, chance in alone.items() if chance == 0]
    rest = min(0.95, max(0.0, (hospital()["per_patient"] - named) / max(1, len(missing))))
    found, channel = list[Chance](), 0
    for code, chance in alone.items():
        channel += 1
        found.append(Chance(shipped[code].id, channel, 0.0, chance or rest))
    for name, total in shared.items():
        channel += 1
        edges = [0.0, *accumulate([total / len(groups[name])] * len(groups[name]))]
        found += [Chance(shipped[code].id, channel, low, high) for code, low, high in zip(groups[name], edges, edges[1:], strict=False)]
    return found
