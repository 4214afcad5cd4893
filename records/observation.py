"""What was measured or reported about a patient, in UCUM units."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, bindparam, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity
from records.said import Saying


class Observation(Identity, Saying, Changing, Base):
    """One finding. `code` is the vital or symptom concept; `value` with `unit` (UCUM) for numbers, `text` for what was said.

    `status` follows FHIR: final, preliminary (needs a second weighing), unknown (no value that can be true: only its words are kept),
    registered (no value yet), cancelled, entered-in-error. What a hospital's system measured is `source_id` in `source`.
    """

    __tablename__ = "observation"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    code: Mapped[str]
    value: Mapped[float | None]
    unit: Mapped[str | None]
    text: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="final")
    effective_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str | None]
    source_id: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index("ix_observation_patient_id_code_effective_at", "patient_id", "code", "effective_at"),
        # What was told lately, whatever it was about.
        Index("ix_observation_patient_id_effective_at", "patient_id", "effective_at"),
        # The same finding of the same message is one observation, however often the message is handled.
        Index("uq_observation_message_id_code", "message_id", "code", "effective_at", "text", unique=True),
        UniqueConstraint("source", "source_id"),
        Index("ix_observation_preliminary", "effective_at", "id", postgresql_where=sql("status = 'preliminary'")),
    )


_CODE = bindparam("code", type_=Text)
# Written as a range and in this order only the index of patient, code and time serves it; see plans/finding.py.
_HISTORY = (
    select(Observation)
    .where(
        Observation.patient_id == bindparam("patient"),
        Observation.code.between(_CODE, _CODE),
        Observation.status == "final",
        Observation.value.is_not(None),
    )
    .order_by(Observation.code.desc(), Observation.effective_at.desc(), Observation.id.desc())
    .limit(bindparam("limit"))
)


async def history(tx: AsyncSession, patient_id: int, code: str, *, limit: int = 30) -> list[Observation]:
    """The latest final numbers of `code`, oldest first."""
    return list(await tx.scalars(_HISTORY, {"patient": patient_id, "code": code, "limit": limit}))[::-1]
