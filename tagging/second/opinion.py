"""What a second reader is asked, and what it may say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tagging.patient import PatientFacts
from tagging.tables import Level

if TYPE_CHECKING:
    from tagging.measurement import Measurement
    from tagging.symptom import SymptomMention
    from tagging.triage import Triage


@dataclass(frozen=True)
class Opinion:
    """What a second reader makes of a message. `reader` names it with its version, `category` is one of the red flags if it knows,
    `mind` says that it is about self-harm, violence or despair rather than the body."""

    level: Level
    reader: str
    version: int
    because: str
    category: str | None = None
    mind: bool = False


class SecondReader(Protocol):
    """Anything that reads a message after the rules. It must be quick and may say nothing (None)."""

    def read(
        self, text: str, *, patient: PatientFacts, signs: Sequence["SymptomMention"], values: Sequence["Measurement"], triage: "Triage"
    ) -> Opinion | None:
        """An opinion on one message, or None. `signs`, `values` and `triage` are what the rules made of it."""
        ...
