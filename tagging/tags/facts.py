"""What the records hold about a patient, as far as rules over tags look at it. Plain values: nothing here knows a database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple


class Reading(NamedTuple):
    """A final observation: a number in its unit, or a sign that was said to be `status` (present, absent, possible)."""

    id: int
    code: str
    at: datetime
    value: float | None
    unit: str | None
    status: str | None


class Lab(NamedTuple):
    """A released result; `item` is the hospital's name for it."""

    id: int
    item: str
    at: datetime
    value: float | None
    unit: str | None


class Diagnosis(NamedTuple):
    """An active condition of the hospital's; `icd10` may be None where it was not coded."""

    id: int
    icd10: str | None
    text: str
    at: datetime


class Medicine(NamedTuple):
    """A prescription with what the list of substances knows of its name. Days are the hospital's; None where it does not say."""

    id: int
    name: str
    status: str
    starts_on: date | None
    ends_on: date | None
    at: datetime
    generic: str = ""
    drug_class: str = ""
    atc: str | None = None


class Stay(NamedTuple):
    """A stay or visit; `ended_at` None while it lasts."""

    id: int
    kind: str
    started_at: datetime
    ended_at: datetime | None


class FollowUp(NamedTuple):
    """One follow-up that went out, or should have."""

    id: int
    state: str
    day: date
    sent_at: datetime | None
    closed_at: datetime | None


class Filled(NamedTuple):
    """A completed questionnaire with its score."""

    id: int
    questionnaire: str
    score: float | None
    at: datetime


class Message(NamedTuple):
    """When the family wrote, and as what: text, voice, image …"""

    at: datetime
    kind: str


class Statement(NamedTuple):
    """What was said that speaks for or against a tag: by the family, read once; in a clinical note (`Facts.noted`, the latest note for
    each tag), as long as the note says it."""

    id: int
    code: str
    against: bool
    source: str
    ref_kind: str
    ref_id: int
    because: str
    confidence: float
    at: datetime


@dataclass
class Facts:
    """Everything about one patient. Lists are in order of time, the latest last."""

    patient_id: int
    born: date
    sex: str | None = None
    birth_weight_g: float | None = None
    gestational_age_weeks: int | None = None
    has_phone: bool = False
    bound: bool = False
    stopped: bool = False
    plans: int = 0
    readings: list[Reading] = field(default_factory=list)
    labs: list[Lab] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    medicines: list[Medicine] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    filled: list[Filled] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    noted: list[Statement] = field(default_factory=list)
