"""Numbers of patients in words."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tagging.folder import read_yaml

FILE = Path(__file__).parent / "numbers.yml"


@cache
def numberings() -> Mapping[str, str]:
    """What each numbering is called."""
    names: dict[str, str] = read_yaml(FILE)
    return names


def in_words(record_number: str) -> str:
    """A record number as people read it: one that another number stands in for (`inpatient-number:B7`) by that numbering's name."""
    system, bar, value = record_number.rpartition(":")
    return f"{numberings().get(system, '')} {value}".strip() if bar else record_number
