"""Feeds: the hospital's interfaces, and what came over them.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=True),
        sa.Column("mark", postgresql.JSONB(), nullable=False),
        sa.Column("alarms", postgresql.JSONB(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("resent", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("ignored", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=False),
        sa.Column("last_received_at", AWARE, nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.UniqueConstraint("name", name="uq_feed_name"),
    )
    op.create_table(
        "feed_message",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feed.id", name="fk_feed_message_feed_id"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("control_id", sa.Text(), nullable=True),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("event_at", AWARE, nullable=True),
        sa.Column("received_at", AWARE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("packing", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", AWARE, nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("parser_version", sa.Text(), nullable=True),
        sa.Column("applied_at", AWARE, nullable=True),
        sa.UniqueConstraint("feed_id", "key", name="uq_feed_message_feed_id_key"),
    )
    # The bodies are compressed already where it pays, and are read whole.
    op.execute("alter table feed_message alter column body set storage external")
    op.create_index("ix_feed_message_feed_id_id", "feed_message", ["feed_id", "id"])
    op.create_index("ix_feed_message_new", "feed_message", ["feed_id", "lane", "id"], postgresql_where=sa.text("state = 'new'"))
    waiting = sa.text("state = 'new' and not_before is not null")
    op.create_index("ix_feed_message_waiting", "feed_message", ["feed_id", "order_key"], postgresql_where=waiting)
    op.create_index("ix_feed_message_dead", "feed_message", ["feed_id", "id"], postgresql_where=sa.text("state = 'dead'"))
    # Every message is written twice, when it comes and when it is applied: its pages are tidied early.
    op.execute("alter table feed_message set (autovacuum_vacuum_scale_factor = 0.05, fillfactor = 90)")
    op.execute("alter table feed set (fillfactor = 20)")


def downgrade() -> None:
    for table in ("feed_message", "feed"):
        op.drop_table(table)
