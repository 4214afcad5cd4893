"""What happens to patients, as events for the rules that adapt their care; the hospital's own rules, and what fired.

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)

# What is older than this when it is told is history that comes in, not something that happens.
OLD = "interval '60 days'"
# Whoever acts for a rule says so for his transaction: {patient: [firing, depth]}.
TELL = """
create function tell_patient_event(patient bigint, told text, happened timestamptz, known timestamptz, of text, ref bigint, what jsonb)
returns void language plpgsql as $$
declare
    cause jsonb := cast(nullif(current_setting('careloop.firing', true), '') as jsonb) -> cast(patient as text);
begin
    insert into patient_event (patient_id, kind, at, recorded_at, ref_kind, ref_id, fact, cause_id, depth)
    values (patient, told, happened, known, of, ref, what, cast(cause ->> 0 as bigint), coalesce(cast(cause ->> 1 as int), 0));
end $$
"""
NOTES = {
    "observation": """
    if new.effective_at < new.recorded_at - OLD then return null; end if;
    if tg_op = 'UPDATE' and (old.status, old.value, old.detail ->> 'status')
        is not distinct from (new.status, new.value, new.detail ->> 'status') then return null; end if;
    if new.value is not null then
        perform tell_patient_event(new.patient_id, 'reading', new.effective_at, new.recorded_at, 'observation', new.id,
            jsonb_build_object('code', new.code, 'value', new.value, 'unit', new.unit));
    elsif new.detail ->> 'status' is not null then
        perform tell_patient_event(new.patient_id, 'sign', new.effective_at, new.recorded_at, 'observation', new.id,
            jsonb_build_object('code', new.code, 'status', new.detail ->> 'status', 'text', left(new.text, 100)));
    end if;""",
    "lab_result": """
    if new.collected_at < new.updated_at - OLD then return null; end if;
    if tg_op = 'UPDATE' and old.status = 'final' and old.released_at is not null and old.value is not distinct from new.value
        then return null; end if;
    perform tell_patient_event(new.patient_id, 'lab', new.collected_at, new.updated_at, 'lab_result', new.id,
        jsonb_build_object('item', new.item, 'loinc', new.code, 'report', new.report, 'value', new.value, 'unit', new.unit));""",
    "condition": """
    if new.recorded_at < new.updated_at - OLD then return null; end if;
    if tg_op = 'UPDATE' and (old.status, old.icd10) is not distinct from (new.status, new.icd10) then return null; end if;
    perform tell_patient_event(new.patient_id, 'diagnosis', new.recorded_at, new.updated_at, 'condition', new.id,
        jsonb_build_object('icd10', new.icd10, 'text', new.text));""",
    "encounter": """
    if new.ended_at is not null and (tg_op = 'INSERT' or old.ended_at is null or old.state = 'cancelled') then
        perform tell_patient_event(new.patient_id, 'discharge', new.ended_at, new.ended_at, 'encounter', new.id,
            jsonb_build_object('department', new.department));
    elsif new.ended_at is null and new.state = 'in-progress' and (tg_op = 'INSERT' or old.state <> 'in-progress') then
        perform tell_patient_event(new.patient_id, 'admission', new.started_at, new.started_at, 'encounter', new.id,
            jsonb_build_object('department', new.department));
    end if;""",
    "task": """
    perform tell_patient_event(new.patient_id, 'task', new.closed_at, new.closed_at, 'task', new.id, jsonb_build_object(
        'plan', new.care_plan_id, 'template', (select template from care_plan where id = new.care_plan_id), 'step', new.step,
        'day', new.day, 'state', new.state, 'answers', new.answers));""",
    "questionnaire_response": """
    perform tell_patient_event(new.patient_id, 'score', new.completed_at, new.completed_at, 'questionnaire_response', new.id,
        jsonb_build_object('questionnaire', new.questionnaire, 'score', new.score, 'band', new.band));""",
    "tag_change": """
    perform tell_patient_event(new.patient_id, case when new.carried then 'tag_began' else 'tag_ended' end, new.at, new.at, 'tag_change',
        new.id, jsonb_build_object('tag', new.tag_id));""",
    "cohort_event": """
    perform tell_patient_event(new.patient_id, case new.kind when 'joined' then 'cohort_joined' else 'cohort_left' end, new.at, new.at,
        'cohort_event', new.id, jsonb_build_object('cohort', new.cohort_id));""",
    # A plan's row does not know when it moved; the row of its move does.
    "state_change": """
    perform tell_patient_event(p.patient_id, 'plan', new.at, new.at, 'care_plan', p.id,
        jsonb_build_object('template', p.template, 'state', new.new, 'was', new.old)) from care_plan p where p.id = new.entity_id;""",
}
TRIGGERS = {
    "observation": ("insert or update of status, value, detail", "new.status = 'final'"),
    "lab_result": (
        "insert or update of status, value, released_at",
        "new.status = 'final' and new.released_at is not null",
    ),
    "condition": ("insert or update of status, icd10", "new.status = 'active'"),
    "encounter": ("insert or update of state, ended_at", "new.kind = 'inpatient' and new.state <> 'cancelled'"),
    "task": (
        "update of state",
        "old.state is distinct from new.state and new.closed_at is not null and new.state <> 'withdrawn'",
    ),
    "questionnaire_response": (
        "update of completed_at",
        "new.patient_id is not null and new.completed_at is not null and old.completed_at is null",
    ),
    "tag_change": ("insert", "true"),
    "cohort_event": ("insert", "true"),
    "state_change": ("insert", "new.entity = 'care_plan'"),
}


def upgrade() -> None:
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_patient_event_patient_id")
    op.create_table(
        "patient_event",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), patient, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("recorded_at", AWARE, nullable=False),
        sa.Column("ref_kind", sa.Text(), nullable=True),
        sa.Column("ref_id", sa.BigInteger(), nullable=True),
        sa.Column("fact", postgresql.JSONB(), nullable=False),
        sa.Column("cause_id", sa.BigInteger(), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("heard_at", AWARE, nullable=True),
        sa.Column("not_before", AWARE, nullable=True),
    )
    unheard = sa.text("heard_at is null")
    op.create_index("ix_patient_event_unheard", "patient_event", ["id"], postgresql_where=unheard)
    op.create_index("ix_patient_event_patient_id", "patient_event", ["patient_id", "id"])
    op.create_index("ix_patient_event_recorded_at", "patient_event", ["recorded_at"])
    held = sa.text("heard_at is null and not_before is not null")
    op.create_index("ix_patient_event_held", "patient_event", ["patient_id"], postgresql_where=held)
    op.create_table(
        "adaptation_rule",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("changed_at", AWARE, nullable=False),
        sa.UniqueConstraint("rule", "department", "version", name="uq_adaptation_rule_rule_department_version"),
    )
    active = sa.text("state = 'active'")
    op.create_index("uq_adaptation_rule_active", "adaptation_rule", ["rule", "department"], unique=True, postgresql_where=active)
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_adaptation_firing_patient_id")
    op.create_table(
        "adaptation_firing",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), patient, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("event", postgresql.JSONB(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("did", postgresql.JSONB(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("cause_id", sa.BigInteger(), nullable=True),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("undone_at", AWARE, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_why", sa.Text(), nullable=True),
        sa.UniqueConstraint("event_id", "rule", "version", name="uq_adaptation_firing_event_id_rule_version"),
    )
    op.create_index("ix_adaptation_firing_patient_id", "adaptation_firing", ["patient_id", "rule", "at"])
    op.create_table(
        "adaptation_clock",
        sa.Column("rule", sa.Text(), primary_key=True),
        sa.Column("done_on", sa.Date(), nullable=False),
    )
    op.execute(TELL)
    for table, note in NOTES.items():
        event, when = TRIGGERS[table]
        body = note.replace("OLD", OLD)
        op.execute(
            f"create function note_{table}_event() returns trigger language plpgsql as $$ begin {body}\n    return null; end $$",
        )
        op.execute(
            f"create trigger {table}_is_event after {event} on {table} for each row when ({when}) execute function note_{table}_event()"
        )


def downgrade() -> None:
    for table in TRIGGERS:
        op.execute(f"drop trigger {table}_is_event on {table}")
        op.execute(f"drop function note_{table}_event")
    op.execute("drop function tell_patient_event")
    for table in ("adaptation_clock", "adaptation_firing", "adaptation_rule", "patient_event"):
        op.drop_table(table)
