"""The whole road: from a sender's wire into the record, through the sweep and the worker's own handler."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from bot.apply import apply, apply_all
from bot.intake.applying import FeedApplier, lanes_to_apply
from bot.intake.dead_letters import Selection, replay
from bot.intake.readers import VERSION, read_message
from records.feed import FeedMessage
from records.lab_result import LabResult
from records.patient import Patient
from records.staff import Team
from tests.bot.intake.conftest import NOW, ZONE, Hospital, hl7

RESULTS = "OBR|1||R1|CBC^血常规^99LIS|||20260302080000\rOBX|1|NM|WBC^白细胞^99LIS||8.5|10*9/L|4-10|N|||F|||20260302080000\r"


async def settles(hospital: Hospital) -> dict[str, str]:
    """Everything applied that may be; the states by control id."""
    applier = FeedApplier(hospital.db, lambda: NOW, ZONE, read=read_message, apply=apply, apply_all=apply_all, version=VERSION)
    while True:
        async with hospital.db.transaction() as tx:
            jobs = await lanes_to_apply(tx, NOW)
        if not jobs:
            return {message.control_id or "": message.state for message in await hospital.messages()}
        for job in jobs:
            await applier.run(job.key)


async def team(hospital: Hospital) -> None:
    async with hospital.db.transaction() as tx:
        tx.add(Team(name="随访组"))


async def test_a_child_and_its_results_come_in_over_the_wire(hospital: Hospital) -> None:
    await hospital.add("lis")
    await team(hospital)
    sender = await hospital.sender()
    assert await sender.says(hl7("1"), hl7("2", kind="ORU^R01", rest=RESULTS), hl7("2", kind="ORU^R01", rest=RESULTS)) == ["AA"] * 3
    assert await settles(hospital) == {"1": "applied", "2": "applied"}
    async with hospital.db.transaction() as tx:
        (patient,) = await tx.scalars(select(Patient))
        (result,) = await tx.scalars(select(LabResult))
    assert patient.sex == "F" and patient.birth_date.isoformat() == "2025-01-02"
    assert result.patient_id == patient.id


async def test_what_cannot_be_applied_is_a_dead_letter_until_it_is_mended(hospital: Hospital) -> None:
    await hospital.add("lis")
    await team(hospital)
    sender = await hospital.sender()
    assert await sender.says(hl7("1", kind="ADT^A40"), hl7("2")) == ["AA", "AA"]
    assert await settles(hospital) == {"1": "dead", "2": "applied"}
    dead = (await hospital.messages())[0]
    assert (dead.error_code, dead.attempts) == ("no_second", 1)
    async with hospital.db.transaction() as tx:
        assert await replay(tx, Selection(code="no_second"), by="it", now=NOW) == 1
    assert (await settles(hospital))["1"] == "dead"


async def test_a_replay_of_everything_changes_nothing(hospital: Hospital) -> None:
    await hospital.add("lis")
    await team(hospital)
    sender = await hospital.sender()
    await sender.says(hl7("1"), hl7("2", kind="ORU^R01", rest=RESULTS), hl7("3", kind="ADT^A08"))
    await settles(hospital)

    async def record() -> list[tuple[str, datetime]]:
        async with hospital.db.transaction() as tx:
            return [(row.source_id, row.updated_at) for row in await tx.scalars(select(LabResult))]

    before = await record()
    async with hospital.db.transaction() as tx:
        assert await replay(tx, Selection(feed="lis", state="applied"), by="it", now=NOW) == 3
    assert set((await settles(hospital)).values()) == {"applied"}
    assert await record() == before and before


async def test_every_public_sample_is_applied_or_says_why_not(hospital: Hospital, shared: Path) -> None:
    await hospital.add("samples", refuse_without_control_id=False, types=["PPR", "VXU", "SIU", "MDM"])
    await team(hospital)
    sender = await hospital.sender()
    samples = sorted((shared / "data/hl7/messages").glob("*.hl7"))
    assert set(await sender.says(*(sample.read_bytes().replace(b"|T|", b"|P|") for sample in samples))) == {"AA", "CA"}
    states = await settles(hospital)
    assert set(states.values()) <= {"applied", "ignored", "dead"}
    async with hospital.db.transaction() as tx:
        reasons = {message.error_code for message in await tx.scalars(select(FeedMessage).where(FeedMessage.state == "dead"))}
        assert "unexpected" not in reasons, reasons
