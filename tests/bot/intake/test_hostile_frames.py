"""Frames that no honest sender writes: each gets its answer, and the next message on the same connection is taken."""

import pytest

from integrations.hl7.mllp import frame
from tests.bot.intake.conftest import Hospital, code, hl7

WELL = hl7("good", patient="P9")
FRAMES: dict[str, tuple[bytes, str]] = {
    "an empty frame": (frame(b""), "AR"),
    "blanks alone": (frame(b" \r\n\t "), "AR"),
    "three bytes": (frame(b"MSH"), "AR"),
    "a letter for a separator": (frame(b"MSHA^~\\&AHISAHAAA20260302AAADT^A01A1APA2.5"), "AR"),
    "two start blocks": (b"\x0b" + frame(hl7("1")), "AA"),
    "NUL in a name": (frame(hl7("1", rest="NK1|1|张\0三\0")), "AA"),
    "UTF-16": (frame("\ufeff".encode("utf-16-le") + hl7("1").decode().encode("utf-16-le")), "AA"),
    "an HTTP request": (frame(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"), "AR"),
    "XML": (frame(b"<?xml version='1.0'?><ADT_A01/>"), "AR"),
    "no type": (frame(hl7("1", kind="")), "AR"),
    "a type nobody knows": (frame(hl7("1", kind="../../etc/passwd")), "AR"),
    "version 3": (frame(hl7("1").replace(b"|2.5", b"|3.0")), "AR"),
    "a processing id that is none": (frame(hl7("1").replace(b"|P|", b"|X|")), "AR"),
    "a control id of a megabyte": (frame(hl7("9" * (1 << 20))), "AA"),
    "a hundred thousand segments": (frame(hl7("1", rest="ZZZ|x\r" * 100_000)), "AA"),
    "a hundred thousand repetitions": (frame(hl7("1", patient="1~" * 100_000)), "AA"),
    "a thousand nested batches": (frame(b"FHS|^~\\&\rBHS|^~\\&\r" * 1_000 + hl7("1")), "AA"),
    "escapes without end": (frame(hl7("1", rest="OBX|1|TX|A||" + "\\X41" * 50_000)), "AA"),
}


@pytest.mark.parametrize(("sent", "answer"), FRAMES.values(), ids=list(FRAMES))
async def test_a_hostile_frame_is_answered_and_the_next_message_taken(hospital: Hospital, sent: bytes, answer: str) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    await sender.sends(sent)
    assert code(await sender.hears()) == answer
    assert await sender.says(WELL) == ["AA"]
    stored = await hospital.messages()
    assert stored[-1].control_id == "good" and all(len(each.control_id or "") <= 200 for each in stored)
