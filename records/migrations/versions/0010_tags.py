"""The tag library, the tags that patients carry, and why.

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tag",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), sa.ForeignKey("tag.id", name="fk_tag_parent_id"), nullable=True),
        sa.Column("exclusive_group", sa.Text(), nullable=True),
        sa.Column("team_id", sa.BigInteger(), sa.ForeignKey("team.id", name="fk_tag_team_id"), nullable=True),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("expires_days", sa.Integer(), nullable=True),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("updated_at", AWARE, nullable=False),
        sa.UniqueConstraint("code", name="uq_tag_code"),
    )
    op.create_index("ix_tag_parent_id", "tag", ["parent_id"])
    op.create_table(
        "tag_version",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("tag_id", sa.BigInteger(), sa.ForeignKey("tag.id", name="fk_tag_version_tag_id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.UniqueConstraint("tag_id", "version", name="uq_tag_version_tag_id_version"),
    )
    op.create_table(
        "patient_tag",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_patient_tag_patient_id"), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), sa.ForeignKey("tag.id", name="fk_patient_tag_tag_id"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("since", AWARE, nullable=False),
        sa.Column("until", AWARE, nullable=True),
        sa.Column("evidence_at", AWARE, nullable=False),
        sa.Column("expires_at", AWARE, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", AWARE, nullable=True),
        sa.Column("asks", sa.Boolean(), nullable=False),
    )
    open_rows = sa.text("until is null")
    op.create_index(
        "uq_patient_tag_patient_id_tag_id_open", "patient_tag", ["patient_id", "tag_id"], unique=True, postgresql_where=open_rows
    )
    op.create_index("ix_patient_tag_tag_id_open", "patient_tag", ["tag_id", "patient_id"], postgresql_where=open_rows)
    expiring = sa.text("until is null and expires_at is not null")
    op.create_index("ix_patient_tag_expires_at", "patient_tag", ["expires_at"], postgresql_where=expiring)
    op.create_index("ix_patient_tag_asks", "patient_tag", ["patient_id"], postgresql_where=sa.text("asks"))
    op.create_table(
        "tag_evidence",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column(
            "patient_tag_id", sa.BigInteger(), sa.ForeignKey("patient_tag.id", name="fk_tag_evidence_patient_tag_id"), nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("against", sa.Boolean(), nullable=False),
        sa.Column("ref_kind", sa.Text(), nullable=True),
        sa.Column("ref_id", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("recorded_at", AWARE, nullable=False),
    )
    reason = ["patient_tag_id", "against", "ref_kind", "ref_id", "rule"]
    op.create_index("uq_tag_evidence_reason", "tag_evidence", reason, unique=True, postgresql_where=sa.text("ref_id is not null"))
    op.create_index("ix_tag_evidence_patient_tag_id_at", "tag_evidence", ["patient_tag_id", "at"])


def downgrade() -> None:
    for table in ("tag_evidence", "patient_tag", "tag_version", "tag"):
        op.drop_table(table)
