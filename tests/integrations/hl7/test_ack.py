"""What a sender is told."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.ack import Policy, ack, judge
from integrations.hl7.mllp import Deframer, Frame
from integrations.hl7.read import read, read_header

NOW = datetime(2026, 11, 30, 3, 0, 5, tzinfo=UTC)


def message(sender: str = "HIS|总院", kind: str = "ADT^A01", control_id: str = "7", tail: str = "P|2.4") -> bytes:
    return f"MSH|^~\\&|{sender}|随访|儿科|20261130110000||{kind}|{control_id}|{tail}\rPID|1||1\r".encode()


def answer(data: bytes, policy: Policy | None = None, charset: str = "utf-8") -> list[str]:
    verdict = judge(data, policy or Policy())
    return ack(verdict.header, verdict.code, verdict.error, now=NOW, new_id="N1").decode(charset).split("\r")


def test_a_stored_message() -> None:
    assert answer(message()) == ["MSH|^~\\&|随访|儿科|HIS|总院|20261130030005+0000||ACK^A01^ACK|N1|P|2.4", "MSA|AA|7", ""]


def test_the_charset_received_is_the_charset_answered() -> None:
    told = message(tail="P|2.4||||||GB18030").decode().encode("gb18030")
    lines = answer(told, charset="gb18030")
    assert lines[0].split("|")[2:6] == ["随访", "儿科", "HIS", "总院"]
    assert lines[0].split("|")[17] == "GB18030"
    assert answer(message().decode().encode("gb18030"), charset="gb18030")[0].split("|")[5] == "总院"


def test_whole_names_of_applications_go_back() -> None:
    lines = answer(b"MSH|^~\\&|A^1.2^ISO|B^1.3^ISO|C|D|1||ORU^R01^ORU_R01|7|T|2.5.1\r")
    assert lines[0].split("|")[2:12] == ["C", "D", "A^1.2^ISO", "B^1.3^ISO", "20261130030005+0000", "", "ACK^R01^ACK", "N1", "T", "2.5.1"]


def test_a_sender_with_its_own_separators_gets_them_back() -> None:
    lines = answer(b"MSH#:~\\&#A#B#C#D#1##ADT:A01#7#P#2.4\rPID#1\r")
    assert lines[:2] == ["MSH#:~\\&#C#D#A#B#20261130030005+0000##ACK:A01:ACK#N1#P#2.4", "MSA#AA#7"]


@pytest.mark.parametrize(("code", "enhanced"), [("AA", "CA"), ("AE", "CE"), ("AR", "CR")])
def test_enhanced_mode(code: str, enhanced: str) -> None:
    header = read_header(message(tail="P|2.4|||AL|NE"))
    assert f"\rMSA|{enhanced}|7\r" in ack(header, code, "unknown_type", now=NOW, new_id="N").decode()  # type: ignore[arg-type]


def test_an_analyser_that_writes_something_else_there_gets_the_plain_answer() -> None:
    assert answer(message(kind="ORU^R01", tail="P|2.3.1||||0||ASCII"))[1] == "MSA|AA|7"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "not_hl7"),
        (b"GET / HTTP/1.1\r\n", "not_hl7"),
        (b"PID|1||2\r", "not_hl7"),
        (b"MSH", "not_hl7"),
        ("MSH为空".encode(), "not_hl7"),
        (message(control_id=""), "no_control_id"),
        (message(kind=""), "no_type"),
        (message(kind="ZZZ^Z99"), "unknown_type"),
        (message(kind="QRY^A19"), "unknown_type"),
        (message(tail="X|2.4"), "unknown_processing_id"),
        (message(tail="P|3.0"), "unknown_version"),
        (message(sender="黑客|总院"), "unknown_sender"),
    ],
)
def test_refused(data: bytes, error: str) -> None:
    policy = Policy(senders=frozenset({"HIS|总院"}) if error == "unknown_sender" else None)
    assert (judge(data, policy).code, judge(data, policy).error) == ("AR", error)
    assert any(line.startswith("ERR|") for line in answer(data, policy))


@pytest.mark.parametrize("tail", ["P|2.1", "T|2.9", "D^R|2.5.1", "P|2.3.1^CHN", "P|", "|", ""])
def test_taken(tail: str) -> None:
    assert judge(message(tail=tail)).code == "AA"


def test_a_feed_without_control_ids_may_be_taken() -> None:
    assert judge(message(control_id=""), Policy(without_control_id="accept")).code == "AA"
    assert judge(message(), Policy(senders=frozenset({"HIS"}))).code == "AA"


def test_the_error_stands_where_its_version_has_it() -> None:
    assert answer(message(kind="ZZZ"))[2] == "ERR|MSH^1^9^200&Unsupported message type&HL70357"
    assert answer(message(kind="ZZZ", tail="P|2.5"))[2] == "ERR||MSH^1^9|200^Unsupported message type^HL70357|E|unknown_type^^L"


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"MSH|^~\\&|" + tail))
def test_any_bytes_get_a_readable_answer(data: bytes) -> None:
    verdict = judge(data)
    told = ack(verdict.header, verdict.code, verdict.error, now=NOW, new_id="N1")
    assert b"\x0b" not in told and b"\x1c" not in told and b"\n" not in told
    assert read(told).all("MSA")[0].get(1) in ("AA", "AR", "CA", "CR")


def test_every_trap_gets_its_answer(shared: Path) -> None:
    traps = json.loads((shared / "data/hl7/traps.json").read_text())
    for trap in (trap for trap in traps if "ack" in trap):
        found = Deframer().feed((shared / "data/hl7/traps" / trap["file"]).read_bytes())
        assert [judge(each.data).code for each in found if isinstance(each, Frame)] == trap["ack"], trap["file"]
        assert not any(each.awaited for each in found if not isinstance(each, Frame))
