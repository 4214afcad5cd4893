"""Erasing a child's data on its family's request: filed by one person, confirmed by another, done in one transaction."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from plans.death import hush
from plans.enrolment import RUNNING, end_plan
from plans.erasure_traces import Strings, blank_shared, erase_traces, strings_of
from plans.invitation import signing_key
from records.care_plan import CarePlan
from records.chat import Chat
from records.erasing import Doomed, changes_of, erase_rows, find_doomed, owned, rows_of
from records.erasure import ERASURE_MOVES, Erasure, KeptRecord, Tombstone, digest_of
from records.message import Inbound
from records.patient import Carer, Patient, PatientCarer
from records.patient_identifier import RECORD_NUMBER, PatientIdentifier
from records.staff import Staff
from records.state import StateChange, created, move

RIGHT = "data.erase"
# Never shorter than law means.
YEAR = timedelta(days=366)
ASKED, DONE = "erasure_asked", "erased"
# Of a kept row nothing is needed that names somebody or what is gone.
_UNNAMED = frozenset({"patient_id", "chat_id", "carer_id", "message_id", "external_userid"})


class ErasureError(Exception):
    """What cannot be done with a request; `code` is open_already, not_open, same_person, incomplete or gone."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class KeptClass:
    """A class of what is kept; see erasure_classes.yml."""

    name: str
    tables: tuple[str, ...]
    years: int
    source: str


@cache
def classes(path: Path | None = None) -> dict[str, KeptClass]:
    """The classes by code. Raises ValueError for a table that holds nothing of patients, that stands twice, or a class without a source."""
    raw = yaml.safe_load((path or Path(__file__).with_name("erasure_classes.yml")).read_text("utf-8")) or {}
    found = {code: KeptClass(each["name"], tuple(each["tables"]), int(each["years"]), each["source"]) for code, each in raw.items()}
    tables = [table for each in found.values() for table in each.tables]
    if wrong := [table for table in tables if table not in owned() or tables.count(table) > 1]:
        raise ValueError(f"erasure classes: {sorted(set(wrong))}")
    if any(not each.source or each.years < 1 for each in found.values()):
        raise ValueError("erasure classes: each needs a source and years")
    return found


async def file_request(
    tx: AsyncSession, patient: Patient, staff: Staff, *, relationship: str, why: str, checked: str, now: datetime
) -> Erasure:
    """Put the request on file. From now on nothing is sent to the family that it did not ask for: the plans end, as when consent is taken
    back. Raises ErasureError (incomplete, open_already)."""
    if not (relationship and why and checked):
        raise ErasureError("incomplete")
    await tx.scalar(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    if await tx.scalar(select(Erasure.id).where(Erasure.patient_id == patient.id, Erasure.state == "open")) is not None:
        raise ErasureError("open_already")
    request = Erasure(
        patient_id=patient.id, team_id=patient.team_id, relationship=relationship, why=why, checked=checked, filed_by=staff.id, filed_at=now
    )  # fmt: skip
    tx.add(request)
    await tx.flush()
    created(tx, request, at=now, by=staff.userid)
    for plan in (await tx.scalars(select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.state.in_(RUNNING)))).all():
        await end_plan(tx, plan, state="withdrawn", by=staff.userid, reason=ASKED, now=now)
    alone = await _only_his(tx, patient.id)
    await tx.execute(update(Carer).where(Carer.id.in_(alone), Carer.stopped_at.is_(None)).values(stopped_at=now))
    await hush(tx, patient, alone, by=staff.userid, reason=ASKED, now=now)
    return request


async def refuse(tx: AsyncSession, request: Erasure, staff: Staff, *, why: str, now: datetime) -> None:
    """The request is not granted. The plans have ended: whoever is wanted in one is enrolled anew. Raises ErasureError."""
    if not why:
        raise ErasureError("incomplete")
    await _decide(tx, request, "refused", staff, now, refusal=why)
    alone = await _only_his(tx, request.patient_id)
    await tx.execute(update(Carer).where(Carer.id.in_(alone), Carer.stopped_at == request.filed_at).values(stopped_at=None))


async def preview(tx: AsyncSession, patient: Patient) -> dict[str, Any]:
    """What would be erased and kept, in numbers, and how many carers speak for other children too."""
    doomed = await _doomed(tx, patient.id)
    kept = {code: sum([len(await rows_of(tx, table, doomed)) for table in each.tables]) for code, each in classes().items()}
    keeps = {table for each in classes().values() for table in each.tables}
    counts = {name: len(ids) for name, ids in doomed.items() if ids and name not in keeps}
    carers = await tx.scalar(select(func.count()).where(PatientCarer.patient_id == patient.id)) or 0
    return {"rows": sum(counts.values()), "messages": counts.get("inbound", 0), "kept": kept, "shared": carers - len(doomed["carer"])}


