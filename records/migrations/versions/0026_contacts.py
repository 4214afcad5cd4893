"""The contact ledger, and who in WeCom has which family as a friend.

Revision: 0026, after 0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), sa.ForeignKey("carer.id", name="fk_contact_carer_id"), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_contact_patient_id")),
        sa.Column("task_id", sa.BigInteger()),
        sa.Column("tasks", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("sent_at", AWARE),
        sa.Column("delivered_at", AWARE),
        sa.Column("opened_at", AWARE),
        sa.Column("answered_at", AWARE),
        sa.Column("ended_at", AWARE),
        sa.Column("reference", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.UniqueConstraint("key", name="uq_contact_key"),
    )
    op.create_index("ix_contact_carer_id_at", "contact", ["carer_id", "at"])
    op.create_index("ix_contact_patient_id", "contact", ["patient_id"])
    op.create_index("ix_contact_task_id", "contact", ["task_id"])
    op.create_index("ix_contact_about", "contact", ["about"])
    op.create_index("ix_contact_reference", "contact", ["reference"], postgresql_where=sa.text("reference is not null"))
    announced = sa.text("route <> 'kf' and task_id is not null and state in ('planned', 'sent', 'delivered', 'opened')")
    op.create_index("ix_contact_announced", "contact", ["carer_id"], postgresql_where=announced)
    op.create_table(
        "friendship",
        sa.Column("external_userid", sa.Text(), primary_key=True),
        sa.Column("userid", sa.Text(), primary_key=True),
        sa.Column("since", AWARE, nullable=False),
        sa.Column("until", AWARE),
    )


def downgrade() -> None:
    op.drop_table("friendship")
    op.drop_table("contact")
