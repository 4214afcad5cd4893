"""What triage and the language rules may know about the patient an utterance is about."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Reading:
    """One stored observation: `vital` is an id of vitals.yml, `value` is in `unit` (UCUM), `at` is an aware instant."""

    vital: str
    value: float
    unit: str
    at: datetime


@dataclass(frozen=True)
class PatientFacts:
    """Facts from the record; None and empty mean unknown.

    `age_days` counts completed days, `birth_weight_g` is in grams, `personal_best` is the peak flow in L/min, `history` holds
    earlier readings in any order. `department` chooses the rules: a department may have an overlay of its own (tagging/overlay.py).
    """

    age_days: int | None
    sex: str | None = None
    tags: tuple[str, ...] = ()
    birth_weight_g: float | None = None
    personal_best: float | None = None
    gestational_age_weeks: int | None = None
    history: tuple[Reading, ...] = ()
    department: str | None = None

    def readings(self, vital: str, before: datetime) -> list[Reading]:
        """The stored readings of one vital up to `before`, oldest first."""
        return sorted((r for r in self.history if r.vital == vital and r.at <= before), key=lambda reading: reading.at)
