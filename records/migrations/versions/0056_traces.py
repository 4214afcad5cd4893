"""The id by which a message is followed from the callback to the answer.

Revision: 0056, after 0055
"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("inbound", "outbound"):
        op.add_column(table, sa.Column("trace", sa.Text))


def downgrade() -> None:
    for table in ("inbound", "outbound"):
        op.drop_column(table, "trace")
