"""What `careloop patient …` does: answering whose record is whose, merging by hand, and taking it back."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.intake.dead_letters import Selection, replay
from bot.links import find_patient
from bot.registry import RegistryError
from plans.merge import MergeError, merge, unmerge
from records.patient import Patient, patients_numbered
from records.patient_identifier import PROPOSAL_MOVES, LinkProposal, PatientMerge
from records.state import move
from tagging.particulars import record_key
from tagging.portrait.numbers import in_words


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("patients.yml").read_text("utf-8"))
    return loaded


def _say(path: str, **values: object) -> str:
    group, name = path.split(".")
    return str(_texts()[group][name]).format(**values)


async def links(tx: AsyncSession, *, everything: bool, limit: int, zone: ZoneInfo) -> str:
    """The questions in lines, the oldest first."""
    query = select(LinkProposal).order_by(LinkProposal.id).limit(limit)
    rows = await tx.scalars(query if everything else query.where(LinkProposal.state == "open"))
    return "\n".join([line for row in rows.all() for line in await _lines(tx, row, zone)]) or _say("line.nothing")


async def accept(tx: AsyncSession, id: int, number: str | None, *, by: str, now: datetime) -> str:
    """The two of the question are one; what is told about it. Raises RegistryError (unknown, answered, nobody named)."""
    row = await _open(tx, id)
    if row.patient_id is not None and row.candidate_id is not None:
        kept, gone = await tx.get_one(Patient, row.candidate_id), await tx.get_one(Patient, row.patient_id)
        # The merge answers the question.
        told = await _merge(tx, kept, gone, f"question {row.id}", by=by, now=now)
        return f"{told}\n{_say('done.accepted', count=await _again(tx, row, by, now))}"
    if row.patient_id is not None:
        await move(tx, row, "accepted", moves=PROPOSAL_MOVES, at=now, by=by, decided_at=now, decided_by=by)
        return _say("done.seen")
    if row.candidate_id is None:
        if number is None:
            raise RegistryError(_say("done.whom"))
        row.candidate_id = (await find_patient(tx, number)).id
        await tx.flush()
    await move(tx, row, "accepted", moves=PROPOSAL_MOVES, at=now, by=by, decided_at=now, decided_by=by)
    await _close_siblings(tx, row, by=by, now=now)
    return _say("done.accepted", count=await _again(tx, row, by, now))


async def _close_siblings(tx: AsyncSession, row: LinkProposal, *, by: str, now: datetime) -> None:
    """A message whose numbers fit several asks about each; once one of them is meant, the others are not."""
    same = (LinkProposal.feed == row.feed, LinkProposal.message_id == row.message_id, LinkProposal.why == row.why)
    others = select(LinkProposal).where(*same, LinkProposal.state == "open", LinkProposal.id != row.id, LinkProposal.patient_id.is_(None))
    for other in await tx.scalars(others.order_by(LinkProposal.id).with_for_update()):
        if other.candidate_id is not None and other.person == row.person:
            reason = f"question {row.id}"
            await move(
                tx, other, "refused", moves=PROPOSAL_MOVES, at=now, by=by, reason=reason, decided_at=now, decided_by=by
            )  # fmt: skip


async def refuse(tx: AsyncSession, id: int, *, by: str, now: datetime) -> str:
    """The two of the question are two; what is told about it. Raises RegistryError."""
    row = await _open(tx, id)
    await move(tx, row, "refused", moves=PROPOSAL_MOVES, at=now, by=by, decided_at=now, decided_by=by)
    return _say("done.refused")


async def merge_numbers(tx: AsyncSession, kept: str, gone: str, why: str, *, by: str, now: datetime) -> str:
    """Merge the patients of two record numbers. Raises RegistryError."""
    return await _merge(tx, await find_patient(tx, kept), await find_patient(tx, gone), why, by=by, now=now)


async def unmerge_number(tx: AsyncSession, number: str, *, by: str, now: datetime) -> str:
    """Take back the newest merge of the patient who had this number. Raises RegistryError."""
    row = await _merge_of(tx, number)
    if row is None:
        raise RegistryError(_say("done.no_merge", number=number))
    try:
        again = await unmerge(tx, row, now=now, by=by)
    except MergeError as err:
        raise RegistryError(_say(f"done.{err.code}")) from err
    return _say("done.unmerged", gone=_patient(again))


async def _merge(tx: AsyncSession, kept: Patient, gone: Patient, why: str, *, by: str, now: datetime) -> str:
    described, number = _patient(gone), gone.record_number
    try:
        row = await merge(tx, kept, gone, now=now, by=by, reason=why)
    except MergeError as err:
        raise RegistryError(_say(f"done.{err.code}")) from err
    return _say("done.merged", gone=described, kept=_patient(kept), merge=row.id, number=number)


async def _merge_of(tx: AsyncSession, number: str) -> PatientMerge | None:
    """The newest merge, not undone, by which this number became an alias; it is the number of whoever was kept then."""
    wanted = record_key(number)
    for patient in await patients_numbered(tx, wanted):
        rows = select(PatientMerge).where(PatientMerge.kept_id == patient.id, PatientMerge.undone_at.is_(None))
        for row in await tx.scalars(rows.order_by(PatientMerge.id.desc())):
            if wanted in {record_key(each.rpartition(":")[2]) for each in row.numbers}:
                return row
    return None


async def _open(tx: AsyncSession, id: int) -> LinkProposal:
    row = await tx.get(LinkProposal, id, with_for_update=True)
    if row is None:
        raise RegistryError(_say("done.unknown", id=id))
    if row.state != "open":
        raise RegistryError(_say("done.answered", id=id, state=_say(f"state.{row.state}")))
    return row


async def _again(tx: AsyncSession, row: LinkProposal, by: str, now: datetime) -> int:
    """Have the messages that wait for such an answer applied again; those that wait for another one only wait on."""
    return await replay(tx, Selection(feed=row.feed, code=row.why), by=by, now=now)


async def _lines(tx: AsyncSession, row: LinkProposal, zone: ZoneInfo) -> list[str]:
    when = f"{row.created_at.astimezone(zone):%Y-%m-%d %H:%M}"
    lines = [_say("line.question", id=row.id, when=when, why=_say(f"why.{row.why}"), state=_say(f"state.{row.state}"))]
    lines.append(_say("line.said", feed=row.feed, message=row.message_id, person=_person(row.person)))
    for name, id in (("own", row.patient_id), ("candidate", row.candidate_id)):
        if id is not None and (patient := await tx.get(Patient, id)) is not None:
            lines.append(_say(f"line.{name}", patient=_patient(patient)))
    if row.patient_id is None and row.state == "open":
        lines.append(_say("line.waits"))
    return lines


def _patient(patient: Patient) -> str:
    sex = _say(f"sex.{patient.sex}") if patient.sex in ("M", "F") else ""
    told = _say("line.patient", name=patient.name, record_number=in_words(patient.record_number), sex=sex, birth_date=patient.birth_date)
    return " ".join(told.split())


def _person(said: dict[str, Any]) -> str:
    """What the message said of the person, as far as one compares it."""
    numbers = [f"{each['system']}:{each['value']}" for each in said.get("identifiers", ())]
    sex = _say(f"sex.{said['sex']}") if said.get("sex") in ("M", "F") else None
    return " ".join(filter(None, [said.get("name"), sex, said.get("birth_date"), *said.get("phones", ()), *numbers]))


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> None:
    import asyncio

    from bot.app import core
    from bot.cli_run import command_settings

    async def run() -> str:
        async with core(command_settings("patient"), role="patient", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    print(asyncio.run(run()))


def links_command(*, everything: bool, limit: int) -> None:
    """`careloop patient links`."""
    _in_transaction(lambda tx, parts: links(tx, everything=everything, limit=limit, zone=parts.settings.tz))


def accept_command(id: int, number: str | None, *, by: str) -> None:
    """`careloop patient accept`."""
    _in_transaction(lambda tx, parts: accept(tx, id, number, by=by, now=parts.clock()))


def refuse_command(id: int, *, by: str) -> None:
    """`careloop patient refuse`."""
    _in_transaction(lambda tx, parts: refuse(tx, id, by=by, now=parts.clock()))


def merge_command(kept: str, gone: str, why: str, *, by: str) -> None:
    """`careloop patient merge`."""
    _in_transaction(lambda tx, parts: merge_numbers(tx, kept, gone, why, by=by, now=parts.clock()))


def unmerge_command(gone: str, *, by: str) -> None:
    """`careloop patient unmerge`."""
    _in_transaction(lambda tx, parts: unmerge_number(tx, gone, by=by, now=parts.clock()))
