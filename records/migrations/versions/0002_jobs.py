"""The job engine's own tables.

Revision: 0002, after 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    from procrastinate.schema import SchemaManager

    op.execute(SchemaManager.get_schema())
    # Jobs are short-lived: without this, dead rows pile up faster than the defaults clean them.
    op.execute("alter table procrastinate_jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")


def downgrade() -> None:
    raise NotImplementedError("the job engine's tables are dropped with the database")
