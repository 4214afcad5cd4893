"""MLLP: what was acknowledged is stored, what could not be stored is not acknowledged, and no sender is left to wait."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from bot.intake.mllp import IntakeError, tls
from bot.settings import IntakeSettings
from integrations.hl7.mllp import frame
from tests.bot.intake.conftest import NOW, Hospital, Sender, code, hl7


def traps(shared: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((shared / "data/hl7/traps.json").read_text("utf-8"))
    return [trap for trap in listed if trap["transport"] == "mllp"]


async def test_every_trap_gets_exactly_its_acknowledgements_and_the_connection_lives_on(hospital: Hospital, shared: Path) -> None:
    await hospital.add("his")
    sender, got = await hospital.sender(), {}
    for trap in traps(shared):
        await sender.sends((shared / "data/hl7/traps" / trap["file"]).read_bytes())
        answers = [await sender.hears() for _ in trap["ack"]]
        got[trap["file"]] = [code(answer) for answer in answers]
        for answer, said in zip(answers, trap["messages"], strict=False):
            assert f"|{said['control_id']}".encode() in answer
    assert got == {trap["file"]: trap["ack"] for trap in traps(shared)}
    stored = await hospital.messages()
    # A resend is stored once, and what was refused is kept.
    assert [message.control_id for message in stored if message.state == "new"] == ["MSG001", "203598", "203550", "MSG039"]
    assert [message.error_code for message in stored if message.state == "dead"] == ["no_control_id", "not_hl7", "unknown_type"]


async def test_a_message_is_on_file_as_it_came_before_it_is_acknowledged(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    assert await sender.says(hl7("7")) == ["AA"]
    (stored,) = await hospital.messages()
    assert stored.raw == hl7("7")
    assert (stored.kind, stored.control_id, stored.order_key, stored.received_at) == ("ADT^A01", "7", "P1", NOW)
    assert stored.event_at is not None and stored.event_at.hour == 1


async def test_a_resend_is_acknowledged_again_and_stored_once_even_with_a_new_time(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    assert await sender.says(hl7("7"), hl7("7"), hl7("7").replace(b"20260302093000", b"20260302093100")) == ["AA"] * 3
    assert len(await hospital.messages()) == 1
    assert (await hospital.feed("his")).resent == 2


async def test_a_sender_that_counts_anew_loses_nothing(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    assert await sender.says(hl7("1", patient="P1"), hl7("1", patient="P2")) == ["AA", "AA"]
    assert [message.order_key for message in await hospital.messages()] == ["P1", "P2"]


async def test_without_control_ids_the_bytes_tell_resends_apart_if_the_feed_allows_it(hospital: Hospital) -> None:
    await hospital.add("his", refuse_without_control_id=False)
    sender = await hospital.sender()
    assert await sender.says(hl7(""), hl7(""), hl7("", patient="P2")) == ["AA"] * 3
    assert len(await hospital.messages()) == 2


async def test_many_frames_at_once_are_answered_in_their_order(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    await sender.sends(b"".join(frame(hl7(str(number), patient=f"P{number}")) for number in range(300)))
    answers = [await sender.hears() for _ in range(300)]
    assert [answer.split(b"MSA|AA|")[1].split(b"\r")[0] for answer in answers] == [str(number).encode() for number in range(300)]
    assert [message.control_id for message in await hospital.messages()] == [str(number) for number in range(300)]


async def test_a_batch_is_stored_message_by_message_and_each_is_acknowledged(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    batch = b"FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r" + hl7("1") + hl7("2", kind="ZZZ^Z01") + hl7("3") + b"BTS|3\rFTS|1\r"
    await sender.sends(frame(batch))
    assert [line for line in (await sender.hears()).split(b"\r") if line.startswith(b"MSA")] == [b"MSA|AA|1", b"MSA|AR|2", b"MSA|AA|3"]
    assert [message.state for message in await hospital.messages()] == ["new", "dead", "new"]


async def test_while_the_database_is_away_senders_hear_ae_on_a_living_connection(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    assert await sender.says(hl7("1")) == ["AA"]
    async with hospital.db.transaction() as tx:
        await tx.execute(text("alter table feed_message rename to elsewhere"))
    with structlog.testing.capture_logs() as log:
        assert await sender.says(hl7("2")) == ["AE"]
    assert [entry["event"] for entry in log] == ["messages not stored", "message not taken"]
    async with hospital.db.transaction() as tx:
        await tx.execute(text("alter table elsewhere rename to feed_message"))
    assert await sender.says(hl7("2")) == ["AA"]
    assert [message.control_id for message in await hospital.messages()] == ["1", "2"]


async def test_a_machine_that_no_feed_allows_is_not_listened_to(hospital: Hospital) -> None:
    await hospital.add("elsewhere", peers=["10.1.0.0/16"])
    assert await (await hospital.sender()).ended()


async def test_each_sender_has_its_feed_and_a_stranger_is_refused_and_kept(hospital: Hospital) -> None:
    lis, his = await hospital.add("lis", senders=["LIS"]), await hospital.add("his", senders=["HIS|HOSP"])
    sender = await hospital.sender()
    assert await sender.says(hl7("1"), hl7("2", sender="LIS"), hl7("3", sender="PACS")) == ["AA", "AA", "AR"]
    assert [(message.feed_id, message.error_code) for message in await hospital.messages()] == [
        (his, None),
        (lis, None),
        (lis, "unknown_sender"),
    ]


async def test_a_refused_message_is_taken_when_its_feed_has_been_mended(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    assert await sender.says(hl7("1", kind="DFT^P03")) == ["AR"]
    async with hospital.db.transaction() as tx:
        await tx.execute(text("""update feed set settings = '{"types": ["DFT"]}'"""))
    assert await sender.says(hl7("1", kind="DFT^P03")) == ["AA"]
    assert [message.state for message in await hospital.messages()] == ["dead", "new"]


class TestSmall:
    @pytest.fixture
    def intake_settings(self) -> IntakeSettings:
        return IntakeSettings(mllp_port=0, max_message=2048, idle_timeout=0.5, max_connections=2)

    async def test_what_is_too_large_is_refused_and_the_next_message_is_taken(self, hospital: Hospital) -> None:
        await hospital.add("his")
        sender = await hospital.sender()
        assert await sender.says(hl7("1", rest="OBX|1|ED|" + "A" * 5000)) == ["AR"]
        assert await sender.says(hl7("2")) == ["AA"]

    async def test_a_silent_connection_is_closed(self, hospital: Hospital) -> None:
        await hospital.add("his")
        assert await (await hospital.sender()).ended()

    async def test_no_more_connections_than_are_set(self, hospital: Hospital) -> None:
        await hospital.add("his")
        first, second = await hospital.sender(), await hospital.sender()
        assert [await each.says(hl7("1")) for each in (first, second)] == [["AA"], ["AA"]]
        assert await (await hospital.sender()).ended()


@pytest.mark.parametrize("cut", [1, 30, 70])
async def test_a_frame_may_come_in_pieces(hospital: Hospital, cut: int) -> None:
    await hospital.add("his")
    sender, stream = await hospital.sender(), frame(hl7("1")) + frame(hl7("2"))
    for at in range(0, len(stream), cut):
        await sender.sends(stream[at : at + cut])
        await asyncio.sleep(0)
    assert [code(await sender.hears()) for _ in range(2)] == ["AA", "AA"]


async def test_a_sender_that_forgets_the_last_byte_is_answered(hospital: Hospital) -> None:
    await hospital.add("his")
    sender = await hospital.sender()
    await sender.sends(frame(hl7("1"))[:-1])
    assert code(await sender.hears()) == "AA"


async def test_nothing_of_a_patient_is_logged(hospital: Hospital) -> None:
    await hospital.add("his", senders=["LIS"])
    sender = await hospital.sender()
    with structlog.testing.capture_logs() as log:
        await sender.says(hl7("42"), b"PID|1||P1||\xe6\xb5\x8b\xe8\xaf\x95", hl7("43", sender="LIS", kind="ZZZ"))
        await sender.sends(b"\xe6\xb5\x8b\xe8\xaf\x95" + frame(hl7("44", sender="LIS")))
        await sender.hears()
    assert len(log) == 4 and "42" in str(log)
    assert not any(word in str(log) for word in ("测试", "P1", "20250102"))


def certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


class TestTls:
    @pytest.fixture
    def intake_settings(self, tmp_path: Path) -> IntakeSettings:
        cert, key = certificate(tmp_path)
        return IntakeSettings(mllp_port=0, tls_cert=cert, tls_key=key)

    async def test_a_sender_speaks_tls_or_is_not_heard(self, hospital: Hospital, tmp_path: Path) -> None:
        import ssl

        await hospital.add("his")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        trusting.check_hostname = False
        assert await (await hospital.sender(ssl=trusting)).says(hl7("1")) == ["AA"]
        plain = await hospital.sender()
        await plain.sends(frame(hl7("2")))
        assert not (await plain.reader.read(100)).startswith(b"\x0b")
        assert [message.control_id for message in await hospital.messages()] == ["1"]


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(IntakeError, match=r"cert\.pem"):
        tls(IntakeSettings(tls_cert=tmp_path / "cert.pem"))


async def test_hanging_up_amid_a_message_stores_nothing_of_it(hospital: Hospital) -> None:
    await hospital.add("his")
    sender: Sender = await hospital.sender()
    await sender.sends(frame(hl7("1"))[:40])
    sender.writer.close()
    assert await (await hospital.sender()).says(hl7("2")) == ["AA"]
    assert [message.control_id for message in await hospital.messages()] == ["2"]
