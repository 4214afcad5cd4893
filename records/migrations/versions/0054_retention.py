"""Nights on which what has been kept long enough is let go, and indexes to find it.

Revision: 0054, after 0053
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
# These are written in the order of time: an index of a few pages finds what is old.
BY_AGE = {"inbound": "received_at", "outbound": "created_at", "feed_message": "received_at", "callback_event": "received_at"}


def upgrade() -> None:
    op.create_table(
        "retention_run",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("audit", sa.Integer, nullable=False),
        sa.Column("more", sa.Boolean, nullable=False),
    )
    for table, column in BY_AGE.items():
        op.create_index(f"ix_{table}_age", table, [column], postgresql_using="brin")


def downgrade() -> None:
    for table in BY_AGE:
        op.drop_index(f"ix_{table}_age", table)
    op.drop_table("retention_run")
