"""Where carers can be reached outside the chat, and what they agreed to there.

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_address",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("carer_id", sa.BigInteger(), sa.ForeignKey("carer.id")),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("remaining", sa.Integer()),
        sa.Column("unionid", sa.Text()),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("opted_out_at", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_push_address_carer_id", "push_address", ["carer_id"])
    op.create_index("ix_push_address_unionid", "push_address", ["unionid"])
    op.create_index(
        "uq_push_address_account",
        "push_address",
        ["channel", "address", "template"],
        unique=True,
        postgresql_where=sa.text("channel <> 'sms'"),
    )
    op.create_index(
        "uq_push_address_phone", "push_address", ["address", "carer_id"], unique=True, postgresql_where=sa.text("channel = 'sms'")
    )


def downgrade() -> None:
    op.drop_table("push_address")
