"""Staff as WeCom's directory has them; the audit found by day.

Revision: 0040, after 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("department_id", sa.BigInteger, sa.ForeignKey("department.id")))
    op.add_column("staff", sa.Column("directory_at", sa.DateTime(timezone=True)))
    # Rows come in the order of their time: a few blocks of BRIN find a day among millions, and cost writers nothing.
    for table in ("read_audit", "state_change", "access_refusal"):
        op.create_index(f"ix_{table}_at", table, ["at"], postgresql_using="brin")


def downgrade() -> None:
    for table in ("read_audit", "state_change", "access_refusal"):
        op.drop_index(f"ix_{table}_at", table)
    op.drop_column("staff", "directory_at")
    op.drop_column("staff", "department_id")
