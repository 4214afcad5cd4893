"""A morning's backlog costs no more to look at than a quiet hour: what we began has an index of its own, and ties are in order.

Revision: 0034, after 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

BEGUN = (
    "state = 'queued' and route = 'kf' and attempts = 0 and error is distinct from 'window_closed'"
    " and purpose in ('content', 'mass', 'news', 'push', 'reminder', 'survey', 'task')"
)
OPEN = "state in ('queued', 'sending')"
ANOTHER = f"{OPEN} and not ({BEGUN})"


def upgrade() -> None:
    op.drop_index("ix_outbound_open_not_before", table_name="outbound")
    op.create_index("ix_outbound_begun", "outbound", ["not_before", "seq"], postgresql_where=sa.text(BEGUN))
    op.create_index("ix_outbound_open_not_before", "outbound", ["not_before"], postgresql_where=sa.text(ANOTHER))
    op.drop_index("ix_task_due_at_scheduled", table_name="task")
    op.create_index("ix_task_due_at_scheduled", "task", ["due_at", "id"], postgresql_where=sa.text("state = 'scheduled'"))
    op.drop_index("ix_task_next_at", table_name="task")
    op.create_index("ix_task_next_at", "task", ["next_at", "id"], postgresql_where=sa.text("next_at is not null"))


def downgrade() -> None:
    op.drop_index("ix_task_next_at", table_name="task")
    op.create_index("ix_task_next_at", "task", ["next_at"], postgresql_where=sa.text("next_at is not null"))
    op.drop_index("ix_task_due_at_scheduled", table_name="task")
    op.create_index("ix_task_due_at_scheduled", "task", ["due_at"], postgresql_where=sa.text("state = 'scheduled'"))
    op.drop_index("ix_outbound_open_not_before", table_name="outbound")
    op.create_index("ix_outbound_open_not_before", "outbound", ["not_before"], postgresql_where=sa.text(OPEN))
    op.drop_index("ix_outbound_begun", table_name="outbound")
