"""What families say is wrong in identity data.

Revision: 0055, after 0054
"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger, sa.ForeignKey("patient.id"), nullable=False),
        sa.Column("carer_id", sa.BigInteger, sa.ForeignKey("carer.id"), nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("was", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("filed_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.BigInteger, sa.ForeignKey("staff.id")),
        sa.Column("decided_at", MOMENT),
        sa.Column("answer", sa.Text),
    )
    op.create_index("ix_correction_patient_id", "correction", ["patient_id"])
    op.create_index("ix_correction_carer_id", "correction", ["carer_id"])
    op.create_index("uq_correction_open", "correction", ["patient_id", "carer_id", "field"], unique=True, postgresql_where=OPEN)
    op.create_index("ix_correction_filed_at_open", "correction", ["filed_at"], postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_table("correction")
