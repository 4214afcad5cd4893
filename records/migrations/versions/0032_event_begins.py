"""A tag's event is dated when the tag began, not when we heard of it; who is in a cohort when it is saved has not joined it.

Revision: 0032, after 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# A history that comes in gives tags that began long ago: these are no events, as no old reading is.
TAG = """
create or replace function note_tag_change_event() returns trigger language plpgsql as $$
declare
    began timestamptz;
begin
    if new.carried then
        select least(since, new.at) into began from patient_tag
        where patient_id = new.patient_id and tag_id = new.tag_id and until is null;
        if began < new.at - interval '60 days' then return null; end if;
    end if;
    perform tell_patient_event(new.patient_id, case when new.carried then 'tag_began' else 'tag_ended' end, coalesce(began, new.at), new.at,
        'tag_change', new.id, jsonb_build_object('tag', new.tag_id));
    return null;
end $$
"""
TAG_BEFORE = """
create or replace function note_tag_change_event() returns trigger language plpgsql as $$
begin
    perform tell_patient_event(new.patient_id, case when new.carried then 'tag_began' else 'tag_ended' end, new.at, new.at, 'tag_change',
        new.id, jsonb_build_object('tag', new.tag_id));
    return null;
end $$
"""
COHORT = """
create trigger cohort_event_is_event after insert on cohort_event
for each row when ({when}) execute function note_cohort_event_event()
"""


def upgrade() -> None:
    op.execute(TAG)
    op.execute("drop trigger cohort_event_is_event on cohort_event")
    op.execute(COHORT.format(when="new.why <> 'saved'"))


def downgrade() -> None:
    op.execute("drop trigger cohort_event_is_event on cohort_event")
    op.execute(COHORT.format(when="true"))
    op.execute(TAG_BEFORE)
