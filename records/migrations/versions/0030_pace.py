"""The pace of calls to WeCom that all processes share, and mass messages that wait for a member's tap.

Revision: 0030, after 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_pace",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "group_send",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("userid", sa.Text(), nullable=False),
        sa.Column("msgid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True)),
        sa.Column("polled_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("msgid", name="uq_group_send_msgid"),
    )
    op.create_index("ix_group_send_waiting", "group_send", ["created_at"], postgresql_where=sa.text("state = 'waiting'"))


def downgrade() -> None:
    op.drop_table("group_send")
    op.drop_table("call_pace")
