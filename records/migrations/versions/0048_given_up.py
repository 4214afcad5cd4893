"""Callbacks that were given up are found by an index.

Revision: 0048, after 0047
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index ix_callback_event_tried on callback_event (received_at) where attempts > 1")


def downgrade() -> None:
    op.execute("drop index ix_callback_event_tried")
