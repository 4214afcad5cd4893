"""Experiments, adaptive choices, suggestions for templates; and what reports read by time.

Revision: 0024, after 0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)
TABLES = ("template_suggestion", "option_tally", "send_choice", "choice_setting", "experiment_look", "experiment_family", "experiment")


def key(table: str, column: str, to: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}")


def upgrade() -> None:
    op.add_column("carer", sa.Column("hour_chosen_at", AWARE, nullable=True))
    op.create_table(
        "experiment",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False, unique=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), key("experiment", "team_id", "team"), nullable=False),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("arms", postgresql.JSONB(), nullable=False),
        sa.Column("strata", postgresql.JSONB(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("families", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("design", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("started_by", sa.Text(), nullable=True),
        sa.Column("started_at", AWARE, nullable=True),
        sa.Column("stopped_at", AWARE, nullable=True),
        sa.Column("stopped_because", sa.Text(), nullable=True),
        sa.Column("concluded_at", AWARE, nullable=True),
        sa.Column("conclusion", sa.Text(), nullable=True),
    )
    op.create_index("ix_experiment_team_id_running", "experiment", ["team_id", "kind"], postgresql_where=sa.text("state = 'running'"))
    op.create_table(
        "experiment_family",
        sa.Column("experiment_id", sa.BigInteger(), key("experiment_family", "experiment_id", "experiment"), primary_key=True),
        sa.Column("carer_id", sa.BigInteger(), key("experiment_family", "carer_id", "carer"), primary_key=True, index=True),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("assigned_at", AWARE, nullable=False),
        sa.Column("excluded_at", AWARE, nullable=True),
        sa.Column("excluded_by", sa.Text(), nullable=True),
        sa.Column("excluded_because", sa.Text(), nullable=True),
    )
    op.create_table(
        "experiment_look",
        sa.Column("experiment_id", sa.BigInteger(), key("experiment_look", "experiment_id", "experiment"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("crossed", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "choice_setting",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("team_id", sa.BigInteger(), key("choice_setting", "team_id", "team"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("held_out", sa.Float(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
    )
    op.create_index("ix_choice_setting_team_id_kind", "choice_setting", ["team_id", "kind", "id"])
    op.create_table(
        "send_choice",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), key("send_choice", "team_id", "team"), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), key("send_choice", "carer_id", "carer"), nullable=False, index=True),
        sa.Column("care_plan_id", sa.BigInteger(), key("send_choice", "care_plan_id", "care_plan"), nullable=False),
        sa.Column("task_id", sa.BigInteger(), key("send_choice", "task_id", "task"), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("default", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("experiment_id", sa.BigInteger(), key("send_choice", "experiment_id", "experiment"), nullable=True, index=True),
        sa.Column("at", AWARE, nullable=False),
    )
    of_hour, of_task = sa.text("kind = 'send_hour'"), sa.text("task_id is not null")
    op.create_index("uq_send_choice_care_plan_id_hour", "send_choice", ["care_plan_id", "first_day"], unique=True, postgresql_where=of_hour)
    op.create_index("uq_send_choice_task_id", "send_choice", ["task_id"], unique=True, postgresql_where=of_task)
    op.create_index("ix_send_choice_at", "send_choice", ["at"])
    op.create_table(
        "option_tally",
        sa.Column("team_id", sa.BigInteger(), key("option_tally", "team_id", "team"), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("segment", sa.Text(), primary_key=True),
        sa.Column("option", sa.Text(), primary_key=True),
        sa.Column("families", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Float(), nullable=False),
        sa.Column("counted_at", AWARE, nullable=False),
    )
    op.create_table(
        "template_suggestion",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False, unique=True),
        sa.Column("team_id", sa.BigInteger(), key("template_suggestion", "team_id", "team"), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("current", sa.Text(), nullable=False),
        sa.Column("proposed", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_at", AWARE, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", AWARE, nullable=True),
        sa.Column("draft", postgresql.JSONB(), nullable=True),
    )
    op.create_index("ix_template_suggestion_team_id_state", "template_suggestion", ["team_id", "state"])
    # Rows come in the order of time, nearly: a report of a month skips the other years at almost no cost for the writers.
    for table, column in (("task", "due_at"), ("inbound", "sent_at"), ("flag", "raised_at")):
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin", postgresql_with={"pages_per_range": 32})


def downgrade() -> None:
    for table, column in (("task", "due_at"), ("inbound", "sent_at"), ("flag", "raised_at")):
        op.drop_index(f"ix_{table}_{column}", table_name=table)
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("carer", "hour_chosen_at")
