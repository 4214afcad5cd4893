"""One value in another unit: by the units alone where they measure the same, by the analyte's own factor (conversions.yml) where not."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import Field

from tagging.folder import read_yaml
from tagging.tables import Table
from tagging.terms.ucum import Unit, read_unit, scale

FILE = Path(__file__).parent / "conversions.yml"


class Conversion(Table):
    """value in `to` = value in `frm` × factor + plus, for one analyte."""

    frm: str = Field(alias="from")
    to: str
    factor: float
    plus: float = 0.0
    src: str


class _File(Table):
    version: int
    conversions: Mapping[str, Conversion]


@cache
def conversions() -> Mapping[str, Conversion]:
    """By analyte, as tagging/terms/lab.yml calls it."""
    return _File.model_validate(read_yaml(FILE)).conversions


def convert(value: float, unit: str, to: str, *, analyte: str | None = None) -> float | None:
    """`value` given in `unit` (as written) in the UCUM unit `to`; None where that is not lawful: unknown units, units that measure
    different things, or a change from mass to amount of substance for an analyte without a factor.

    The result is rounded to six significant digits, more than any analyser has.
    """
    ours, theirs = read_unit(unit, like=to), read_unit(to)
    if ours is None or theirs is None:
        return None
    direct = scale(value, ours, theirs)
    known = conversions().get(analyte or "")
    if direct is None and known:
        direct = _through(value, ours, theirs, known)
    return None if direct is None else float(f"{direct:.6g}")


def _through(value: float, unit: Unit, to: Unit, known: Conversion) -> float | None:
    """By way of the analyte's own two units, in either direction."""
    start, end = read_unit(known.frm), read_unit(known.to)
    if start is None or end is None:
        return None
    there = scale(value, unit, start)
    if there is not None:
        return scale(there * known.factor + known.plus, end, to)
    back = scale(value, unit, end)
    return None if back is None else scale((back - known.plus) / known.factor, start, to)
