"""Messages in the manner of Chinese HIS, EMR, LIS, RIS and monitors: each says exactly what it says. Nobody in them has ever lived."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from integrations.event import (
    Booked,
    Diagnosed,
    Event,
    Noted,
    Observed,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Person,
    Vaccinated,
    VisitChange,
)
from integrations.hl7.events import to_message
from integrations.hl7.identifiers import Source
from integrations.hl7.read import Message
from integrations.hl7.recording import messages_of

ZONE = ZoneInfo("Asia/Shanghai")
SOURCE = Source("his", ZONE)


def shown(*parts: object) -> str:
    """What there is of it, in one line."""

    def plain(part: object) -> str:
        return part.astimezone(ZONE).strftime("%Y%m%d%H%M%S") if isinstance(part, datetime) else str(part)

    return " ".join(plain(part) for part in parts if part not in (None, "", ()))


def whose(person: Person) -> str:
    numbers = ",".join(f"{each.system}={each.value}" for each in person.identifiers)
    return shown(numbers, person.name, person.sex, person.birth_date, ",".join(person.phones), person.birth_order)


def said(event: Event) -> str:
    match event:
        case PatientUpsert():
            return shown("patient", whose(event.person), *(["died"] if event.person.died_at else []))
        case PatientMerge():
            return shown("unmerge" if event.undo else "merge", whose(event.gone))
        case VisitChange():
            v = event.visit
            return shown(
                event.what,
                v.number,
                v.kind,
                v.department,
                v.ward,
                v.room,
                v.bed,
                v.admitted_at,
                "-" if v.discharged_at else None,
                v.discharged_at,
            )
        case Observed():
            at, unit = event.effective_at, event.unit
            name = event.code.text or event.code.code
            return shown("result", name, "~".join(event.values), unit, event.reference_range, event.flag, event.status, at)
        case Diagnosed():
            return shown("diagnosis", event.code.code, event.code.text, None if event.active else "over")
        case Ordered():
            name = event.code.text or event.code.code
            return shown("order", event.kind, event.key, name, event.dose, event.frequency, event.route, event.status)
        case Booked():
            return shown("booking", event.key, event.starts_at, event.department, event.doctor, event.status)
        case Vaccinated():
            return shown("vaccine", event.code.text, event.lot, event.dose_number, None if event.given else "not given")
        case Noted():
            return shown("note", event.key, event.title, event.author, event.status, repr(event.text))
    raise AssertionError(event)


def read_all(data: bytes) -> Iterator[str]:
    for each in messages_of(data):
        assert isinstance(each, Message), each
        message = to_message(each, SOURCE)
        yield f"{message.kind}{' test' if message.test else ''}"
        yield from map(said, message.events)


CASES = yaml.safe_load((Path(__file__).parents[2] / "data" / "hl7" / "vendors.yml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_says_exactly_that(case: dict[str, Any]) -> None:
    end = "\r\n" if case.get("ends") == "crlf" else "\r"
    assert list(read_all(end.join(case["message"].splitlines()).encode(case["charset"]))) == case["says"]
