"""What a message says, field by field, in plain words: for people who set up a feed, and for comparing two readers.

Nothing is interpreted here but codes for sex and dates; empty values are left out. Events are made in `events`.
"""

import hashlib
import re
from collections.abc import Iterable

from integrations.hl7.read import Message
from integrations.hl7.segment import Segment
from integrations.hl7.timestamp import iso

Fields = dict[str, object]

SEX = {"男": "M", "男性": "M", "女": "F", "女性": "F"}
_TENS, _POWER = ("10", "x10", "×10", "*10"), re.compile(r"\d{1,2}(?:/.*)?")
# Where each segment names its medicine.
_MEDICINE = {"RXO": 1, "RXE": 2, "RXD": 2}


def fields_of(message: Message) -> Fields:
    """Type, sender, patient, visit and what is reported, as JSON values. A message about several patients has `patients`."""
    header = message.header
    found = _told(
        type=header.type,
        control_id=header.control_id,
        version=header.version,
        sender=header.sender,
        facility=header.facility,
        time=iso(header.segment.get(7)),
    )
    patients = [_patient(segment) for segment in message.all("PID")]
    if len(patients) > 1:
        found["patients"] = patients
    elif patients:
        found |= patients[0]
    visit = message.first("PV1")
    return found | _told(
        visit=_visit(visit) if visit is not None else None,
        diagnoses=_each(_coded(segment, segment.raw(3)) for segment in message.all("DG1")),
        observations=_each(_observations(message)),
        orders=_each(_order(segment) for segment in message.all("OBR")),
        medications=_each(_medicine(segment) for segment in message.segments if segment.name in _MEDICINE),
        vaccines=_each(_vaccine(segment) for segment in message.all("RXA")),
        appointment=_appointment(message.first("SCH")),
        merged_ids=[one for segment in message.all("MRG") for one in _identifiers(segment, 1)],
    )


def _told(**values: object) -> Fields:
    """Only what is told: `""` is HL7 for "take it off the record", which leaves nothing to show."""
    return {name: value for name, value in values.items() if value and value != '""'}


def _each(found: Iterable[Fields]) -> list[Fields]:
    return [fields for fields in found if fields]


def _patient(pid: Segment) -> Fields:
    sex = pid.get(8)
    return _told(
        patient_ids=_identifiers(pid, 3),
        name=_told(family=pid.get(5), given=pid.get(5, 2)),
        # The date as written: an offset never moves a birthday.
        birth_date=iso(pid.get(7)).split("T", 1)[0],
        sex=SEX.get(sex, sex),
        account=pid.get(18),
    )


def _identifiers(segment: Segment, number: int) -> list[Fields]:
    told = (_told(id=segment.part(one), authority=segment.part(one, 4), type=segment.part(one, 5)) for one in segment.repetitions(number))
    return [fields for fields in told if "id" in fields]


def _visit(pv1: Segment) -> Fields:
    return _told(
        **{"class": pv1.get(2)},
        ward=pv1.get(3),
        room=pv1.get(3, 2),
        bed=pv1.get(3, 3),
        number=pv1.get(19),
        admit=iso(pv1.get(44)),
        discharge=iso(pv1.get(45)),
    )


def _coded(segment: Segment, raw: str) -> Fields:
    first = raw.split(segment.separators.repetition, 1)[0]
    return _told(code=segment.part(first), text=segment.part(first, 2), system=segment.part(first, 3))


def _observations(message: Message) -> Iterable[Fields]:
    drawn = ""
    for segment in message.segments:
        if segment.name == "OBR":
            drawn = segment.get(7)
        elif segment.name == "OBX":
            yield _coded(segment, segment.raw(3)) | _told(
                sub_id=segment.get(4),
                value_type=segment.get(2),
                value=_value(segment),
                unit=unit_of(segment),
                range=segment.text(segment.raw(7)),
                flag=segment.get(8),
                status=segment.get(11),
                time=iso(segment.get(14) or drawn),
            )


def unit_of(obx: Segment) -> str:
    """OBX-6 as it is written, code or else text; in `10^9/L`, which should be `10\\S\\9/L`, the caret is no separator."""
    unit, power = obx.get(6), obx.get(6, 2)
    return f"{unit}^{power}" if unit in _TENS and _POWER.fullmatch(power) else unit or power


def _value(obx: Segment) -> object:
    """One value, or a list of several."""
    values = [value for value in (_one_value(obx, raw) for raw in obx.repetitions(5)) if value and value != '""']
    return values if len(values) > 1 else values[0] if values else None


def _one_value(obx: Segment, raw: str) -> object:
    match obx.get(2):
        case "CE" | "CWE" | "CNE":
            return _coded(obx, raw)
        case "DT" | "TS" | "DTM":
            return iso(obx.part(raw))
        case "ED":  # A document is told by length and hash: it may be large, and it is nobody's reading here.
            data = obx.part(raw, 5)
            return {"bytes": len(data), "sha256": hashlib.sha256(data.encode()).hexdigest()[:16]} if data else None
        case _:
            return obx.text(raw)


def _order(obr: Segment) -> Fields:
    return _told(placer=obr.get(2), filler=obr.get(3), code=obr.get(4), text=obr.get(4, 2))


def _medicine(segment: Segment) -> Fields:
    number = _MEDICINE[segment.name]
    return _told(code=segment.get(number), text=segment.get(number, 2))


def _vaccine(rxa: Segment) -> Fields:
    return _coded(rxa, rxa.raw(5)) | _told(date=iso(rxa.get(3)), status=rxa.get(20))


def _appointment(sch: Segment | None) -> Fields | None:
    if sch is None:
        return None
    return _told(
        placer=sch.get(1),
        filler=sch.get(2),
        reason=sch.get(7) or sch.get(7, 2),
        start=iso(sch.get(11, 4)),
        status=sch.get(25) or sch.get(25, 2),
    )
