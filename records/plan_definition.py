"""A hospital's own plan templates (FHIR PlanDefinition), beside those that are shipped as files."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

DEFINITION_MOVES: Moves = {"draft": frozenset({"active", "retired"}), "active": frozenset({"retired"}), "retired": frozenset()}


class PlanDefinition(Identity, Base):
    """One version of a template. Once `active` (published by `reviewer`) its `body` never changes; patients stay on it when it is
    `retired`, and nobody new is enrolled on it."""

    __tablename__ = "plan_definition"

    template: Mapped[str]
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="draft")
    body: Mapped[dict[str, Any]]
    author: Mapped[str]
    reviewer: Mapped[str | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("template", "version"),)
