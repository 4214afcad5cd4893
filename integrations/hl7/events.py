"""A message as canonical events: who, which visit, what was found, ordered, booked or given."""

from collections.abc import Iterator
from dataclasses import replace

from integrations.event import Event, Message, PatientMerge, PatientUpsert, Person
from integrations.hl7.about import About, patients, written_at
from integrations.hl7.booking import booking
from integrations.hl7.clinical import diagnoses, problems, vaccines
from integrations.hl7.errors import HL7Error
from integrations.hl7.identifiers import Source, identifiers
from integrations.hl7.note import WITHDRAWN, documents, reports
from integrations.hl7.order import orders
from integrations.hl7.person import name_of
from integrations.hl7.read import Message as HL7Message
from integrations.hl7.result import results
from integrations.hl7.visit import TRIGGERS, visit_change

# Two numbers turn out to be one person (A46 and A47 change a number, which leaves the old one behind). Merges of accounts and visits
# (A35, A41 …) merge no persons.
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"})
LINK, UNLINK = "A24", "A37"
# What says nothing of the person that holds after the message: taken back, or a record deleted.
NO_PARTICULARS = frozenset({"A11", "A13", "A23", "A27", "A29", "A38"})
# Messages about orders; an ORU's OBR is the report of its results.
ORDERS = frozenset({"ORM", "OML", "OMG", "OMI", "OMP", "OMS", "OMN", "OMD", "RDE", "RDS", "RGV"})
# Messages about nobody: master files, answers, schedules of rooms.
ABOUT_NOBODY = frozenset({"ACK", "MFN", "MFK", "NMD", "NMQ", "SSU", "ESU"})


def to_message(hl7: HL7Message, source: Source) -> Message:
    """What a message says, in the platform's terms; no events where it says nothing that is used.

    Raises HL7Error: no_patient, no_identifier, no_second, no_start, no_number. A message that raises belongs to a person.
    """
    header = hl7.header
    kind, trigger = header.segment.get(9).upper(), header.segment.get(9, 2).upper()
    evn = hl7.first("EVN")
    if not trigger and evn is not None:
        # Only then: in many messages EVN-1 is A01 whatever happened.
        trigger = evn.get(1).upper()
    of_a_room = kind == "SIU" and hl7.first("PID") is None
    found = () if kind in ABOUT_NOBODY or of_a_room else tuple(_events(kind, trigger, hl7, source))
    return Message(
        id=hl7.identity,
        kind=header.type,
        at=written_at(hl7, source),
        events=found,
        # T training, D debugging: they never reach a patient.
        test=header.processing_id.upper() in ("T", "D"),
        notes=(*hl7.notes, *(() if header.control_id else ("no_control_id",))),
    )


def _events(kind: str, trigger: str, hl7: HL7Message, source: Source) -> Iterator[Event]:
    groups = list(patients(hl7, source))
    if kind == "ADT" and trigger in (LINK, UNLINK):
        yield from _linked(groups, undo=trigger == UNLINK)
        return
    if kind == "ADT" and trigger in MERGES:
        merged = [event for about in groups for event in _merged(about)]
        if not merged:
            raise HL7Error("no_second")
        yield from merged
        return
    for about in groups:
        yield from _of_patient(kind, trigger, about)


def _of_patient(kind: str, trigger: str, about: About) -> Iterator[Event]:
    if kind == "ADT":
        if trigger not in NO_PARTICULARS:
            yield PatientUpsert(person=about.person, at=about.at)
        if what := TRIGGERS.get(trigger):
            change = visit_change(about, what)
            if change is not None:
                yield change
    yield from diagnoses(about)
    yield from problems(about)
    if kind == "MDM":
        yield from documents(about, trigger)
    else:
        yield from reports(about)
    withdrawn = kind == "MDM" and trigger == WITHDRAWN
    found = results(about, of_vaccines=kind != "VXU", words=kind != "MDM")
    yield from (replace(one, status="D") if withdrawn else one for one in found)
    if kind in ORDERS:
        yield from orders(about)
    if kind == "SIU":
        yield from booking(about, trigger)
    if kind == "VXU":
        yield from vaccines(about)


def _linked(groups: list[About], *, undo: bool) -> Iterator[PatientMerge]:
    """The second PID and any further one is the same person as the first; or no longer is."""
    if len(groups) < 2:
        raise HL7Error("no_second")
    stays, *others = groups
    for other in others:
        yield PatientMerge(person=stays.person, gone=other.person, undo=undo, at=stays.at)


def _merged(about: About) -> Iterator[PatientMerge]:
    """Each MRG belongs to the PID before it. A number that merges into itself says nothing."""
    for mrg in (segment for segment in about.segments if segment.name == "MRG"):
        gone = tuple(number for number in identifiers(mrg, 1, about.source) if number not in about.person.identifiers)
        if gone:
            yield PatientMerge(person=about.person, gone=Person(identifiers=gone, name=name_of(mrg.get(7), mrg.get(7, 2))), at=about.at)
