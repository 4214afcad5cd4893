"""What we began is found lane by lane, in the order in which it goes out.

Revision: 0035, after 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

BEGUN = (
    "state = 'queued' and route = 'kf' and attempts = 0 and error is distinct from 'window_closed'"
    " and purpose in ('content', 'mass', 'news', 'push', 'reminder', 'survey', 'task')"
)


def upgrade() -> None:
    op.drop_index("ix_outbound_begun", table_name="outbound")
    op.create_index("ix_outbound_begun", "outbound", [sa.text("(chat_id % 4)"), "not_before", "seq"], postgresql_where=sa.text(BEGUN))


def downgrade() -> None:
    op.drop_index("ix_outbound_begun", table_name="outbound")
    op.create_index("ix_outbound_begun", "outbound", ["not_before", "seq"], postgresql_where=sa.text(BEGUN))
