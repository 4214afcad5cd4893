"""Visits, prescribed medicines and results, as the hospital has them.

Revision: 0009, after 0008
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def _table(name: str, *columns: sa.Column[Any]) -> None:
    """A table of what a hospital's system says about a patient."""
    op.create_table(
        name,
        *columns,
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("updated_at", AWARE, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f(f"fk_{name}_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("source", "source_id", name=op.f(f"uq_{name}_source_source_id")),
    )


def upgrade() -> None:
    _table(
        "appointment",
        sa.Column("starts_at", AWARE, nullable=False),
        sa.Column("time_text", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("doctor", sa.Text(), nullable=True),
        sa.Column("prepare", sa.Text(), nullable=True),
        sa.Column("fasting", sa.Boolean(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
    )
    op.create_index("ix_appointment_patient_id_starts_at", "appointment", ["patient_id", "starts_at"])
    _table(
        "medication_request",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dose", sa.Text(), nullable=True),
        sa.Column("frequency", sa.Text(), nullable=True),
        sa.Column("times", postgresql.JSONB(), nullable=False),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("with_food", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
    )
    op.create_index("ix_medication_request_patient_id_status", "medication_request", ["patient_id", "status"])
    _table(
        "lab_result",
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("reference_range", sa.Text(), nullable=True),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("collected_at", AWARE, nullable=False),
        sa.Column("released_at", AWARE, nullable=True),
    )
    op.create_index("ix_lab_result_patient_id_released_at", "lab_result", ["patient_id", "released_at"])


def downgrade() -> None:
    for table in ("lab_result", "medication_request", "appointment"):
        op.drop_table(table)
