"""A second reader above the rules, a trained model for instance: it may raise a level, never lower one."""

from dataclasses import dataclass
from typing import Protocol

from tagging.patient import PatientFacts
from tagging.tables import Level


@dataclass(frozen=True)
class Opinion:
    """What a second reader makes of a message. `reader` names it with its version, `category` is one of the red flags if it knows."""

    level: Level
    reader: str
    version: int
    because: str
    category: str | None = None


class SecondReader(Protocol):
    """Anything that reads a message after the rules. It must be quick and may say nothing (None)."""

    def read(self, text: str, *, context: str | None, patient: PatientFacts) -> Opinion | None:
        """An opinion on one message, or None."""
        ...
