"""What departments change in the triage tables.

Revision: 0041, after 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "triage_overlay",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("approver", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.UniqueConstraint("department", "version"),
    )
    op.create_index("uq_triage_overlay_active", "triage_overlay", ["department"], unique=True, postgresql_where=sa.text("state = 'active'"))


def downgrade() -> None:
    op.drop_table("triage_overlay")
