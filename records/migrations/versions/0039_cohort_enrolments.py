"""Cohorts are put on plans in the background, in the order in which they were asked for.

Revision: 0039, after 0038
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "cohort_enrolment",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("cohort_id", sa.BigInteger, sa.ForeignKey("cohort.id")),
        sa.Column("definition", postgresql.JSONB, nullable=False),
        sa.Column("team_ids", postgresql.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("anchors", postgresql.JSONB, nullable=False),
        sa.Column("hour", sa.Integer),
        sa.Column("whoever", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.Column("tasks", sa.Integer, nullable=False),
        sa.Column("refused", postgresql.JSONB, nullable=False),
        sa.Column("named", postgresql.JSONB, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )
    op.create_index("ix_cohort_enrolment_running", "cohort_enrolment", ["id"], postgresql_where=sa.text("state = 'running'"))
    op.create_index("ix_cohort_enrolment_template", "cohort_enrolment", ["template", "id"])


def downgrade() -> None:
    op.drop_table("cohort_enrolment")
