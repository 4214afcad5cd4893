"""Tags: the library, what each patient carries, and why."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

# What a tag is about. Operational tags are computed, never typed.
TAG_KINDS = ("diagnosis", "treatment", "management", "operational")
# Where a tag on a patient came from.
TAG_SOURCES = ("his", "chat", "answer", "rule", "model", "person")


class Tag(Identity, Base):
    """One entry of the tag library, as it is now; its earlier versions are in TagVersion.

    `code` is what rules and queries call it (`preterm`, `adherence.low`), `parent_id` the tag one level up. Of the tags with the same
    `exclusive_group` a patient carries one. `team_id` None means that the hospital owns it; a tag that is not `shared` is seen in its
    owner's team alone. A patient's tag ends `expires_days` after its last evidence, where given.
    """

    __tablename__ = "tag"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), index=True)
    exclusive_group: Mapped[str | None]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    shared: Mapped[bool] = mapped_column(default=True)
    expires_days: Mapped[int | None]
    meaning: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    active: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime]


class TagVersion(Identity, Base):
    """What an entry of the library said in one of its versions, and who wrote it."""

    __tablename__ = "tag_version"

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"))
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    by: Mapped[str]

    __table_args__ = (UniqueConstraint("tag_id", "version"),)


# active: carried. contested: carried, with evidence against it that a person is to weigh. refused: a person said no, and stays right
# until new evidence comes. ended: over, by evidence, expiry, merge or hand.
PATIENT_TAG_MOVES: Moves = {
    "active": frozenset({"contested", "refused", "ended"}),
    "contested": frozenset({"active", "refused", "ended"}),
    "refused": frozenset({"active", "contested", "ended"}),
    "ended": frozenset(),
}
# Whoever carries a tag counts in cohorts with these states.
CARRIED = ("active", "contested")


class PatientTag(Identity, Base):
    """A tag on a patient, from `since` on; `until` None while it lasts. A tag that comes back is a new row: the old one is history.

    `source` is where it first came from, `evidence_at` when it was last borne out, `confidence` 0 to 1. `decided_by` is the clinician
    whose word it is (to carry it or not); `asks` says that new evidence came after that, and that somebody must look. Of a refused tag
    `expires_at` is when the rules that spoke for it ceased to.
    """

    __tablename__ = "patient_tag"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"))
    state: Mapped[str] = mapped_column(default="active")
    source: Mapped[str]
    author: Mapped[str]
    confidence: Mapped[float] = mapped_column(default=1.0)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    evidence_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    asks: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        Index("uq_patient_tag_patient_id_tag_id_open", "patient_id", "tag_id", unique=True, postgresql_where=text("until is null")),
        # Whoever asks for a patient's tags asks for those that ended too.
        Index("ix_patient_tag_patient_id_ended", "patient_id", postgresql_where=text("until is not null")),
        Index("ix_patient_tag_tag_id_open", "tag_id", "patient_id", postgresql_where=text("until is null")),
        Index("ix_patient_tag_expires_at", "expires_at", postgresql_where=text("until is null and expires_at is not null")),
        Index("ix_patient_tag_asks", "patient_id", postgresql_where=text("asks")),
    )


class TagEvidence(Identity, Base):
    """One reason for (or against) a tag on a patient. `ref_kind` and `ref_id` name the row that says it (`inbound`, `lab_result`,
    `observation`, `questionnaire_response`, `condition`, `task` …), `rule` and `rule_version` what read it so, `because` in words.

    The same reason counts once.
    """

    __tablename__ = "tag_evidence"

    patient_tag_id: Mapped[int] = mapped_column(ForeignKey("patient_tag.id"))
    source: Mapped[str]
    against: Mapped[bool] = mapped_column(default=False)
    ref_kind: Mapped[str | None]
    ref_id: Mapped[int | None] = mapped_column(BigInteger)
    rule: Mapped[str | None]
    rule_version: Mapped[int | None]
    because: Mapped[str]
    confidence: Mapped[float] = mapped_column(default=1.0)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "uq_tag_evidence_reason", "patient_tag_id", "against", "ref_kind", "ref_id", "rule", unique=True,
            postgresql_where=text("ref_id is not null"),
        ),
        Index("ix_tag_evidence_patient_tag_id_at", "patient_tag_id", "at"),
    )  # fmt: skip


class TagChange(Identity, Base):
    """A patient began to carry a tag, or (not `carried`) ceased to, at `at`; written in the transaction in which it happened.

    `heard_at` is when the cohorts took it in.
    """

    __tablename__ = "tag_change"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"))
    carried: Mapped[bool]
    at: Mapped[datetime]
    heard_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_tag_change_unheard", "id", postgresql_where=text("heard_at is null")),)
