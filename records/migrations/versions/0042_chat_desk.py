"""Notes, canned answers and reading marks beside chats; chats are found by their family's last word and by who has them.

Revision: 0042, after 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "chat_note",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("chat_id", sa.BigInteger, sa.ForeignKey("chat.id"), nullable=False),
        sa.Column("team_id", sa.BigInteger, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ix_chat_note_chat_id_at", "chat_note", ["chat_id", "at"])
    op.create_table(
        "canned_answer",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("team_id", sa.BigInteger, sa.ForeignKey("team.id"), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ix_canned_answer_team_id", "canned_answer", ["team_id"])
    op.create_table(
        "chat_seen",
        sa.Column("chat_id", sa.BigInteger, sa.ForeignKey("chat.id"), primary_key=True),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), primary_key=True),
        sa.Column("inbound_id", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_chat_window_from", "chat", [sa.text("window_from desc nulls last"), "id"])
    op.create_index("ix_chat_human", "chat", ["id"], postgresql_where=sa.text("state = 'human'"))


def downgrade() -> None:
    op.drop_index("ix_chat_human", "chat")
    op.drop_index("ix_chat_window_from", "chat")
    for table in ("chat_seen", "canned_answer", "chat_note"):
        op.drop_table(table)
