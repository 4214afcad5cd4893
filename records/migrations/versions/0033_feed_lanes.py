"""Whether the last try to apply a lane of a feed came to an end.

Revision: 0033, after 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed_lane",
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feed.id", name="fk_feed_lane_feed_id"), primary_key=True),
        sa.Column("lane", sa.SmallInteger(), primary_key=True),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("careful", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("message_starts", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("feed_lane")
