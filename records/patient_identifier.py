"""Under which numbers a patient is known, which of them may be one person, and which were made one (FHIR Identifier, Patient.link)."""

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.sealed import Sealed, SealedJson, blind_of, follow_blinds
from records.state import Moves

MOST_MERGES = 20
# Long enough to look again at an answer that somebody doubts.
CLAIMS_KEPT = timedelta(days=30)
NATIONAL_ID, EMPI, RECORD_NUMBER = "national-id", "empi", "record-number"
# A record number as it is compared (`plain_number`), of rows that an older version wrote and nobody has sealed yet.
VALUE_KEY = "upper(regexp_replace(value, '[^0-9A-Za-z]', '', 'g'))"


def plain_number(written: str) -> str:
    """A record number as it is compared: letters and digits alone, however it is printed."""
    return re.sub(r"[^0-9A-Za-z]", "", written).upper()


class PatientIdentifier(Identity, Base):
    """A number that one patient has, from `since` until `until` (None: still). `system` is the platform's name of the numbering, `source`
    the feed that told it. An `alias` was the number of a patient who was merged into this one: it finds him, and nobody writes it.
    """

    __tablename__ = "patient_identifier"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    system: Mapped[str]
    value: Mapped[str] = mapped_column(Sealed("patient_identifier.value", "value_blind"))
    value_blind: Mapped[str | None] = blind_of("patient_identifier.value", lambda row: row["value"], "value")
    value_key_blind: Mapped[str | None] = blind_of("record_key", lambda row: plain_number(row["value"]), "value")
    source: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    alias: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index(
            "uq_patient_identifier_open_blind", "system", "value_blind", unique=True,
            postgresql_where=text("until is null and value_blind is not null"),
        ),
        Index(
            "ix_patient_identifier_key_blind", "value_key_blind",
            postgresql_where=text("system = 'record-number' and until is null and value_key_blind is not null"),
        ),
        # Older versions look up and insert by these; they go once none of them can be beside us.
        Index("uq_patient_identifier_open", "system", "value", unique=True, postgresql_where=text("until is null")),
        Index("ix_patient_identifier_record_key", text(VALUE_KEY), postgresql_where=text("system = 'record-number' and until is null")),
        # Of rows that nobody has sealed yet.
        Index("ix_patient_identifier_plain", "value", postgresql_where=text("value_blind is null")),
        Index("ix_patient_identifier_key_plain", text(VALUE_KEY), postgresql_where=text("value_key_blind is null")),
    )  # fmt: skip


follow_blinds(PatientIdentifier)


# refused stays on file, so that the same question is not put twice.
PROPOSAL_MOVES: Moves = {
    "open": frozenset({"accepted", "refused"}),
    "accepted": frozenset(),
    "refused": frozenset(),
}
# name_birth_phone: two patients look like one. The others stopped a message, or a number of it, because what it says does not fit.
PROPOSAL_WHY = (
    "name_birth_phone", "conflict_name", "conflict_birth_date", "conflict_sex", "conflict_national_id", "shared_identifier",
    "mother_id_used",
)  # fmt: skip


class LinkProposal(Identity, Base):
    """A question to a person: is `person` (as a message of `feed` described him) the patient `candidate_id`?

    `patient_id` is his own record where he has one already; without it the message `message_id` waits for the answer. `key` is the same
    for the same question; a question is put once.
    """

    __tablename__ = "link_proposal"

    key: Mapped[str] = mapped_column(unique=True)
    why: Mapped[str]
    feed: Mapped[str]
    message_id: Mapped[str]
    person: Mapped[dict[str, Any]] = mapped_column(SealedJson("link_proposal.person"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    candidate_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    state: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]

    __table_args__ = (Index("ix_link_proposal_open", "id", postgresql_where=text("state = 'open'")),)


class PatientMerge(Identity, Base):
    """Two patients became one: `gone_id` (with `numbers`, as `system:value`) into `kept_id`. `moved` is all that is needed to undo it.

    The row of the patient who is gone is in `moved` too: while he is merged there is none of him that a list could show.
    """

    __tablename__ = "patient_merge"

    kept_id: Mapped[int] = mapped_column(BigInteger, index=True)
    gone_id: Mapped[int] = mapped_column(BigInteger, index=True)
    numbers: Mapped[list[str]] = mapped_column(SealedJson("patient_merge.numbers"))
    moved: Mapped[dict[str, Any]] = mapped_column(SealedJson("patient_merge.moved"))
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]


async def replaced_by(tx: AsyncSession, gone_id: int) -> tuple[int, datetime] | None:
    """Into whom a patient has been merged, through all merges since, and when the last of them was; None where he is nobody's."""
    found: tuple[int, datetime] | None = None
    merges = select(PatientMerge.kept_id, PatientMerge.at).where(PatientMerge.undone_at.is_(None)).order_by(PatientMerge.id.desc()).limit(1)
    # Nobody is merged more often; a circle would be a mistake of ours.
    for _ in range(MOST_MERGES):
        row = (await tx.execute(merges.where(PatientMerge.gone_id == (found[0] if found else gone_id)))).first()
        if row is None:
            break
        found = row[0], row[1]
    return found


async def forget_claims(tx: AsyncSession, now: datetime) -> int:
    """Forget what messages said of the people of questions that were answered CLAIMS_KEPT ago: name and telephone have done their work. The
    question itself stays, so that it is not put again. How many were forgotten."""
    old = (LinkProposal.state != "open", LinkProposal.decided_at < now - CLAIMS_KEPT, LinkProposal.person != {})
    done = await tx.execute(update(LinkProposal).where(*old).values(person={}).execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]
