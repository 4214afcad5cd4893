"""The audit is sealed: seals that hang on each other, removals by right, and what verifications found.

Revision: 0053, after 0050
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0053"
down_revision = "0050"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("after_id", sa.BigInteger, nullable=False),
        sa.Column("upto_id", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("row_ids", ARRAY(sa.BigInteger)),
        sa.Column("digests", sa.LargeBinary),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_audit_seal_log", "audit_seal", ["log", "upto_id"])
    op.create_table(
        "audit_removal",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("ranges", JSONB, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ix_audit_removal_log", "audit_removal", ["log"])
    op.create_table(
        "audit_check",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("seals", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("problems", JSONB, nullable=False),
    )


def downgrade() -> None:
    for table in ("audit_check", "audit_removal", "audit_seal"):
        op.drop_table(table)
