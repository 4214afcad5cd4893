"""SCH with its resources: an appointment as it stands after the message."""

from collections.abc import Iterator
from datetime import datetime

from integrations.event import Booked
from integrations.hl7.about import About
from integrations.hl7.coded import words
from integrations.hl7.errors import HL7Error
from integrations.hl7.person import name_of
from integrations.hl7.segment import Segment

# Cancelled, discontinued, deleted; S26: the patient did not come. None of these is a visit to come.
CANCELLING = frozenset({"S15", "S16", "S17", "S26"})
# SCH-25: table 0278 and what is written in its place.
STATUS = {
    **dict.fromkeys(("CANCELLED", "CANCELED", "DELETED", "DISCONTINUED", "DC", "NOSHOW", "已取消", "取消", "退号", "爽约"), "cancelled"),
    **dict.fromkeys(("COMPLETE", "COMPLETED", "FULFILLED", "已就诊", "已完成", "完成"), "fulfilled"),
}
# Where a time stands if SCH-11 has none.
TIMES = {"TQ1": 7, "AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}


def booking(about: About, trigger: str) -> Iterator[Booked]:
    """The appointment of an SIU. A cancellation may leave out the time: then it is the message's. Raises HL7Error (no_start, no_number)."""
    sch = about.first("SCH")
    if sch is None:
        return
    status = "cancelled" if trigger in CANCELLING else STATUS.get(sch.get(25).upper(), STATUS.get(sch.get(25, 2).upper(), "booked"))
    starts = _starts(about, sch) or (about.at if status == "cancelled" else None)
    key = sch.get(2) or sch.get(1)
    if starts is None or not key:
        raise HL7Error("no_start" if key else "no_number")
    place, doctor, pv1 = about.first("AIL"), about.first("AIP"), about.first("PV1")
    notes = [note.text(raw) for note in about.segments if note.name == "NTE" for raw in note.repetitions(3)]
    yield Booked(
        person=about.person,
        at=about.at,
        key=key,
        starts_at=starts,
        department=(place.get(3) if place is not None else "") or (pv1.get(10, 2) or pv1.get(3) if pv1 is not None else "") or None,
        place=(place.get(3, 2) or words(place, 4) if place is not None else None) or None,
        doctor=_name(doctor, 3) or _name(sch, 12),
        prepare="\n".join(notes)[:2_000] or None,
        status=status,
    )


def _starts(about: About, sch: Segment) -> datetime | None:
    return about.moment(sch, 11, 4) or next(
        (at for name, number in TIMES.items() if (at := about.moment(about.first(name), number)) is not None), None
    )


def _name(segment: Segment | None, number: int) -> str | None:
    if segment is None:
        return None
    return name_of(segment.get(number, 2), segment.get(number, 3)) or None
