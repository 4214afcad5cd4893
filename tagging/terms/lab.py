"""Names and codes of laboratory items and vital signs, whatever a hospital calls them, and the LOINC code behind them. Pure.

Only whole names count. Nearly the same name is another item often enough (直接胆红素, 间接胆红素), so that nothing is guessed by likeness.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from tagging.folder import read_yaml
from tagging.tables import Name, Table
from tagging.terms.convert import convert
from tagging.terms.ucum import read_unit, ucum

FILE = Path(__file__).parent / "lab.yml"
LONGEST = 80

Sample = Literal["blood", "urine", "stool", "csf", "swab", "body"]

# How reports and samples are named. The first that is found decides.
_SAMPLES: tuple[tuple[Sample, re.Pattern[str]], ...] = (
    ("csf", re.compile(r"脑脊液|csf")),
    ("urine", re.compile(r"尿(?!素|酸)|urin")),
    ("stool", re.compile(r"粪|大便|便常规|stool|f(?:a)?eces")),
    ("swab", re.compile(r"拭子|swab")),
    ("blood", re.compile(r"血|生化|肝功|肾功|电解质|blood|serum|plasma")),
)
_METHOD = re.compile(r"(?:测定|检测|定量|计数|检查|试验|浓度|\(.*?\)|\[.*?\])+$")
_MARKS = re.compile(r"^[*★☆●○▲△※#\s]+|[*★☆●○▲△※\s]+$")


class LabItem(Table):
    """One item of lab.yml; see the head of that file."""

    name: str
    loinc: str | None = None
    also: tuple[str, ...] = ()
    display: str | None = None
    verified: bool = False
    unit: str | None = None
    of: Sample
    say: tuple[str, ...] = ()
    conversion: str | None = None
    vital: str | None = None


class _File(Table):
    version: int
    items: Mapping[Name, LabItem]


@dataclass(frozen=True)
class LabMatch:
    """What an item was taken for. `id` is None when it is not known or could be several: then `alternatives` are all that it may be.

    `by` says what decided: the LOINC code, the hospital's own table, or the name. `loinc` may be known though the item is not.
    """

    id: str | None
    loinc: str | None
    by: Literal["loinc", "local", "name", "nothing"]
    alternatives: tuple[str, ...] = ()

    @property
    def item(self) -> LabItem | None:
        """The entry of lab.yml."""
        return items()[self.id] if self.id else None


@cache
def items() -> Mapping[str, LabItem]:
    """All known items by their id."""
    return _File.model_validate(read_yaml(FILE)).items


def find_lab(
    name: str | None,
    *,
    code: str | None = None,
    system: str | None = None,
    unit: str | None = None,
    report: str | None = None,
    local: Mapping[str, str] | None = None,
) -> LabMatch:
    """What the item of a result is. `system` is the code's as its feed names it (LN, LOINC …), `report` and `unit` as written.

    The LOINC code of a name is that of the item in its usual unit, and None where `unit` cannot be brought to that.
    A LOINC code counts first, then `local` (the hospital's code or name → id of lab.yml), then the name, then a code that is itself a
    usual abbreviation. Sample and unit choose between items of the same name.
    """
    if code and is_loinc(code) and (system or "LN").strip().upper() in ("LN", "LOINC", "HTTP://LOINC.ORG", "2.16.840.1.113883.6.1"):
        ids = _by_loinc().get(code, ())
        return LabMatch(ids[0] if len(ids) == 1 else None, code, "loinc", ids)
    for known in (code, name):
        id = local.get(known) if known and local else None
        if id is not None and id in items():
            return LabMatch(id, items()[id].loinc, "local", (id,))
    return _named(name, code, unit, report)


# A hospital has some hundred items, and a patient the same ones again and again.
@lru_cache(maxsize=4096)
def _named(name: str | None, code: str | None, unit: str | None, report: str | None) -> LabMatch:
    for said in (name, code):
        if said and (found := _by_name(said, unit, report)):
            if len(found) == 1:
                return LabMatch(found[0], _loinc(items()[found[0]], unit), "name", found)
            return LabMatch(None, None, "name", found)
    return LabMatch(None, None, "nothing")


def is_loinc(code: str) -> bool:
    """Whether a text has the form of a LOINC code and its check digit (mod 10) is right."""
    match = re.fullmatch(r"(\d{1,6})-(\d)", code)
    if match is None:
        return False
    # From the right every other digit, the last one first, is doubled as part of one number (LOINC users' guide, appendix C).
    digits = match[1]
    doubled = str(int(digits[::-1][::2][::-1]) * 2)
    total = sum(int(digit) for digit in doubled + digits[::-1][1::2])
    return (10 - total % 10) % 10 == int(match[2])


def _by_name(said: str, unit: str | None, report: str | None) -> tuple[str, ...]:
    """The items of that name: those of the sample, and of them those whose unit measures the same."""
    if len(said) > LONGEST:
        return ()
    found = next((ids for form in _forms(said) if (ids := _names().get(form))), ())
    if len(found) > 1 and (sample := _sample(report)):
        found = tuple(id for id in found if items()[id].of in (sample, "body")) or found
    elif len(found) > 1 and report is None and (blood := tuple(id for id in found if items()[id].of in ("blood", "body"))):
        # Without a word about the sample it is blood, unless the unit says otherwise.
        found = blood if _fitting(blood, unit) else found
    return _fitting(found, unit) or found


def _fitting(ids: tuple[str, ...], unit: str | None) -> tuple[str, ...]:
    """Those that are usually told in `unit`, else those that can be; all of them without a unit that is known."""
    if not unit or all(read_unit(unit, like=items()[id].unit) is None for id in ids):
        return ids
    usual = tuple(id for id in ids if items()[id].unit is not None and ucum(unit, like=items()[id].unit) == items()[id].unit)
    return usual or tuple(id for id in ids if _can_be_in(items()[id], unit))


def _loinc(item: LabItem, unit: str | None) -> str | None:
    if unit and read_unit(unit, like=item.unit) is not None and not _can_be_in(item, unit):
        return None
    return item.loinc


def _can_be_in(item: LabItem, unit: str) -> bool:
    return item.unit is not None and convert(1.0, unit, item.unit, analyte=item.conversion) is not None


def _sample(report: str | None) -> Sample | None:
    said = plain(report or "")
    return next((sample for sample, words in _SAMPLES if words.search(said)), None)


def _forms(said: str) -> list[str]:
    """How a name may be looked up: whole, without method and sample, what stands in its brackets, name and abbreviation apart."""
    whole = _MARKS.sub("", unicodedata.normalize("NFKC", said)).lower()
    inside = re.findall(r"[(\[【]([^)\]】]*)[)\]】]", whole)
    outside = re.sub(r"[(\[【][^)\]】]*[)\]】]", " ", whole)
    forms = [plain(whole), plain(outside), _METHOD.sub("", plain(outside))]
    forms += [form.removeprefix("血清").removeprefix("血浆") for form in forms]
    forms += [plain(part) for part in (*inside, *outside.split())]
    joined = re.fullmatch(r"([a-z0-9#%+/-]+?)([\u4e00-\u9fff].*)|([\u4e00-\u9fff].*?)([a-z][a-z0-9#%+/-]*)", plain(outside))
    forms += [part for part in (joined.groups() if joined else ()) if part]
    return forms


def plain(name: str) -> str:
    """A name as it is compared."""
    text = unicodedata.normalize("NFKC", name).lower().replace("—", "-").replace("–", "-").replace("－", "-")
    return re.sub(r"\s", "", text)


@cache
def _names() -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for id, item in items().items():
        for said in dict.fromkeys(plain(each) for each in (item.name, *item.say)):
            names[said] = (*names.get(said, ()), id)
    return names


@cache
def _by_loinc() -> dict[str, tuple[str, ...]]:
    codes: dict[str, tuple[str, ...]] = {}
    for id, item in items().items():
        for code in (*((item.loinc,) if item.loinc else ()), *item.also):
            codes[code] = (*codes.get(code, ()), id)
    return codes
