"""One result of a feed, cleaned: which item it is, its number in the item's usual unit, and what is odd about it. Pure.

Nothing is dropped and nothing is guessed: what was written stays beside what was understood, and every doubt has a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tagging.content import default_content
from tagging.picture.words import words
from tagging.terms.convert import convert
from tagging.terms.lab import LabItem, LabMatch, find_lab, items
from tagging.terms.number import Range, Written, read_range, read_value
from tagging.terms.ucum import ucum
from tagging.vitals import plausible

# item_unknown, item_ambiguous: the name is none that is known, or that of several items. unit_unknown: kept as written. unit_missing: a
# number without a unit, of an item that has one. unusual_unit: not one in which this item is measured. no_value: nothing was measured.
# several_values: a range or a ratio stands where one number is wanted. impossible: no living patient has this value. flag_disagrees: the
# hospital's arrow says another thing than its own range.
Doubt = Literal[
    "item_unknown", "item_ambiguous", "unit_unknown", "unit_missing", "no_value", "several_values", "unusual_unit", "impossible",
    "flag_disagrees",
]  # fmt: skip


@dataclass(frozen=True)
class CleanResult:
    """A result as it was read. `value` and `unit` (UCUM) are as given; `usual` is the value in `usual_unit`, None where it cannot be told.

    `doubts` are in the order in which they were found; with `impossible` among them nobody should act on the number.
    """

    lab: LabMatch
    written: Written
    value: float | None
    unit: str | None
    usual: float | None
    usual_unit: str | None
    range: Range
    flag: str | None
    doubts: tuple[Doubt, ...]


def clean_result(
    name: str | None,
    text: str,
    *,
    code: str | None = None,
    system: str | None = None,
    unit: str | None = None,
    reference_range: str | None = None,
    flag: str | None = None,
    report: str | None = None,
    age_days: int | None = None,
    local: Mapping[str, str] | None = None,
) -> CleanResult:
    """Read one result. `unit` counts before one that stands behind the value; `flag` is HL7's (H, L, HH, LL, N, A) or None.

    Without a flag the range decides; `age_days` judges vital signs by the child's age.
    """
    written, span = read_value(text), read_range(reference_range)
    given = unit or written.unit
    lab = find_lab(name, code=code, system=system, unit=given, report=report, local=local)
    doubts: list[Doubt] = []
    if lab.id is None:
        doubts.append("item_ambiguous" if lab.alternatives else "item_unknown")
    known = ucum(given, like=lab.item.unit if lab.item else None)
    if written.kind == "nothing":
        doubts.append("no_value")
    elif written.kind in ("range", "ratio"):
        doubts.append("several_values")
    doubts += _unit_doubts(written, given, known, lab.item)
    usual = _usual(written, given, lab.item)
    if usual is not None and lab.id is not None and impossible(lab.id, usual, age_days=age_days):
        doubts.append("impossible")
    ranged = span.flag(written.value) if written.value is not None and written.comparator is None else None
    if flag and ranged and flag[0] in "HLN" and flag[0] != ranged:
        doubts.append("flag_disagrees")
    usual_unit = lab.item.unit if lab.item and usual is not None else None
    return CleanResult(lab, written, written.value, known, usual, usual_unit, span, flag or written.arrow or ranged, tuple(doubts))


def impossible(id: str, value: float, *, age_days: int | None = None) -> bool:
    """Whether no patient can have this value of an item of lab.yml, given in its usual unit.

    Vital signs are judged by vitals.yml and the age, other items by the ranges of pictures.yml; what neither knows is possible.
    """
    item = items()[id]
    if item.vital and item.unit:
        entry = default_content().vitals.vitals[item.vital]
        converted = convert(value, item.unit, entry.unit, analyte=item.conversion)
        if converted is not None:
            return not plausible(default_content(), item.vital, converted, age_days)
    analyte = words().analytes.get(id)
    if analyte is None or item.unit is None:
        return False
    converted = convert(value, item.unit, analyte.unit, analyte=item.conversion)
    return converted is not None and not analyte.range[0] <= converted <= analyte.range[1]


def _unit_doubts(written: Written, given: str | None, known: str | None, item: LabItem | None) -> list[Doubt]:
    if written.value is None:
        return []
    if given and known is None:
        return ["unit_unknown"]
    if item is None or item.unit is None or item.unit in ("1", "{INR}", "{pH}", "{score}"):
        return []
    if not given:
        return ["unit_missing"]
    return [] if convert(1.0, given, item.unit, analyte=item.conversion) is not None else ["unusual_unit"]


def _usual(written: Written, given: str | None, item: LabItem | None) -> float | None:
    if written.value is None or item is None or item.unit is None:
        return None
    if not given:
        return written.value if item.unit in ("1", "{INR}", "{pH}", "{score}") else None
    return convert(written.value, given, item.unit, analyte=item.conversion)
