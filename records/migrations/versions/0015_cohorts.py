"""Cohorts, and what they ask of a patient kept ready.

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)
TEXTS = postgresql.ARRAY(sa.Text())

# One function for all: the trigger names the fact. A patient's own row is called by its id.
NOTE = """
create function note_patient_news() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'patient' then
        insert into patient_news (patient_id, fact) values (new.id, tg_argv[0]);
    else
        insert into patient_news (patient_id, fact) values (new.patient_id, tg_argv[0]);
    end if;
    return null;
end $$
"""
NOTE_EVIDENCE = """
create function note_evidence_news() returns trigger language plpgsql as $$
begin
    insert into patient_news (patient_id, fact)
    select patient_id, 'evidence:' || tag_id from patient_tag where id = new.patient_tag_id and until is null;
    return null;
end $$
"""
# A tag that moves to another parent, or becomes private or shared, counts differently for everybody who carries it.
NOTE_LIBRARY = """
create function note_library_news() returns trigger language plpgsql as $$
begin
    insert into patient_news (patient_id, fact)
    select patient_id, fact from patient_tag, unnest(array['tag:' || new.id, 'tag:' || old.parent_id]) as told (fact)
    where until is null and fact is not null and tag_id in (
        with recursive below (id) as (
            select new.id union select tag.id from tag join below on tag.parent_id = below.id
        ) select id from below);
    return null;
end $$
"""
TRIGGERS = {
    "patient": ("insert or update of team_id, sex, birth_date", "true", "patient"),
    "encounter": ("insert or update", "true", "encounter"),
    "care_plan": ("insert or update of state", "true", "plan"),
    "task": ("insert or update of state", "new.state in ('done', 'partial')", "answer"),
    "questionnaire_response": (
        "insert or update of completed_at",
        "new.patient_id is not null and new.completed_at is not null",
        "answer",
    ),
    "observation": ("insert or update", "new.value is not null", "value"),
    "lab_result": ("insert or update", "new.value is not null", "value"),
    # Two records become one: tags change hands without ending.
    "patient_tag": ("update of patient_id", "true", "patient"),
}


def upgrade() -> None:
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_patient_index_patient_id")
    op.create_table(
        "patient_index",
        sa.Column("patient_id", sa.BigInteger(), patient, primary_key=True, autoincrement=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("visited_on", sa.Date(), nullable=True),
        sa.Column("discharged_on", sa.Date(), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("plans", TEXTS, nullable=False),
    )
    op.create_index("ix_patient_index_tags", "patient_index", ["tags"], postgresql_using="gin", postgresql_with={"fastupdate": "off"})
    op.create_index("ix_patient_index_team_id", "patient_index", ["team_id", "patient_id"])
    op.create_index("ix_patient_index_birth_date", "patient_index", ["birth_date"])
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_patient_value_patient_id")
    op.create_table(
        "patient_value",
        sa.Column("patient_id", sa.BigInteger(), patient, primary_key=True, autoincrement=False),
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("days", postgresql.ARRAY(sa.Date()), nullable=False),
        sa.Column("value", postgresql.ARRAY(sa.Float()), nullable=False),
    )
    op.create_index("ix_patient_value_code", "patient_value", ["code", "patient_id"])
    op.create_table(
        "patient_news",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
    )
    _cohorts()
    for function in (NOTE, NOTE_EVIDENCE, NOTE_LIBRARY):
        op.execute(function)
    for table, (event, when, fact) in TRIGGERS.items():
        op.execute(
            f"create trigger {table}_is_news after {event} on {table} "
            f"for each row when ({when}) execute function note_patient_news('{fact}')"
        )
    op.execute("create trigger tag_evidence_is_news after insert on tag_evidence for each row execute function note_evidence_news()")
    op.execute(
        "create trigger tag_is_news after update of parent_id, team_id, shared on tag for each row "
        "when ((old.parent_id, old.team_id, old.shared) is distinct from (new.parent_id, new.team_id, new.shared)) "
        "execute function note_library_news()"
    )
    # Whoever is on file already is taken in by the worker.
    op.execute("insert into patient_news (patient_id, fact) select id, fact from patient, unnest(array['patient', 'value']) as told (fact)")


def _cohorts() -> None:
    op.create_table(
        "cohort",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), sa.ForeignKey("team.id", name="fk_cohort_team_id"), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("reads", TEXTS, nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    active = sa.text("state = 'active'")
    op.create_index("uq_cohort_team_id_name_active", "cohort", ["team_id", "name"], unique=True, postgresql_where=active)
    op.create_table(
        "cohort_version",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("cohort_id", sa.BigInteger(), sa.ForeignKey("cohort.id", name="fk_cohort_version_cohort_id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.UniqueConstraint("cohort_id", "version", name="uq_cohort_version_cohort_id_version"),
    )
    group = sa.ForeignKey("cohort.id", name="fk_cohort_member_cohort_id")
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_cohort_member_patient_id")
    op.create_table(
        "cohort_member",
        sa.Column("cohort_id", sa.BigInteger(), group, primary_key=True, autoincrement=False),
        sa.Column("patient_id", sa.BigInteger(), patient, primary_key=True, autoincrement=False),
        sa.Column("inactive", sa.Boolean(), nullable=False),
        sa.Column("since", AWARE, nullable=False),
        sa.Column("next_on", sa.Date(), nullable=True),
    )
    op.create_index("ix_cohort_member_patient_id", "cohort_member", ["patient_id"])
    waiting = sa.text("next_on is not null")
    op.create_index("ix_cohort_member_next_on", "cohort_member", ["next_on"], postgresql_where=waiting)
    patient = sa.ForeignKey("patient.id", ondelete="cascade", name="fk_cohort_event_patient_id")
    op.create_table(
        "cohort_event",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("cohort_id", sa.BigInteger(), sa.ForeignKey("cohort.id", name="fk_cohort_event_cohort_id"), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), patient, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("heard_at", AWARE, nullable=True),
    )
    unheard = sa.text("heard_at is null")
    op.create_index("ix_cohort_event_unheard", "cohort_event", ["cohort_id", "id"], postgresql_where=unheard)
    op.create_index("ix_cohort_event_cohort_id_patient_id", "cohort_event", ["cohort_id", "patient_id", "id"])


def downgrade() -> None:
    op.execute("drop trigger tag_evidence_is_news on tag_evidence")
    op.execute("drop trigger tag_is_news on tag")
    for table in TRIGGERS:
        op.execute(f"drop trigger {table}_is_news on {table}")
    for function in ("note_patient_news", "note_evidence_news", "note_library_news"):
        op.execute(f"drop function {function}")
    for table in ("cohort_event", "cohort_member", "cohort_version", "cohort", "patient_news", "patient_value", "patient_index"):
        op.drop_table(table)
