"""The last words in a chat are found without reading all that was ever said there.

Revision: 0019, after 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbound_chat_id_seq", "outbound", ["chat_id", "seq"])
    op.drop_index("ix_outbound_chat_id", table_name="outbound")


def downgrade() -> None:
    op.create_index("ix_outbound_chat_id", "outbound", ["chat_id"])
    op.drop_index("ix_outbound_chat_id_seq", table_name="outbound")
