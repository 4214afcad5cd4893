"""Lines of the work list that clinicians have dealt with.

Revision: 0037, after 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dealt_with",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.BigInteger, sa.ForeignKey("patient.id"), nullable=False),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_dealt_with_patient_id", "dealt_with", ["patient_id"])


def downgrade() -> None:
    op.drop_table("dealt_with")
