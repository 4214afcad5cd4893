"""What was said about patients' tags; every patient's tags are looked at once.

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tag_statement",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_tag_statement_patient_id"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("against", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ref_kind", sa.Text(), nullable=False),
        sa.Column("ref_id", sa.BigInteger(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("read_at", AWARE, nullable=True),
        sa.UniqueConstraint("patient_id", "code", "against", "ref_kind", "ref_id", name="uq_tag_statement_patient_id"),
    )
    unread = sa.text("read_at is null")
    op.create_index("ix_tag_statement_patient_id_unread", "tag_statement", ["patient_id"], postgresql_where=unread)
    op.execute("insert into retag_request (patient_id, asked_at, times) select id, now(), 1 from patient on conflict do nothing")


def downgrade() -> None:
    op.drop_table("tag_statement")
