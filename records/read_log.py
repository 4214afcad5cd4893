"""Who opened a patient's record, and who tried to: what a clinician, and on request the family, is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from records.fhir_client import FhirClient
from records.patient import ReadAudit
from records.patient_identifier import PatientMerge
from records.refusal import AccessRefusal
from records.staff import Staff

# So many are read, and what one person did again within the hour stands once.
SHOWN, SAME_LOOK = 500, timedelta(hours=1)


@dataclass(frozen=True)
class Look:
    """One reading of the record, or an attempt that was `refused`. `who` is a clinician or a program; None: the command line."""

    at: datetime
    who: str | None
    title: str | None
    why: str
    refused: bool


async def selves(tx: AsyncSession, patient_id: int) -> list[int]:
    """Under which ids a patient's record has been read: his own, and those of the records that were merged into it."""
    his = select(literal(patient_id, BigInteger).label("id")).cte("his", recursive=True)
    merged = select(PatientMerge.gone_id).join(his, PatientMerge.kept_id == his.c.id).where(PatientMerge.undone_at.is_(None))
    return sorted(await tx.scalars(select(his.union(merged).c.id)))


async def looks_at(tx: AsyncSession, patient_id: int) -> list[Look]:
    """The latest looks at a patient's record, newest first. The caller has been let in to the patient."""
    ids = await selves(tx, patient_id)
    read = (
        select(ReadAudit.at, Staff.name, Staff.title, FhirClient.name.label("client"), ReadAudit.why, literal(False).label("refused"))
        .outerjoin(Staff, Staff.id == ReadAudit.staff_id)
        .outerjoin(FhirClient, FhirClient.id == ReadAudit.client_id)
        .where(ReadAudit.patient_id.in_(ids))
        .order_by(ReadAudit.id.desc())
        .limit(SHOWN)
    )
    refused = (
        select(AccessRefusal.at, Staff.name, Staff.title, null().label("client"), AccessRefusal.why, literal(True).label("refused"))
        .join(Staff, Staff.id == AccessRefusal.staff_id)
        .where(AccessRefusal.what.in_([f"patient {id}" for id in ids]))
        .order_by(AccessRefusal.id.desc())
        .limit(SHOWN)
    )
    rows = (await tx.execute(union_all(read.subquery().select(), refused.subquery().select()))).all()
    looks = [Look(at, name or client, title, why, is_refused) for at, name, title, client, why, is_refused in rows]
    shown: list[Look] = []
    last: dict[tuple[str | None, str, bool], Look] = {}
    for look in sorted(looks, key=lambda look: look.at, reverse=True):
        kind = (look.who, look.why, look.refused)
        if kind not in last or last[kind].at - look.at > SAME_LOOK:
            shown.append(look)
            last[kind] = look
    return shown[:SHOWN]
