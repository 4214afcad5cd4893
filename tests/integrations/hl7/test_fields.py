"""What messages say, field by field."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.hl7.errors import HL7Error
from integrations.hl7.fields import fields_of
from integrations.hl7.read import Message, read
from integrations.hl7.recording import messages_of
from integrations.hl7.timestamp import iso

DATA = Path(__file__).parents[2] / "data" / "hl7"


def told(*lines: str) -> dict[str, Any]:
    return fields_of(read("\r".join(("MSH|^~\\&|LIS|||||ORU|ORU^R01|7|P|2.4", *lines)).encode()))


def test_every_public_message(shared: Path) -> None:
    expected = json.loads((shared / "data/hl7/expected.json").read_text())
    for name, fields in expected.items():
        (found,) = messages_of((shared / "data/hl7/messages" / name).read_bytes())
        assert isinstance(found, Message) and fields_of(found) == fields, name


def test_every_trap(shared: Path) -> None:
    for trap in json.loads((shared / "data/hl7/traps.json").read_text()):
        found = list(messages_of((shared / "data/hl7/traps" / trap["file"]).read_bytes()))
        fields = [fields_of(each) for each in found if isinstance(each, Message)]
        assert [{name: each[name] for name in wanted} for each, wanted in zip(fields, trap["messages"], strict=True)] == trap["messages"]
        assert any(isinstance(each, HL7Error) for each in found) == ("AR" in trap.get("ack", ())), trap["file"]


def test_the_messages_of_this_repository() -> None:
    expected = json.loads((DATA / "expected.json").read_text())
    for name, fields in expected.items():
        assert [fields_of(each) for each in messages_of((DATA / name).read_bytes()) if isinstance(each, Message)] == fields, name
    assert {path.name for path in DATA.glob("*.hl7")} == set(expected)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20240115", "2024-01-15"),
        ("202401", "2024-01"),
        ("2024", "2024"),
        ("20240100", "2024-01"),
        ("202401151230", "2024-01-15T12:30"),
        ("2024011512", "2024-01-15T12"),
        ("20240115123059.1234-0500", "2024-01-15T12:30:59-05:00"),
        ("202401151230+0215", "2024-01-15T12:30+02:15"),
        ("20240115123000Z", "2024-01-15T12:30:00+00:00"),
        ("1993-11-20 00:00:00.0", "1993-11-20T00:00:00"),
        ("1977-01-01", "1977-01-01"),
        ("2024/1/5 08:30", "2024-01-05T08:30"),
        ("2024年1月5日", "2024-01-05"),
        ("20241315", "20241315"),
        ("昨天", "昨天"),
        ("", ""),
    ],
)
def test_dates_keep_precision_and_offset(written: str, meant: str) -> None:
    assert iso(written) == meant


def test_a_birthday_is_never_moved() -> None:
    assert told("PID|1||1||A||20240301003000-0500")["birth_date"] == "2024-03-01"


@pytest.mark.parametrize(
    ("obx", "value"),
    [
        ("NM|A||60~120", ["60", "120"]),
        ("NM|A||", None),
        ('NM|A||""', None),
        ("SN|A||^182", "^182"),
        ("TX|A||a~b", ["a", "b"]),
        ("CWE|A||1^x^L~2", [{"code": "1", "text": "x", "system": "L"}, {"code": "2"}]),
        ("DT|A||20240115", "2024-01-15"),
        ("ST|A||4\\S\\5 \\T\\ 6", "4^5 & 6"),
        ("ED|A||^a^b^Base64^QUJD", {"bytes": 4, "sha256": "d9cae0dbdbf078b2"}),
        ("ED|A||^a^b^Base64^", None),
    ],
)
def test_values(obx: str, value: object) -> None:
    (found,) = told(f"OBX|1|{obx}")["observations"]
    assert found.get("value") == value


def test_flags_units_and_times_of_results() -> None:
    found = told(
        "OBX|1|NM|A||1|10\\S\\9/L|4.0-10.0|H^high^L~A|||F|||20240101",
        "OBR|1|||P|||20240102",
        "OBX|1|NM|A|1^2|1||<200||||C",
        "OBR|2|||Q",
        "OBX|1|NM|A||1|^ug/L",
    )["observations"]
    assert [(each.get("unit"), each.get("range"), each.get("flag"), each.get("status"), each.get("time")) for each in found] == [
        ("10^9/L", "4.0-10.0", "H", "F", "2024-01-01"),
        (None, "<200", None, "C", "2024-01-02"),
        ("ug/L", None, None, None, None),
    ]


def test_a_merge_of_several_keeps_all() -> None:
    found = told("PID|1||1||A", "MRG|2^^^H^MR~3", "PID|2||4||B", "MRG|5")
    assert [one["patient_ids"] for one in found["patients"]] == [[{"id": "1"}], [{"id": "4"}]]
    assert [one["id"] for one in found["merged_ids"]] == ["2", "3", "5"]
