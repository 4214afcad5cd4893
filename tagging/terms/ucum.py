"""Units as hospitals write them (`10^9/L`, `THOU/uL`, `tera.l-1`, `次/分`), in UCUM, and what lies between two of them. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from tagging.folder import read_yaml
from tagging.tables import Table

FILE = Path(__file__).parent / "units.yml"
# No unit is longer; a longer text is none.
LONGEST = 40

# ×10^9/L, x10E9/L, 10*9/L, 10\S\9/L, 10'9/L, 10 9/L, 109/L: a power of ten of cells in a volume.
_POWER = re.compile(r"(?:[x*×]|个)?10(?:\\s\\|[\^*e~'’·⁎\s]|\*\*)?(?P<power>3|4|6|9|12)(?:个|cells?)?/(?P<volume>[a-zμ升]+)")
# mmol.l-1 and mmol·L^-1: an exponent of minus one is a fraction.
_MINUS_ONE = re.compile(r"[.·]([a-zμ]+)\^?-1(?![0-9])")


class _Atom(Table):
    of: str
    factor: float
    say: tuple[str, ...]
    offset: float = 0.0


class _Units(Table):
    version: int
    atoms: Mapping[str, _Atom]
    whole: Mapping[str, _Atom]
    ambiguous: Mapping[str, tuple[str, ...]]
    doubted_in_capitals: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """A unit: its UCUM `code` and what it measures. A value in the dimension's base unit is (value + offset) × factor."""

    code: str
    dimension: tuple[tuple[str, int], ...]
    factor: float
    offset: float = 0.0


@lru_cache(maxsize=2048)
def read_unit(written: str | None, *, like: str | None = None) -> Unit | None:
    """The unit that a hospital wrote; None for one that is not known or could be two, which stays as it is written.

    `like` is the analyte's usual unit in UCUM: it decides between readings (`G/L` is g/L for haemoglobin, 10*9/L for platelets).
    """
    if not written or len(written) > LONGEST:
        return None
    text, table = plain(written), _table()
    doubted = text in table.ambiguous and (
        text not in table.doubted_in_capitals or unicodedata.normalize("NFKC", written).strip().isupper()
    )
    if doubted:
        wanted = read_unit(like) if like else None
        choices = [unit for code in table.ambiguous[text] if (unit := _known().get(plain(code)) or _joined(plain(code)))]
        return next((unit for unit in choices if wanted and unit.dimension == wanted.dimension), None)
    return _known().get(text) or _power(text) or _joined(text)


def ucum(written: str | None, *, like: str | None = None) -> str | None:
    """The UCUM code of a written unit; None for an unknown one. See `read_unit`."""
    unit = read_unit(written, like=like)
    return unit.code if unit else None


def scale(value: float, unit: Unit, to: Unit) -> float | None:
    """`value` in another unit of the same dimension; None when they measure different things."""
    if unit.dimension != to.dimension:
        return None
    return value if unit == to else (value + unit.offset) * unit.factor / to.factor - to.offset


def plain(written: str) -> str:
    """A unit as it is compared: half width, lower case, without spaces and brackets around it; one sign for each of μ, · and -."""
    text = unicodedata.normalize("NFKC", written).strip().lower()
    text = text.replace("µ", "μ").replace("×", "x").replace("·", ".").replace("∙", ".").replace("−", "-").replace("⁄", "/")
    text = re.sub(r"\s+", "", text).replace("°c", "℃").replace("ºc", "℃").replace("°f", "℉").replace("ºf", "℉")
    if re.fullmatch(r"[(\[【].*[)\]】]", text) and text.count("(") + text.count("[") + text.count("【") == 1:
        text = text[1:-1]
    return _MINUS_ONE.sub(r"/\1", text)


def _power(text: str) -> Unit | None:
    match = _POWER.fullmatch(text)
    volume = _known().get(match["volume"]) if match else None
    if match is None or volume is None or volume.dimension != (("volume", 1),):
        return None
    power = int(match["power"])
    return Unit(f"10*{power}/{volume.code}", (("count", 1),), 10.0**power / volume.factor / 1e9)


def _joined(text: str) -> Unit | None:
    """A unit put together of known ones by a fraction bar: ug/dl, /μl, mmol/mol, μg/kg/min."""
    above, *below = text.split("/")
    if len(below) > 2 or not all(below):
        return None
    parts = [(_atom(above or "1"), 1), *((_atom(part), -1) for part in below)]
    code, factor, dimensions = "", 1.0, dict[str, int]()
    for unit, power in parts:
        if unit is None or unit.offset or unit.code.startswith("{"):
            return None
        code += (unit.code if power > 0 else f"/{unit.code}") if unit.code != "1" else ""
        factor *= unit.factor**power
        for of, times in unit.dimension:
            dimensions[of] = dimensions.get(of, 0) + times * power
    if sorted(dimensions.items()) == [("one", 1), ("volume", -1)]:
        # Cells are counted, whatever of: /uL is as good a count as 10*9/L.
        return Unit(code, (("count", 1),), factor / 1e9)
    return Unit(code or "1", tuple(sorted((of, times) for of, times in dimensions.items() if times)), factor)


def _atom(text: str) -> Unit | None:
    return _known().get(text) or _known().get(text.strip("[]"))


@cache
def _table() -> _Units:
    return _Units.model_validate(read_yaml(FILE))


@cache
def _known() -> dict[str, Unit]:
    table = _table()
    units: dict[str, Unit] = {}
    for code, entry in [*table.atoms.items(), *table.whole.items()]:
        unit = Unit(code, ((entry.of, 1),), entry.factor, entry.offset)
        for said in (code, *entry.say):
            units.setdefault(plain(said), unit)
    return units
