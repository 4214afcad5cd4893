"""When teams work.

Revision: 0046, after 0045
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "working_hours",
        sa.Column("team_id", sa.BigInteger, sa.ForeignKey("team.id"), primary_key=True),
        sa.Column("week", JSONB, nullable=False),
        sa.Column("days", JSONB, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("working_hours")
