"""Searches by a part of a name find by an index.

Revision: 0044, after 0043
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

# One function for all. What one row says of another who is found by it is that other's news too.
NOTE = """
create function note_search_news() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'patient' then
        insert into search_news (whom, of)
        select 'patient', coalesce(new.id, old.id)
        union all select 'carer', carer_id from patient_carer where patient_id = new.id;
    elsif tg_table_name = 'carer' then
        insert into search_news (whom, of)
        select 'carer', coalesce(new.id, old.id)
        union all select 'patient', patient_id from patient_carer where carer_id = new.id;
    elsif tg_table_name = 'patient_carer' then
        insert into search_news (whom, of)
        select distinct whom, id from (values ('patient', old.patient_id), ('patient', new.patient_id),
            ('carer', old.carer_id), ('carer', new.carer_id)) as told (whom, id) where id is not null;
    elsif tg_table_name = 'patient_identifier' then
        insert into search_news (whom, of)
        select distinct 'patient', id from (values (old.patient_id), (new.patient_id)) as told (id) where id is not null;
    else
        insert into search_news (whom, of)
        select distinct 'carer', id from (values (old.carer_id), (new.carer_id)) as told (id) where id is not null;
    end if;
    return null;
end $$
"""
TRIGGERS = {
    "patient": "insert or delete or update of id, team_id, name, record_number, phones",
    "carer": "delete or update of name, phone",
    "patient_carer": "insert or delete or update",
    "patient_identifier": "insert or delete or update",
    "chat": "insert or delete or update of carer_id, team_id",
}


def upgrade() -> None:
    op.create_table(
        "search_entry",
        sa.Column("whom", sa.Text(), primary_key=True),
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("keys", postgresql.ARRAY(sa.BigInteger()), nullable=False),
    )
    op.create_index("ix_search_entry_keys", "search_entry", ["keys"], postgresql_using="gin", postgresql_with={"fastupdate": "off"})
    op.create_table(
        "search_news",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("of", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_search_news_whom_of", "search_news", ["whom", "of"])
    op.execute(NOTE)
    for table, event in TRIGGERS.items():
        op.execute(f"create trigger {table}_is_search_news after {event} on {table} for each row execute function note_search_news()")
    # Whoever is on file already is taken in by the worker.
    op.execute("insert into search_news (whom, of) select 'patient', id from patient")
    op.execute("insert into search_news (whom, of) select distinct 'carer', carer_id from chat where carer_id is not null")


def downgrade() -> None:
    for table in TRIGGERS:
        op.execute(f"drop trigger {table}_is_search_news on {table}")
    op.execute("drop function note_search_news")
    op.drop_table("search_news")
    op.drop_table("search_entry")