async def erase(tx: AsyncSession, request: Erasure, staff: Staff, *, now: datetime) -> list[str]:
    """Erase all that is on file about the child but what law keeps, which loses its names; the files to be removed once this is committed.

    Raises ErasureError: not_open, same_person (whoever filed it cannot confirm it), gone.
    """
    if request.filed_by == staff.id:
        raise ErasureError("same_person")
    if request.state != "open":
        raise ErasureError("not_open")
    patient = await tx.get(Patient, request.patient_id)
    if patient is None:
        raise ErasureError("gone")
    # Whoever writes about the child or to its family waits, and then finds nobody. Chats first, as the road of a message locks them.
    carers = select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient.id)
    mine = select(Chat.id).where(or_(Chat.patient_id == patient.id, Chat.carer_id.in_(carers))).order_by(Chat.id)
    await tx.execute(mine.with_for_update())
    await tx.refresh(patient, with_for_update=True)
    await tx.flush()
    doomed = await _doomed(tx, patient.id)
    strings = await strings_of(tx, patient, doomed)
    files = await _files(tx, doomed)
    kept = await _keep(tx, request, doomed, strings, now.date())
    await _bury(tx, request, patient)
    blanked = await blank_shared(tx, patient.id, doomed, strings)
    traces = await erase_traces(tx, doomed, strings)
    deleted = await erase_rows(tx, doomed, why=f"erasure:{request.id}", now=now)
    for row in [each for each in tx if getattr(each, "__tablename__", "") in owned()]:
        tx.expunge(row)
    # What staff wrote about the request stays as its proof, without names.
    request.why, request.checked = strings.hide(request.why), strings.hide(request.checked)
    counts = Counter(deleted) + Counter(traces) - Counter(table for table, _, _ in kept)
    classed = Counter(code for _, code, _ in kept)
    certificate = {"deleted": dict(sorted(counts.items())), "kept": {code: classed[code] for code in classes()}}
    # How many lines of the audit went with them, for whoever verifies it.
    told = deleted.get("state_change", 0)
    request.certificate = {**certificate, "blanked": blanked, "files": len(files), "audit": told}
    await _decide(tx, request, "done", staff, now, detail=request.certificate)
    return files


async def lift(tx: AsyncSession, request: Erasure, staff: Staff, *, why: str, now: datetime) -> None:
    """The family wants to be known again: the hospital's systems may bring the child anew. Raises ErasureError (incomplete, not_open)."""
    if not why:
        raise ErasureError("incomplete")
    gone = await tx.execute(delete(Tombstone).where(Tombstone.erasure_id == request.id))
    if not gone.rowcount:  # type: ignore[attr-defined]
        raise ErasureError("not_open")
    tx.add(StateChange(entity="erasure", entity_id=request.id, old=request.state, new="lifted", at=now, by=staff.userid, reason=why))


async def forget_kept(tx: AsyncSession, today: date) -> int:
    """Delete what has been kept long enough; how many rows."""
    return int((await tx.execute(delete(KeptRecord).where(KeptRecord.keep_until < today))).rowcount)  # type: ignore[attr-defined]


async def _decide(
    tx: AsyncSession, request: Erasure, state: str, staff: Staff, now: datetime, *, detail: dict[str, Any] | None = None, **columns: Any
) -> None:
    await tx.refresh(request, attribute_names=["state"], with_for_update=True)
    if request.state != "open":
        raise ErasureError("not_open")
    await move(
        tx, request, state, moves=ERASURE_MOVES, at=now, by=staff.userid, detail=detail, decided_by=staff.id, decided_at=now, **columns
    )  # fmt: skip


async def _only_his(tx: AsyncSession, patient_id: int) -> set[int]:
    """The carers who speak for nobody else."""
    other = aliased(PatientCarer)
    shared = exists().where(other.carer_id == PatientCarer.carer_id, other.patient_id != patient_id)
    return set(await tx.scalars(select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient_id, ~shared)))


async def _doomed(tx: AsyncSession, patient_id: int) -> Doomed:
    carers = await _only_his(tx, patient_id)
    own = or_(Chat.carer_id.in_(carers), (Chat.patient_id == patient_id) & Chat.carer_id.is_(None))
    return await find_doomed(tx, {"patient": [patient_id], "carer": carers, "chat": await tx.scalars(select(Chat.id).where(own))})


async def _files(tx: AsyncSession, doomed: Doomed) -> list[str]:
    file = Inbound.outcome["media"]["file"].astext
    return [each for each in await tx.scalars(select(file).where(Inbound.chat_id.in_(doomed["chat"]), file.is_not(None))) if each]


async def _keep(tx: AsyncSession, request: Erasure, doomed: Doomed, strings: Strings, today: date) -> list[tuple[str, str, dict[str, Any]]]:
    """Keep what law keeps, without names; what that was: table, class, row."""
    kept = []
    for code, each in classes().items():
        rows = [(table, row) for table in each.tables for row in await rows_of(tx, table, doomed)]
        rows += [("state_change", row) for table in each.tables for row in await changes_of(tx, table, doomed)]
        until = today + each.years * YEAR
        tx.add_all(
            KeptRecord(
                erasure_id=request.id, kind=code, table=table, keep_until=until,
                body=strings.hide_in({name: value for name, value in row.items() if name not in _UNNAMED}),
            )
            for table, row in rows
        )  # fmt: skip
        kept += [(table, code, row) for table, row in rows]
    return kept


async def _bury(tx: AsyncSession, request: Erasure, patient: Patient) -> None:
    """Keep the digests of the child's numbers."""
    key = await signing_key(tx)
    his = select(PatientIdentifier.system, PatientIdentifier.value).where(PatientIdentifier.patient_id == patient.id)
    numbers = {(RECORD_NUMBER, patient.record_number), *(await tx.execute(his))}
    system, _, value = patient.record_number.partition(":")
    digests = {digest_of(key, *each) for each in numbers | ({(system, value)} if value else set())}
    known = set(await tx.scalars(select(Tombstone.digest).where(Tombstone.digest.in_(digests))))
    tx.add_all(Tombstone(digest=digest, erasure_id=request.id) for digest in digests - known)
