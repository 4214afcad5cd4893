"""Everything on file about a patient, for the family that asks for it: the record as FHIR, the asking carer's own chat, who has read."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.portrait import everything
from bot.reply import plain_text
from records.chat import Chat
from records.consent import Consent
from records.message import CUSTOMER, Inbound, Outbound
from records.patient import Carer, Patient, PatientCarer, ReadAudit, note_reads
from records.read_log import selves
from records.role import Rights
from records.staff import Staff
from records.state import StateChange

RIGHT, WHY = "data.export", "export"
# What was written; what was tried and never sent is not the family's.
SENT = "sent"


@dataclass(frozen=True)
class Export:
    """The parts of an export, still in memory. `chat` is None where the asking person is no carer whose account is known."""

    record: dict[str, Any]
    chat: list[dict[str, Any]] | None
    consents: list[dict[str, Any]]
    reads: list[dict[str, Any]]

    def packed(self) -> bytes:
        """As one zip file. Takes some 100 ms for a long record: call it in a thread."""
        parts = {"record.fhir.json": self.record, "chat.json": self.chat, "consents.json": self.consents, "reads.json": self.reads}
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for name, part in parts.items():
                if part is not None:
                    file.writestr(name, json.dumps(part, ensure_ascii=False, indent=1))
        return packed.getvalue()


async def carers_of(tx: AsyncSession, patient_id: int) -> list[tuple[Carer, str]]:
    """Who may ask: the carers bound to the patient, and as what."""
    query = select(Carer, PatientCarer.relationship).join(PatientCarer, PatientCarer.carer_id == Carer.id)
    rows = await tx.execute(query.where(PatientCarer.patient_id == patient_id).order_by(PatientCarer.primary.desc(), Carer.id))
    return [(carer, relationship) for carer, relationship in rows]


async def export(
    tx: AsyncSession,
    staff: Staff,
    rights: Rights,
    patient: Patient,
    carer: Carer | None,
    *,
    reason: str,
    base: str,
    zone: ZoneInfo,
    now: datetime,
) -> Export:
    """What is on file about `patient`, read by `staff` and written down as a read and with its reason. Of chats only that of `carer`: what
    another carer wrote is not hers to read. Raises RightMissing."""
    rights.check(RIGHT, patient.team_id)
    await note_reads(tx, staff, [patient.id], why=WHY, now=now)
    detail = {"carer": carer.id if carer is not None else None}
    tx.add(
        StateChange(
            entity="patient", entity_id=patient.id, old="kept", new="exported", at=now, by=staff.userid, reason=reason, detail=detail
        )
    )
    await tx.flush()
    return Export(
        await everything(tx, patient.id, base, most=None),
        await _chat(tx, carer, zone) if carer is not None else None,
        [
            {"at": _at(row.at, zone), "answer": row.answer, "relationship": row.relationship, "text": row.text_version, "said": row.said}
            for row in await tx.scalars(select(Consent).where(Consent.patient_id == patient.id).order_by(Consent.id))
        ],
        await _reads(tx, patient.id, zone),
    )


async def _chat(tx: AsyncSession, carer: Carer, zone: ZoneInfo) -> list[dict[str, Any]]:
    chats: Sequence[int] = (await tx.scalars(select(Chat.id).where(Chat.carer_id == carer.id))).all()
    heard = await tx.scalars(select(Inbound).where(Inbound.chat_id.in_(chats)))
    lines = [
        (row.sent_at, {"from": "family" if row.origin == CUSTOMER else "staff", "type": row.msgtype, "text": row.text}) for row in heard
    ]
    said = await tx.scalars(select(Outbound).where(Outbound.chat_id.in_(chats), Outbound.state == SENT))
    lines += [
        (row.sent_at or row.created_at, {"from": "assistant", "type": row.route, "text": plain_text(row.payload) or None}) for row in said
    ]
    return [{"at": _at(at, zone), **line} for at, line in sorted(lines, key=lambda each: each[0])]


async def _reads(tx: AsyncSession, patient_id: int, zone: ZoneInfo) -> list[dict[str, Any]]:
    query = select(ReadAudit, Staff.name).outerjoin(Staff, Staff.id == ReadAudit.staff_id)
    rows = await tx.execute(query.where(ReadAudit.patient_id.in_(await selves(tx, patient_id))).order_by(ReadAudit.id))
    return [{"at": _at(row.at, zone), "by": name or "program", "why": row.why} for row, name in rows]


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()
