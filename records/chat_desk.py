"""What clinicians keep beside a chat: notes that no family sees, canned answers, how far each has read; and the door to a chat."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.chat import Chat
from records.patient import AccessRefused, Patient, PatientCarer, note_reads
from records.staff import Staff, TeamMember, teams_of

# The longest note and canned answer (characters), and the longest title.
LONGEST, LONGEST_TITLE = 1000, 40


class ChatNote(Identity, Base):
    """A note for colleagues of one team. It is never sent."""

    __tablename__ = "chat_note"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_chat_note_chat_id_at", "chat_id", "at"),)


class CannedAnswer(Identity, Base):
    """What a team often answers; `{name}` stands for the child's name."""

    __tablename__ = "canned_answer"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    title: Mapped[str]
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class ChatSeen(Base):
    """How far one clinician has read a chat: up to the family's message `inbound_id`."""

    __tablename__ = "chat_seen"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    inbound_id: Mapped[int]


def belongs_to(staff_id: int) -> ColumnElement[bool]:
    """Whether a chat is one of this member's teams: that of a child it may be about, or its own where no child is known."""
    mine = teams_of(staff_id)
    child = select(PatientCarer.carer_id).where(PatientCarer.carer_id == Chat.carer_id, PatientCarer.patient_id == Patient.id)
    # OFFSET has it asked for each chat: else all families of the hospital may be gathered for the few that are looked at.
    own, any_child = child.where(Patient.team_id.in_(mine)).offset(0).exists(), child.offset(0).exists()
    return or_(own, and_(Chat.team_id.in_(mine), ~any_child))


async def chat_about(tx: AsyncSession, staff: Staff, patient_id: int) -> int | None:
    """The chat in which the patient's carer, the primary one first, wrote last, where `staff` may open it."""
    of_carers = select(Chat.id).join(PatientCarer, PatientCarer.carer_id == Chat.carer_id)
    mine = of_carers.where(PatientCarer.patient_id == patient_id, belongs_to(staff.id))
    found: int | None = await tx.scalar(mine.order_by(PatientCarer.primary.desc(), Chat.window_from.desc().nulls_last()).limit(1))
    return found


async def access_chat(
    tx: AsyncSession, staff: Staff, chat_id: int, *, now: datetime, why: str, lock: bool = False
) -> tuple[Chat, list[Patient]]:
    """The chat, and those of the carer's children who are followed by a team of `staff`; looking at them is noted in the read audit.

    Raises AccessRefused, for a chat that is not there too.
    """
    query = select(Chat).where(Chat.id == chat_id, belongs_to(staff.id)).execution_options(populate_existing=True)
    chat = await tx.scalar(query.with_for_update(of=Chat) if lock else query)
    if chat is None or not staff.active:
        raise AccessRefused(f"chat {chat_id}")
    mine = (
        select(Patient)
        .join(PatientCarer, PatientCarer.patient_id == Patient.id)
        .join(TeamMember, TeamMember.team_id == Patient.team_id)
        .where(PatientCarer.carer_id == chat.carer_id, TeamMember.staff_id == staff.id)
        .order_by(Patient.birth_date.desc(), Patient.id)
    )
    patients = list(await tx.scalars(mine)) if chat.carer_id is not None else []
    await note_reads(tx, staff, {patient.id for patient in patients}, why=why, now=now)
    return chat, patients
