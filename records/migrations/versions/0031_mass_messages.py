"""Mass messages and the families they go to.

Revision: 0031, after 0030
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def key(table: str, column: str, to: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}")


def upgrade() -> None:
    op.create_table(
        "mass_message",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("team_id", sa.BigInteger(), key("mass_message", "team_id", "team"), nullable=False, index=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("audience", postgresql.JSONB(), nullable=False),
        sa.Column("audience_text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("families", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), key("mass_message", "created_by", "staff"), nullable=False),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("approved_by", sa.BigInteger(), key("mass_message", "approved_by", "staff"), nullable=True),
        sa.Column("approved_at", AWARE, nullable=True),
        sa.Column("send_at", AWARE, nullable=True),
        sa.Column("useful_until", AWARE, nullable=True),
        sa.Column("next_at", AWARE, nullable=True),
        sa.Column("ended_at", AWARE, nullable=True),
    )
    op.create_index("ix_mass_message_next_at", "mass_message", ["next_at"], postgresql_where=sa.text("next_at is not null"))
    op.create_table(
        "mass_recipient",
        sa.Column("mass_message_id", sa.BigInteger(), key("mass_recipient", "mass_message_id", "mass_message"), primary_key=True),
        sa.Column("carer_id", sa.BigInteger(), key("mass_recipient", "carer_id", "carer"), primary_key=True, index=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("next_at", AWARE, nullable=True),
        sa.Column("decided_at", AWARE, nullable=True),
    )
    op.create_index(
        "ix_mass_recipient_waiting",
        "mass_recipient",
        ["mass_message_id", "next_at", "carer_id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )

    op.create_table(
        "mass_child",
        sa.Column("mass_message_id", sa.BigInteger(), key("mass_child", "mass_message_id", "mass_message"), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), key("mass_child", "patient_id", "patient"), primary_key=True, index=True),
        sa.Column("carer_id", sa.BigInteger(), key("mass_child", "carer_id", "carer"), nullable=False),
    )
    op.create_index("ix_mass_child_mass_message_id_carer_id", "mass_child", ["mass_message_id", "carer_id"])


def downgrade() -> None:
    op.drop_table("mass_child")
    op.drop_table("mass_recipient")
    op.drop_table("mass_message")
