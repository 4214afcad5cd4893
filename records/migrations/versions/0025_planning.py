"""Plans that are planned on, paused and changed for one patient; a hospital's own templates; cohorts that enrol by themselves.

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("task", sa.Column("slot", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("template_version", sa.Integer(), nullable=True))
    op.drop_constraint("uq_task_care_plan_id_step_day", "task")
    # A day that was withdrawn may be planned again: after a pause, or when a visit is put off and comes back.
    standing = sa.text("state <> 'withdrawn'")
    op.create_index(
        "uq_task_care_plan_id_step_day_slot", "task", ["care_plan_id", "step", "day", "slot"], unique=True, postgresql_where=standing
    )
    for column in (
        sa.Column("hour", sa.Integer(), nullable=True),
        sa.Column("planned_until", sa.Date(), nullable=True),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("care_plan", column)
    # All days of the plans that run already have been made with them.
    op.execute("alter table care_plan disable trigger user")
    op.execute(
        """
        update care_plan set planned_until = made.last
        from (select care_plan_id, max(day) as last from task group by care_plan_id) made where made.care_plan_id = care_plan.id
        """
    )
    op.execute("alter table care_plan enable trigger user")
    op.create_index("ix_care_plan_planned_until", "care_plan", ["planned_until", "id"], postgresql_where=sa.text("state = 'active'"))
    op.create_index("ix_care_plan_paused_until", "care_plan", ["paused_until"], postgresql_where=sa.text("state = 'paused'"))
    op.create_index("ix_care_plan_template", "care_plan", ["template", "template_version", "id"])
    op.create_table(
        "care_plan_change",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("care_plan_id", sa.BigInteger(), sa.ForeignKey("care_plan.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("undone_at", AWARE, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
    )
    op.create_index("ix_care_plan_change_care_plan_id", "care_plan_change", ["care_plan_id", "id"])
    op.create_table(
        "plan_definition",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("published_at", AWARE, nullable=True),
        sa.Column("retired_at", AWARE, nullable=True),
        sa.UniqueConstraint("template", "version", name="uq_plan_definition_template_version"),
    )
    op.create_table(
        "auto_enrolment",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("cohort_id", sa.BigInteger(), sa.ForeignKey("cohort.id"), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("on_left", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    op.create_index("uq_auto_enrolment_cohort_id_template", "auto_enrolment", ["cohort_id", "template"], unique=True)


def downgrade() -> None:
    for table in ("auto_enrolment", "plan_definition", "care_plan_change"):
        op.drop_table(table)
    for index in ("ix_care_plan_template", "ix_care_plan_paused_until", "ix_care_plan_planned_until"):
        op.drop_index(index, table_name="care_plan")
    for column in ("changes", "paused_for", "paused_until", "planned_until", "hour"):
        op.drop_column("care_plan", column)
    op.drop_index("uq_task_care_plan_id_step_day_slot", table_name="task")
    op.create_unique_constraint("uq_task_care_plan_id_step_day", "task", ["care_plan_id", "step", "day"])
    op.drop_column("task", "template_version")
    op.drop_column("task", "slot")
