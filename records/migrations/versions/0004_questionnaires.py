"""Filled-in questionnaires.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "questionnaire_response",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("questionnaire", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("tried", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_questionnaire_response_team_id_team")),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_questionnaire_response_chat_id_chat")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_questionnaire_response_patient_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questionnaire_response")),
    )
    op.create_index(op.f("ix_questionnaire_response_patient_id"), "questionnaire_response", ["patient_id"])
    op.create_index("ix_questionnaire_response_questionnaire", "questionnaire_response", ["questionnaire", "completed_at"])
    op.create_index(
        "uq_questionnaire_response_chat_id_open",
        "questionnaire_response",
        ["chat_id"],
        unique=True,
        postgresql_where=sa.text("state = 'in_progress'"),
    )


def downgrade() -> None:
    op.drop_table("questionnaire_response")
