"""The first tables.

Revision: 0001, after
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_token",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_access_token")),
    )
    op.create_table(
        "callback_event",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_callback_event")),
    )
    op.create_index(
        "ix_callback_event_open", "callback_event", ["received_at"], unique=False, postgresql_where=sa.text("handled_at is null")
    )
    op.create_table(
        "carer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("external_userid", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("follow_up_hour", sa.Integer(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carer")),
        sa.UniqueConstraint("external_userid", name=op.f("uq_carer_external_userid")),
    )
    op.create_table(
        "read_audit",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_read_audit")),
    )
    op.create_index(op.f("ix_read_audit_patient_id"), "read_audit", ["patient_id"], unique=False)
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "staff",
        sa.Column("userid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("userid", name=op.f("uq_staff_userid")),
    )
    op.create_table(
        "state_change",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_change")),
    )
    op.create_index("ix_state_change_entity", "state_change", ["entity", "entity_id", "id"], unique=False)
    op.create_table(
        "team",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "kf_account",
        sa.Column("open_kfid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("news_token", sa.Text(), nullable=True),
        sa.Column("news_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_kf_account_team_id")),
        sa.PrimaryKeyConstraint("open_kfid", name=op.f("pk_kf_account")),
    )
    op.create_table(
        "on_call",
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_on_call_staff_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_on_call_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_on_call")),
    )
    op.create_index("ix_on_call_team_tier", "on_call", ["team_id", "tier"], unique=False)
    op.create_table(
        "patient",
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("record_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("birth_weight_g", sa.Double(), nullable=True),
        sa.Column("gestational_age_weeks", sa.Integer(), nullable=True),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_patient_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("record_number", name=op.f("uq_patient_record_number")),
    )
    op.create_index("ix_patient_team_id", "patient", ["team_id"], unique=False)
    op.create_table(
        "team_member",
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_team_member_staff_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_member_team_id")),
        sa.PrimaryKeyConstraint("team_id", "staff_id", name=op.f("pk_team_member")),
    )
    op.create_table(
        "care_plan",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("anchors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_care_plan_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_plan")),
    )
    op.create_index(op.f("ix_care_plan_patient_id"), "care_plan", ["patient_id"], unique=False)
    op.create_table(
        "chat",
        sa.Column("open_kfid", sa.Text(), nullable=False),
        sa.Column("external_userid", sa.Text(), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("service_state", sa.Integer(), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_used", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["carer_id"], ["carer.id"], name=op.f("fk_chat_carer_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_chat_owner_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_chat_patient_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_chat_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat")),
        sa.UniqueConstraint("open_kfid", "external_userid", name=op.f("uq_chat_open_kfid_external_userid")),
    )
    op.create_index(op.f("ix_chat_carer_id"), "chat", ["carer_id"], unique=False)
    op.create_table(
        "encounter",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_encounter_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encounter")),
    )
    op.create_index("ix_encounter_patient_id_started_at", "encounter", ["patient_id", "started_at"], unique=False)
    op.create_table(
        "observation",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_observation_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    op.create_index("ix_observation_patient_id_code_effective_at", "observation", ["patient_id", "code", "effective_at"], unique=False)
    op.create_index("uq_observation_message_id_code", "observation", ["message_id", "code", "effective_at", "text"], unique=True)
    op.create_table(
        "patient_carer",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=False),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["carer_id"], ["carer.id"], name=op.f("fk_patient_carer_carer_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_carer_patient_id")),
        sa.PrimaryKeyConstraint("patient_id", "carer_id", name=op.f("pk_patient_carer")),
    )
    op.create_index(op.f("ix_patient_carer_carer_id"), "patient_carer", ["carer_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("tracker", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_conversation_chat_id")),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_conversation")),
    )
    op.create_table(
        "flag",
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("categories", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_flag_chat_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_flag_owner_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_flag_patient_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_flag_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag")),
    )
    op.create_index(op.f("ix_flag_chat_id"), "flag", ["chat_id"], unique=False)
    op.create_index("ix_flag_next_at", "flag", ["next_at"], unique=False, postgresql_where=sa.text("next_at is not null"))
    op.create_index(op.f("ix_flag_patient_id"), "flag", ["patient_id"], unique=False)
    op.create_index("ix_flag_team_id_open", "flag", ["team_id"], unique=False, postgresql_where=sa.text("state <> 'closed'"))
    op.create_index(
        "uq_flag_chat_id_category_open", "flag", ["chat_id", "category"], unique=True, postgresql_where=sa.text("state <> 'closed'")
    )
    op.create_table(
        "inbound",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("msgid", sa.Text(), nullable=False),
        sa.Column("origin", sa.Integer(), nullable=False),
        sa.Column("msgtype", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("menu_id", sa.Text(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_inbound_chat_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("msgid", name=op.f("uq_inbound_msgid")),
    )
    op.create_index("ix_inbound_chat_id", "inbound", ["chat_id", "id"], unique=False)
    op.create_index("ix_inbound_chat_id_new", "inbound", ["chat_id", "id"], unique=False, postgresql_where=sa.text("state = 'new'"))
    op.create_table(
        "outbound",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_outbound_chat_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_outbound")),
        sa.UniqueConstraint("seq", name=op.f("uq_outbound_seq")),
    )
    op.create_index(op.f("ix_outbound_chat_id"), "outbound", ["chat_id"], unique=False)
    op.create_index(
        "ix_outbound_line_open", "outbound", ["line", "seq"], unique=False, postgresql_where=sa.text("state in ('queued', 'sending')")
    )
    op.create_index(
        "ix_outbound_open_not_before", "outbound", ["not_before"], unique=False, postgresql_where=sa.text("state in ('queued', 'sending')")
    )
    op.create_table(
        "task",
        sa.Column("care_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["care_plan_id"], ["care_plan.id"], name=op.f("fk_task_care_plan_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_task_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("care_plan_id", "step", "day", name=op.f("uq_task_care_plan_id_step_day")),
    )
    op.create_index("ix_task_due_at_scheduled", "task", ["due_at"], unique=False, postgresql_where=sa.text("state = 'scheduled'"))
    op.create_index("ix_task_next_at", "task", ["next_at"], unique=False, postgresql_where=sa.text("next_at is not null"))
    op.create_index("ix_task_patient_id_day", "task", ["patient_id", "day"], unique=False)
    op.create_table(
        "flag_notice",
        sa.Column("flag_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("response_code", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name=op.f("fk_flag_notice_flag_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_flag_notice_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_notice")),
        sa.UniqueConstraint("card", name=op.f("uq_flag_notice_card")),
    )
    op.create_index(op.f("ix_flag_notice_flag_id"), "flag_notice", ["flag_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_flag_notice_flag_id"), table_name="flag_notice")
    op.drop_table("flag_notice")
    op.drop_index("ix_task_patient_id_day", table_name="task")
    op.drop_index("ix_task_next_at", table_name="task", postgresql_where=sa.text("next_at is not null"))
    op.drop_index("ix_task_due_at_scheduled", table_name="task", postgresql_where=sa.text("state = 'scheduled'"))
    op.drop_table("task")
    op.drop_index("ix_outbound_open_not_before", table_name="outbound", postgresql_where=sa.text("state in ('queued', 'sending')"))
    op.drop_index("ix_outbound_line_open", table_name="outbound", postgresql_where=sa.text("state in ('queued', 'sending')"))
    op.drop_index(op.f("ix_outbound_chat_id"), table_name="outbound")
    op.drop_table("outbound")
    op.drop_index("ix_inbound_chat_id_new", table_name="inbound", postgresql_where=sa.text("state = 'new'"))
    op.drop_index("ix_inbound_chat_id", table_name="inbound")
    op.drop_table("inbound")
    op.drop_index("uq_flag_chat_id_category_open", table_name="flag", postgresql_where=sa.text("state <> 'closed'"))
    op.drop_index("ix_flag_team_id_open", table_name="flag", postgresql_where=sa.text("state <> 'closed'"))
    op.drop_index(op.f("ix_flag_patient_id"), table_name="flag")
    op.drop_index("ix_flag_next_at", table_name="flag", postgresql_where=sa.text("next_at is not null"))
    op.drop_index(op.f("ix_flag_chat_id"), table_name="flag")
    op.drop_table("flag")
    op.drop_table("conversation")
    op.drop_index(op.f("ix_patient_carer_carer_id"), table_name="patient_carer")
    op.drop_table("patient_carer")
    op.drop_index("uq_observation_message_id_code", table_name="observation")
    op.drop_index("ix_observation_patient_id_code_effective_at", table_name="observation")
    op.drop_table("observation")
    op.drop_index("ix_encounter_patient_id_started_at", table_name="encounter")
    op.drop_table("encounter")
    op.drop_index(op.f("ix_chat_carer_id"), table_name="chat")
    op.drop_table("chat")
    op.drop_index(op.f("ix_care_plan_patient_id"), table_name="care_plan")
    op.drop_table("care_plan")
    op.drop_table("team_member")
    op.drop_index("ix_patient_team_id", table_name="patient")
    op.drop_table("patient")
    op.drop_index("ix_on_call_team_tier", table_name="on_call")
    op.drop_table("on_call")
    op.drop_table("kf_account")
    op.drop_table("team")
    op.drop_index("ix_state_change_entity", table_name="state_change")
    op.drop_table("state_change")
    op.drop_table("staff")
    op.drop_table("setting")
    op.drop_index(op.f("ix_read_audit_patient_id"), table_name="read_audit")
    op.drop_table("read_audit")
    op.drop_table("carer")
    op.drop_index("ix_callback_event_open", table_name="callback_event", postgresql_where=sa.text("handled_at is null"))
    op.drop_table("callback_event")
    op.drop_table("access_token")
