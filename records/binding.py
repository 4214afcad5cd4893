"""How a WeChat account comes to speak for a child: invitations (links), bindings (what is half done), and every check of particulars."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.sealed import Sealed, SealedJson, blind_of


class Invitation(Identity, Base):
    """A signed link that names a child, for one account. `kind` is visit (printed at discharge) or carer (from a carer who is bound).

    It is used up (`used_at`, `used_by`: the external_userid) when a binding comes of it, not when the link is opened.
    """

    __tablename__ = "invitation"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounter.id"))
    kind: Mapped[str]
    invited_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None]


class Binding(Identity, Base):
    """One attempt of a chat to be bound to a child, kept while it is half done. States and moves are in plans/binding.py.

    `patient_id` is set by an invitation, or once record number, birth date and phone have agreed. `given` holds what the family has
    said so far, `failed` how often in a row it was not understood, and `step` what is asked now.
    """

    __tablename__ = "binding"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), index=True)
    external_userid: Mapped[str]
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitation.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"))
    state: Mapped[str] = mapped_column(default="open")
    step: Mapped[str]
    given: Mapped[dict[str, Any]] = mapped_column(SealedJson("binding.given"), default=dict)
    failed: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BindingAttempt(Identity, Base):
    """One comparison of what a family said with the record: who, for which record number (as compared), and what came of it.

    `outcome`: matched, mismatch, no_phone (none on file), locked (not compared: too many before).
    """

    __tablename__ = "binding_attempt"

    binding_id: Mapped[int] = mapped_column(BigInteger)
    external_userid: Mapped[str]
    record_number: Mapped[str] = mapped_column(Sealed("binding_attempt.record_number", "record_number_blind"))
    record_number_blind: Mapped[str | None] = blind_of("binding_attempt.record_number", lambda row: row["record_number"], "record_number")
    outcome: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        Index("ix_binding_attempt_external_userid_at", "external_userid", "at"),
        Index(
            "ix_binding_attempt_record_number_blind_at",
            "record_number_blind",
            "at",
            postgresql_where=text("record_number_blind is not null"),
        ),
        # Older versions count by this one; it goes once none of them can be beside us.
        Index("ix_binding_attempt_record_number_at", "record_number", "at"),
        # Of rows that nobody has sealed yet.
        Index("ix_binding_attempt_plain", "record_number", "at", postgresql_where=text("record_number_blind is null")),
    )  # fmt: skip
