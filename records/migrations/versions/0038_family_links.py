"""Links to the family's pages, and the devices that opened them.

Revision: 0038, after 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "family_link",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("carer_id", sa.BigInteger, sa.ForeignKey("carer.id"), nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("opened_at", MOMENT),
    )
    op.create_index("ix_family_link_carer_id", "family_link", ["carer_id"])
    op.create_table(
        "family_session",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("carer_id", sa.BigInteger, sa.ForeignKey("carer.id"), nullable=False),
        sa.Column("link_id", sa.BigInteger, sa.ForeignKey("family_link.id")),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_index("ix_family_session_carer_id", "family_session", ["carer_id"])


def downgrade() -> None:
    op.drop_table("family_session")
    op.drop_table("family_link")
