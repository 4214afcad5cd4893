"""A comparison can wait for a worker; a review group is held while somebody looks at it.

Revision: 0043, after 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_comparison", sa.Column("state", sa.Text, nullable=False, server_default="done"))
    op.alter_column("model_comparison", "state", server_default=None)
    op.add_column("model_comparison", sa.Column("error", sa.Text))
    op.add_column("review_group", sa.Column("held_by", sa.Text))
    op.add_column("review_group", sa.Column("held_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for table, column in (
        ("review_group", "held_until"),
        ("review_group", "held_by"),
        ("model_comparison", "error"),
        ("model_comparison", "state"),
    ):
        op.drop_column(table, column)
