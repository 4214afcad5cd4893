"""What a hospital's systems tell, in one form: HL7 messages, FHIR resources, database views and tables all become these events.

An event holds what the source said and nothing of ours: who is meant is found later, by its identifiers. What a source left out is None
and changes nothing on file; what it emptied on purpose (HL7's `""`) is not an event's business.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Sex = Literal["M", "F"]
VisitClass = Literal["inpatient", "outpatient", "emergency", "preadmit", "home"]


@dataclass(frozen=True)
class Identifier:
    """A number under which a person is known. `system` is the platform's name of the numbering after the feed's map: `national-id`,
    `empi`, `record-number` …, or `feed:authority:type` where the map has no entry."""

    system: str
    value: str


@dataclass(frozen=True)
class Coded:
    """A code with the text beside it and its coding system as the source names it (`ICD-10`, `LN`, `99LIS` …)."""

    code: str | None = None
    text: str | None = None
    system: str | None = None


@dataclass(frozen=True)
class Person:
    """Whom an event is about. `name` is the full name in the family's order; `birth_order` tells twins apart; `mother` are the
    mother's numbers, which are never the child's."""

    identifiers: tuple[Identifier, ...]
    name: str | None = None
    sex: Sex | None = None
    birth_date: date | None = None
    phones: tuple[str, ...] = ()
    birth_order: int | None = None
    mother: tuple[Identifier, ...] = ()
    birth_weight_g: float | None = None
    gestational_age_weeks: int | None = None
    died_at: datetime | None = None


@dataclass(frozen=True)
class Visit:
    """A stay or visit. `number` is the source's own number of it."""

    number: str | None = None
    kind: VisitClass | None = None
    department: str | None = None
    ward: str | None = None
    room: str | None = None
    bed: str | None = None
    admitted_at: datetime | None = None
    discharged_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something happened to a person. `at` is the source's own time of it, None where it says none."""

    person: Person
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PatientUpsert(Event):
    """The person's particulars, new or corrected."""


@dataclass(frozen=True, kw_only=True)
class PatientMerge(Event):
    """`gone` is the same person as `person`, who keeps the record; with `undo` they are two again."""

    gone: Person
    undo: bool = False


@dataclass(frozen=True, kw_only=True)
class VisitChange(Event):
    """A visit began, changed, ended, or one of these was taken back."""

    visit: Visit
    what: Literal["admit", "update", "discharge", "cancel_admit", "cancel_discharge"]


@dataclass(frozen=True, kw_only=True)
class Observed(Event):
    """One result or vital sign. `key` names it in its source, so that a correction finds it; `values` are as written, one or several.

    `status` is HL7 table 0085's: F final, P preliminary, C corrected, D deleted, W withdrawn (posted to the wrong patient), I pending.
    `released_at` is when the hospital shows it to the family; None: not yet. `document` is the SHA-256 of a document that came as the
    value; the document itself stays in the stored message.
    """

    key: str
    code: Coded
    values: tuple[str, ...]
    unit: str | None = None
    reference_range: str | None = None
    flag: str | None = None
    status: str = "F"
    report: Coded | None = None
    effective_at: datetime | None = None
    released_at: datetime | None = None
    document: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnosed(Event):
    """A diagnosis or a problem; `active` False says that it is over or was taken back."""

    key: str
    code: Coded
    active: bool = True
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Ordered(Event):
    """An order; a medicine's has its words of use. `status` is FHIR's: active, on-hold, stopped, completed. `instructions` are what the
    family should heed beside dose and frequency (睡前空腹口服)."""

    key: str
    kind: Literal["medicine", "test", "other"]
    code: Coded
    status: str = "active"
    dose: str | None = None
    frequency: str | None = None
    route: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    instructions: str | None = None


@dataclass(frozen=True, kw_only=True)
class Booked(Event):
    """An appointment, as it stands after this event. `status` is booked, cancelled or fulfilled."""

    key: str
    starts_at: datetime
    department: str | None = None
    place: str | None = None
    doctor: str | None = None
    prepare: str | None = None
    status: str = "booked"


@dataclass(frozen=True, kw_only=True)
class Vaccinated(Event):
    """A vaccine was given, or (`given` False) refused or taken back."""

    key: str
    code: Coded
    given: bool = True
    lot: str | None = None
    dose_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """A clinical note (FHIR DocumentReference), or the words of a report (`report`): 门诊病历, 出院小结, 手术记录, 病程记录, 胸片 …

    `text` is as written, lines apart; None where the document is no text, or where only its `status` is told: FHIR's docStatus
    (preliminary, final, amended, entered-in-error), and superseded. `visit` is the source's number of the visit that it belongs to.
    """

    key: str
    kind: Coded = Coded()
    title: str | None = None
    text: str | None = None
    author: str | None = None
    written_at: datetime | None = None
    visit: str | None = None
    status: str = "final"
    report: bool = False


@dataclass(frozen=True)
class Message:
    """What one message of a feed says. `id` is the source's own id of it (control id, version id, row hash), `kind` its type in the
    source's words (`ADT^A03`); a `test` message never reaches patients. `notes` tell what was odd about it, in codes."""

    id: str
    kind: str
    at: datetime | None
    events: tuple[Event, ...]
    test: bool = False
    notes: tuple[str, ...] = ()
