"""The dialogue models that administrators train: each with its data, its figures, who made it, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

RUN_MOVES = {
    "waiting": frozenset({"running", "cancelled"}),
    "running": frozenset({"done", "failed", "cancelled"}),
    "done": frozenset[str](),
    "failed": frozenset[str](),
    "cancelled": frozenset[str](),
}
COMPARISON_MOVES = {"waiting": frozenset({"done", "failed"}), "done": frozenset[str](), "failed": frozenset[str]()}
VERSION_MOVES = {
    "candidate": frozenset({"published", "rejected"}),
    "published": frozenset({"retired"}),
    "retired": frozenset({"published"}),
    "rejected": frozenset[str](),
}


class TrainingSet(Identity, Base):
    """Everything a model learned from: `content` is intent → texts, of the repository and of the administrators, `labelled` of them
    by the latter. The same data are kept once, by `fingerprint`."""

    __tablename__ = "training_set"

    fingerprint: Mapped[str] = mapped_column(unique=True)
    content: Mapped[dict[str, Any]]
    examples: Mapped[int]
    labelled: Mapped[int]
    at: Mapped[datetime]
    by: Mapped[str]


class TrainingRun(Identity, Base):
    """One training. state: waiting → running → done | failed | cancelled. `progress` runs from 0 to 1; `heard_at` is the last sign of
    life; `cancel_by` is who wants it to end."""

    __tablename__ = "training_run"

    training_set_id: Mapped[int] = mapped_column(ForeignKey("training_set.id"))
    state: Mapped[str] = mapped_column(default="waiting")
    progress: Mapped[float] = mapped_column(default=0.0)
    step: Mapped[str] = mapped_column(default="waiting")
    error: Mapped[str | None]
    by: Mapped[str]
    cancel_by: Mapped[str | None]
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))

    # One at a time: a second would only take the processor from the first.
    __table_args__ = (Index("uq_training_run_open", text("(true)"), unique=True, postgresql_where=text("state in ('waiting', 'running')")),)


class ModelVersion(Identity, Base):
    """A trained model. state: candidate → published → retired (and published again by a roll-back) | rejected.

    `program` is the digest of what it was trained for beside the data: domain, rules, pipeline, code. `sha256` is of its archive.
    """

    __tablename__ = "model_version"

    training_set_id: Mapped[int] = mapped_column(ForeignKey("training_set.id"))
    state: Mapped[str] = mapped_column(default="candidate")
    program: Mapped[str]
    sha256: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("uq_model_version_published", "state", unique=True, postgresql_where=text("state = 'published'")),)


class ModelArchive(Base):
    """The trained file itself, in a table of its own: every worker gets it from here, on whichever machine it runs."""

    __tablename__ = "model_archive"

    version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ModelComparison(Identity, Base):
    """A version against the one that was live (`against_id`; None: the program's own). Publishing is refused while `refusals` has any.

    state: waiting (for a worker) → done | failed, and then `error` says why.
    """

    __tablename__ = "model_comparison"

    version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"), index=True)
    against_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(default="done")
    error: Mapped[str | None]
    result: Mapped[dict[str, Any]]
    refusals: Mapped[list[str]]
    by: Mapped[str]
    at: Mapped[datetime]


class Publication(Identity, Base):
    """From `at` on workers answer with this version; None: with the model that the program brings along. The newest row counts."""

    __tablename__ = "publication"

    version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    by: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str | None]


class ModelLoad(Identity, Base):
    """What a worker made of a publication: loaded, or failed and why; then it keeps answering with what it had."""

    __tablename__ = "model_load"

    publication_id: Mapped[int] = mapped_column(ForeignKey("publication.id"), index=True)
    worker: Mapped[str]
    state: Mapped[str]
    why: Mapped[str | None]
    seconds: Mapped[float]
    at: Mapped[datetime]
