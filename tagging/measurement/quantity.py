"""Which vital an amount is, from its unit, the words around it and the question that was asked."""

from dataclasses import dataclass

from tagging.measurement.amount import Precision

# A weight given without a unit.
UNKNOWN_UNIT = "?"
# A number that was measured, though nobody says of what.
UNNAMED = ""


@dataclass(frozen=True)
class Quantity:
    """An amount read as a vital, still in the unit it was given in (None: the canonical one).

    `question` is set where the reading is only one of several: it is asked, and the value does not count.
    """

    start: int
    end: int
    vital: str
    value: float
    unit: str | None = None
    low: float | None = None
    precision: Precision = "exact"
    question: str | None = None
