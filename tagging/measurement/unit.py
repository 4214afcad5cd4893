"""Units as people write them (measurements.yml): what may stand behind a number, and what it measures or counts."""

from tagging.measurement.words import vocabulary


def unit_at(folded: str, position: int) -> tuple[str, int] | None:
    """The unit that stands at `position` of folded text (after at most one space), and where it ends."""
    words = vocabulary()
    match = words.unit.match(folded, position)
    return (words.unit_of[match["unit"]], match.end()) if match else None


def dimension_of(unit: str) -> str:
    """What a unit measures (temperature, mass, times, …); raises KeyError for one that measurements.yml does not list."""
    return vocabulary().dimension_of[unit]
