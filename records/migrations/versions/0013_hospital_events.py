"""Whose record: numbers, proposed links and merges; what hospitals' messages add to the record, and who said it when.

Revision: 0013, after 0012
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)
SAID = ("patient", "encounter", "observation", "lab_result", "appointment", "medication_request")
ADDED: dict[str, list[tuple[str, Any]]] = {
    "patient": [("birth_order", sa.Integer()), ("died_at", AWARE)],
    "encounter": [(name, sa.Text()) for name in ("source", "source_id", "ward", "room", "bed")],
    "observation": [("source", sa.Text()), ("source_id", sa.Text())],
    "lab_result": [("code", sa.Text())],
}


def _known(table: str, name: str, kind: Any, value: str) -> None:
    """A column that is never null; rows on file get `value`."""
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(value)))
    op.alter_column(table, name, server_default=None)


def _patient(name: str, *, nullable: bool = False, column: str = "patient_id") -> sa.Column[Any]:
    return sa.Column(column, sa.BigInteger(), sa.ForeignKey("patient.id", name=f"fk_{name}_{column}"), nullable=nullable)


def _sourced(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        _patient(name),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("updated_at", AWARE, nullable=False),
        sa.Column("said_at", postgresql.JSONB(), nullable=False),
        *columns,
        sa.UniqueConstraint("source", "source_id", name=f"uq_{name}_source_source_id"),
    )


def upgrade() -> None:
    for table in SAID:
        _known(table, "said_at", postgresql.JSONB(), "'{}'")
    for table, columns in ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    _known("patient", "mother", postgresql.JSONB(), "'[]'")
    op.create_index("ix_patient_birth_date_name", "patient", ["birth_date", "name"])
    _known("encounter", "state", sa.Text(), "'finished'")
    op.execute("update encounter set state = 'in-progress' where ended_at is null and kind = 'inpatient'")
    _known("lab_result", "status", sa.Text(), "'final'")
    for table in ("encounter", "observation"):
        op.create_unique_constraint(f"uq_{table}_source_source_id", table, ["source", "source_id"])
    _sourced(
        "condition",
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("icd10", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("onset_at", AWARE, nullable=True),
        sa.Column("recorded_at", AWARE, nullable=False),
    )
    op.create_index("ix_condition_patient_id_status", "condition", ["patient_id", "status"])
    op.create_index("ix_condition_icd10", "condition", ["icd10"])
    _sourced(
        "immunization",
        sa.Column("vaccine", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("given_at", AWARE, nullable=False),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("dose_number", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
    )
    op.create_index("ix_immunization_patient_id_given_at", "immunization", ["patient_id", "given_at"])
    op.create_table(
        "patient_identifier",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        _patient("patient_identifier"),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("since", AWARE, nullable=False),
        sa.Column("until", AWARE, nullable=True),
        sa.Column("alias", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_patient_identifier_patient_id", "patient_identifier", ["patient_id"])
    still = sa.text("until is null")
    op.create_index("uq_patient_identifier_open", "patient_identifier", ["system", "value"], unique=True, postgresql_where=still)
    op.create_index(
        "ix_patient_identifier_record_key",
        "patient_identifier",
        [sa.text("upper(regexp_replace(value, '[^0-9A-Za-z]', '', 'g'))")],
        postgresql_where=sa.text("system = 'record-number' and until is null"),
    )
    op.create_table(
        "link_proposal",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("person", postgresql.JSONB(), nullable=False),
        _patient("link_proposal", nullable=True),
        _patient("link_proposal", nullable=True, column="candidate_id"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("decided_at", AWARE, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.UniqueConstraint("key", name="uq_link_proposal_key"),
    )
    for column in ("patient_id", "candidate_id"):
        op.create_index(f"ix_link_proposal_{column}", "link_proposal", [column])
    op.create_index("ix_link_proposal_open", "link_proposal", ["id"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("numbers", postgresql.JSONB(), nullable=False),
        sa.Column("moved", postgresql.JSONB(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("undone_at", AWARE, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
    )
    for column in ("kept_id", "gone_id"):
        op.create_index(f"ix_patient_merge_{column}", "patient_merge", [column])


def downgrade() -> None:
    for table in ("patient_merge", "link_proposal", "patient_identifier", "immunization", "condition"):
        op.drop_table(table)
    op.drop_index("ix_patient_birth_date_name", "patient")
    for table in ("encounter", "observation"):
        op.drop_constraint(f"uq_{table}_source_source_id", table)
    for table, name in (("patient", "mother"), ("encounter", "state"), ("lab_result", "status"), *((table, "said_at") for table in SAID)):
        op.drop_column(table, name)
    for table, columns in ADDED.items():
        for name, _ in columns:
            op.drop_column(table, name)
