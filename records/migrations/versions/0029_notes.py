"""Clinical notes, orders for tests, what was read of notes as possible; when a medicine or an appointment last changed.

Revision: 0029, after 0028
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)
# What programs ask for as of some time.
CHANGING = ("clinical_note", "service_request", "medication_request", "appointment")


def upgrade() -> None:
    _sourced(
        "clinical_note",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("visit", sa.Text(), nullable=True),
        sa.Column("report", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("written_at", AWARE, nullable=False),
        sa.Column("read_by", sa.Text(), nullable=True),
    )
    op.create_index("ix_clinical_note_patient_id_written_at", "clinical_note", ["patient_id", "written_at"])
    unread = sa.text("read_by is null")
    op.create_index("ix_clinical_note_unread", "clinical_note", ["patient_id"], postgresql_where=unread)
    _sourced(
        "service_request",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=True),
        sa.Column("ordered_at", AWARE, nullable=False),
        sa.Column("starts_at", AWARE, nullable=True),
        sa.Column("ends_at", AWARE, nullable=True),
    )
    op.create_index("ix_service_request_patient_id_ordered_at", "service_request", ["patient_id", "ordered_at"])
    for table in CHANGING:
        op.add_column(table, sa.Column("changed_at", AWARE, nullable=False, server_default=sa.text("now()")))
        op.alter_column(table, "changed_at", server_default=sa.text("clock_timestamp()"))
        op.create_index(f"ix_{table}_changed_at", table, ["changed_at", "id"])
        op.execute(
            f"create trigger note_change before update on {table} for each row "
            "when (old.* is distinct from new.*) execute function note_change()"
        )
    op.add_column("tag_statement", sa.Column("possible", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("tag_statement", "possible", server_default=None)


def downgrade() -> None:
    op.drop_column("tag_statement", "possible")
    for table in CHANGING:
        op.execute(f"drop trigger note_change on {table}")
        op.drop_column(table, "changed_at")
    for table in ("service_request", "clinical_note"):
        op.drop_table(table)


def _sourced(table: str, *columns: sa.Column[object]) -> None:
    """A table of rows that a hospital's system keeps."""
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name=f"fk_{table}_patient_id"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("updated_at", AWARE, nullable=False),
        sa.Column("said_at", postgresql.JSONB(), nullable=False),
        *columns,
        sa.UniqueConstraint("source", "source_id", name=f"uq_{table}_source_source_id"),
    )
