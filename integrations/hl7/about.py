"""A message by its patients: each PID with the segments behind it, up to the next one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from integrations.event import Person
from integrations.hl7.errors import HL7Error
from integrations.hl7.identifiers import Source
from integrations.hl7.person import person_of
from integrations.hl7.read import Message
from integrations.hl7.segment import Segment
from integrations.hl7.timestamp import moment_of

# A merge of a whole family or the results of one run of an analyser; more is no message.
MOST_PATIENTS = 1_000


@dataclass(frozen=True)
class About:
    """One patient of a message and what it says about him. `at` is when the source wrote it, `visit` the number of his visit."""

    person: Person
    segments: tuple[Segment, ...]
    source: Source
    at: datetime | None
    visit: str | None

    def first(self, name: str) -> Segment | None:
        return next((segment for segment in self.segments if segment.name == name), None)

    def moment(self, segment: Segment | None, number: int, component: int = 1) -> datetime | None:
        return moment_of(segment.get(number, component), self.source.zone) if segment is not None else None


def written_at(message: Message, source: Source) -> datetime | None:
    """EVN-2, the time at which the event was entered, else MSH-7: what a later message corrects has an earlier one."""
    evn = message.first("EVN")
    entered = moment_of(evn.get(2), source.zone) if evn is not None else None
    return entered or moment_of(message.header.segment.get(7), source.zone)


def patients(message: Message, source: Source) -> Iterator[About]:
    """Raises HL7Error (no_patient, no_identifier, depth). Of one patient all segments are his, also those before his PID (SCH)."""
    groups: list[list[Segment]] = []
    before: list[Segment] = []
    for segment in message.segments:
        if segment.name == "PID":
            groups.append([segment])
        elif groups:
            groups[-1].append(segment)
        else:
            before.append(segment)
    if not groups:
        raise HL7Error("no_patient")
    if len(groups) > MOST_PATIENTS:
        raise HL7Error("depth")
    at = written_at(message, source)
    for pid, *behind in groups:
        segments = (*before, *behind)
        pv1 = next((segment for segment in segments if segment.name == "PV1"), None)
        number = (pv1.get(19) if pv1 is not None else "") or pid.get(18)
        yield About(person_of(pid, segments, source, at), segments, source, at, number or None)
