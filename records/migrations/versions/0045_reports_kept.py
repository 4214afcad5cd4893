"""What reports found is kept; reading of contents is found by its time.

Revision: 0045, after 0044
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_kept",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("found", postgresql.JSONB(), nullable=False),
    )
    op.create_index("ix_content_read_at", "content_read", ["at"])


def downgrade() -> None:
    op.drop_index("ix_content_read_at", "content_read")
    op.drop_table("report_kept")
