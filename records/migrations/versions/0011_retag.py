"""Whose tags are to be looked at again, and who began or ceased to carry one.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "retag_request",
        sa.Column(
            "patient_id",
            sa.BigInteger(),
            sa.ForeignKey("patient.id", name="fk_retag_request_patient_id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("asked_at", AWARE, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
    )
    op.create_index("ix_retag_request_asked_at", "retag_request", ["asked_at"])
    op.create_table(
        "tag_change",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_tag_change_patient_id"), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), sa.ForeignKey("tag.id", name="fk_tag_change_tag_id"), nullable=False),
        sa.Column("carried", sa.Boolean(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("heard_at", AWARE, nullable=True),
    )
    op.create_index("ix_tag_change_unheard", "tag_change", ["id"], postgresql_where=sa.text("heard_at is null"))


def downgrade() -> None:
    op.drop_table("tag_change")
    op.drop_table("retag_request")
