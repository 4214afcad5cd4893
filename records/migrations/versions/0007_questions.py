"""Questions to the team, drafts of articles, and which articles were read.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "question_to_team",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("flag_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_at", AWARE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", AWARE, nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_question_to_team_chat_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_question_to_team_patient_id")),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name=op.f("fk_question_to_team_flag_id")),
        sa.ForeignKeyConstraint(["answered_by"], ["staff.id"], name=op.f("fk_question_to_team_answered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_to_team")),
    )
    op.create_index(op.f("ix_question_to_team_patient_id"), "question_to_team", ["patient_id"])
    op.create_index(op.f("ix_question_to_team_flag_id"), "question_to_team", ["flag_id"])
    op.create_index("ix_question_to_team_chat_id_asked", "question_to_team", ["chat_id"], postgresql_where=sa.text("state = 'asked'"))
    op.create_table(
        "content_draft",
        sa.Column("flag_id", sa.BigInteger(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name=op.f("fk_content_draft_flag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_draft")),
        sa.UniqueConstraint("flag_id", name=op.f("uq_content_draft_flag_id")),
    )
    op.create_table(
        "content_read",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("asked_at", AWARE, nullable=True),
        sa.Column("useful", sa.Boolean(), nullable=True),
        sa.Column("answered_at", AWARE, nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_content_read_chat_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_content_read_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_read")),
    )
    op.create_index("ix_content_read_chat_id_at", "content_read", ["chat_id", "at"])
    op.create_index("ix_content_read_article", "content_read", ["article", "version"])


def downgrade() -> None:
    for table in ("content_read", "content_draft", "question_to_team"):
        op.drop_table(table)
