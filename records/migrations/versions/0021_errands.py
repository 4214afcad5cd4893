"""Errands: what a clinician is asked to do for a patient without a follow-up.

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "errand",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_errand_patient_id"), nullable=False),
        sa.Column("team_id", sa.BigInteger(), sa.ForeignKey("team.id", name="fk_errand_team_id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("owner_id", sa.BigInteger(), sa.ForeignKey("staff.id", name="fk_errand_owner_id")),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.UniqueConstraint("key", name="uq_errand_key"),
    )
    op.create_index("ix_errand_patient_id", "errand", ["patient_id"])
    op.create_index("ix_errand_team_id_open", "errand", ["team_id", "raised_at"], postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    op.drop_table("errand")
