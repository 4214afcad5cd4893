"""Requests to erase a child's data, what is kept of it, and the numbers that must not come back unseen.

Revision: 0049, after 0048
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger, nullable=False),
        sa.Column("team_id", sa.BigInteger, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("relationship", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("checked", sa.Text, nullable=False),
        sa.Column("filed_by", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("filed_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.BigInteger, sa.ForeignKey("staff.id")),
        sa.Column("decided_at", MOMENT),
        sa.Column("refusal", sa.Text),
        sa.Column("certificate", JSONB, nullable=False),
    )
    op.create_index("ix_erasure_patient_id", "erasure", ["patient_id"])
    op.create_index("uq_erasure_patient_id_open", "erasure", ["patient_id"], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "kept_record",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("erasure_id", sa.BigInteger, sa.ForeignKey("erasure.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("table", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("keep_until", sa.Date, nullable=False),
    )
    op.create_index("ix_kept_record_erasure_id", "kept_record", ["erasure_id"])
    op.create_index("ix_kept_record_keep_until", "kept_record", ["keep_until"])
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("erasure_id", sa.BigInteger, sa.ForeignKey("erasure.id"), nullable=False),
    )
    op.create_index("ix_tombstone_erasure_id", "tombstone", ["erasure_id"])


def downgrade() -> None:
    for table in ("tombstone", "kept_record", "erasure"):
        op.drop_table(table)
