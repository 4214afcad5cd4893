"""Prediction models, and what they said of whom.

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "predictor",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("bins", postgresql.JSONB(), nullable=False),
        sa.Column("learned_until", AWARE, nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("trained_at", AWARE, nullable=False),
        sa.Column("trained_by", sa.Text(), nullable=False),
        sa.Column("scored_at", AWARE, nullable=True),
        sa.Column("watched", postgresql.JSONB(), nullable=False),
        sa.UniqueConstraint("outcome", "version", name="uq_predictor_outcome_version"),
    )
    in_use = sa.text("state = 'published'")
    op.create_index("uq_predictor_outcome_published", "predictor", ["outcome"], unique=True, postgresql_where=in_use)
    op.create_table(
        "risk_assessment",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_risk_assessment_patient_id"), nullable=False),
        sa.Column("predictor_id", sa.BigInteger(), sa.ForeignKey("predictor.id", name="fk_risk_assessment_predictor_id"), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("happened", sa.Boolean(), nullable=True),
    )
    op.create_index("ix_risk_assessment_patient_id_at", "risk_assessment", ["patient_id", "at"])
    not_known = sa.text("happened is null")
    op.create_index("ix_risk_assessment_predictor_id_open", "risk_assessment", ["predictor_id", "at"], postgresql_where=not_known)


def downgrade() -> None:
    for table in ("risk_assessment", "predictor"):
        op.drop_table(table)
