"""Names and numbers of patients can be sealed: their keys, and blind indexes by which they are found.

Nothing is sealed by this: older processes go on beside newer ones until a key is made active. What they look up by stays for them; it may
go with a later migration. Revision: 0050, after 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

BLINDS = {
    "patient": ("record_number_blind", "record_key_blind", "face_blind"),
    "carer": ("phone_blind",),
    "patient_identifier": ("value_blind", "value_key_blind"),
    "push_address": ("address_blind",),
    "binding_attempt": ("record_number_blind",),
}
UNIQUE = {
    "uq_patient_record_number_blind": "patient (record_number_blind) where record_number_blind is not null",
    "uq_patient_identifier_open_blind": (
        "patient_identifier (system, value_blind) where until is null and value_blind is not null"
    ),
    "uq_push_address_account_blind": (
        "push_address (channel, address_blind, template) where channel <> 'sms' and address_blind is not null"
    ),
    "uq_push_address_phone_blind": "push_address (address_blind, carer_id) where channel = 'sms' and address_blind is not null",
}  # fmt: skip
KEY = "upper(regexp_replace({}, '[^0-9A-Za-z]', '', 'g'))"
INDEXES = {
    "ix_patient_record_key_blind": "patient (record_key_blind) where record_key_blind is not null",
    "ix_patient_face_blind": "patient (face_blind) where face_blind is not null",
    "ix_carer_phone_blind": "carer (phone_blind) where phone_blind is not null",
    "ix_patient_identifier_key_blind": (
        "patient_identifier (value_key_blind) where system = 'record-number' and until is null and value_key_blind is not null"
    ),
    "ix_binding_attempt_record_number_blind_at": "binding_attempt (record_number_blind, at) where record_number_blind is not null",
    # Of rows that nobody has sealed yet.
    "ix_patient_record_number_plain": "patient (record_number) where record_number_blind is null",
    "ix_patient_record_key_plain": f"patient ({KEY.format('record_number')}) where record_key_blind is null",
    "ix_patient_face_plain": "patient (birth_date, name) where face_blind is null",
    "ix_patient_identifier_plain": "patient_identifier (value) where value_blind is null",
    "ix_patient_identifier_key_plain": f"patient_identifier ({KEY.format('value')}) where value_key_blind is null",
    "ix_push_address_plain": "push_address (channel, address) where address_blind is null",
    "ix_binding_attempt_plain": "binding_attempt (record_number, at) where record_number_blind is null",
    "ix_search_entry_open": "search_entry (whom, id) where not keyed",
}  # fmt: skip
# An older process that changes a text does not know of its blind index: it is made anew.
STALE = """
create function forget_stale_blinds() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'patient' then
        if new.record_number <> old.record_number and left(new.record_number, 1) <> '~'
            and new.record_number_blind is not distinct from old.record_number_blind then
            new.record_number_blind := null;
            new.record_key_blind := null;
        end if;
        if (new.name <> old.name or new.birth_date <> old.birth_date) and left(new.name, 1) <> '~'
            and new.face_blind is not distinct from old.face_blind then
            new.face_blind := null;
        end if;
    elsif new.phone is distinct from old.phone and left(new.phone, 1) <> '~'
        and new.phone_blind is not distinct from old.phone_blind then
        new.phone_blind := null;
    end if;
    return new;
end $$
"""
# To seal anew is not to change: neither is the row newer for it, nor has what finds it changed.
QUIET = "if current_setting('careloop.resealing', true) = 'on' then return {}; end if;"
CHANGE = """
create or replace function note_change() returns trigger language plpgsql as $$
begin
    {quiet}
    new.changed_at := clock_timestamp();
    return new;
end $$
"""
NOTE = """
create or replace function note_search_news() returns trigger language plpgsql as $$
begin
    {quiet}
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


def upgrade() -> None:
    op.create_table(
        "data_key",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    )
    for table, columns in BLINDS.items():
        for column in columns:
            op.add_column(table, sa.Column(column, sa.LargeBinary(), nullable=True))
    op.add_column("search_entry", sa.Column("keyed", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name, what in UNIQUE.items():
        op.execute(f"create unique index {name} on {what}")
    for name, what in INDEXES.items():
        op.execute(f"create index {name} on {what}")
    op.execute(STALE)
    for table in ("patient", "carer"):
        op.execute(f"create trigger forget_stale_blinds before update on {table} for each row execute function forget_stale_blinds()")
    op.execute(CHANGE.format(quiet=QUIET.format("new")))
    op.execute(NOTE.format(quiet=QUIET.format("null")))


def downgrade() -> None:
    op.execute(NOTE.format(quiet=""))
    op.execute(CHANGE.format(quiet=""))
    for table in ("patient", "carer"):
        op.execute(f"drop trigger forget_stale_blinds on {table}")
    op.execute("drop function forget_stale_blinds")
    op.drop_column("search_entry", "keyed")
    for name in INDEXES:
        op.execute(f"drop index if exists {name}")
    for table, columns in BLINDS.items():
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("data_key")
