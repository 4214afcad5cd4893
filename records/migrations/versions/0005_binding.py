"""Invitations, bindings and their attempts, consent; the family's telephone numbers on file, and WeCom's link to an account.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patient", sa.Column("phones", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"))
    op.execute("create index ix_patient_record_key on patient (upper(regexp_replace(record_number, '[^0-9A-Za-z]', '', 'g')))")
    op.add_column("chat", sa.Column("binding_id", sa.BigInteger(), nullable=True))
    op.add_column("kf_account", sa.Column("contact_url", sa.Text(), nullable=True))
    op.create_table(
        "invitation",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("encounter_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["encounter_id"], ["encounter.id"], name=op.f("fk_invitation_encounter_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_invitation_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_patient_id"), "invitation", ["patient_id"], unique=False)
    op.create_table(
        "binding",
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("external_userid", sa.Text(), nullable=False),
        sa.Column("invitation_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("given", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_binding_chat_id")),
        sa.ForeignKeyConstraint(["invitation_id"], ["invitation.id"], name=op.f("fk_binding_invitation_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_binding_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding")),
    )
    op.create_index(op.f("ix_binding_chat_id"), "binding", ["chat_id"], unique=False)
    op.create_table(
        "binding_attempt",
        sa.Column("binding_id", sa.BigInteger(), nullable=False),
        sa.Column("external_userid", sa.Text(), nullable=False),
        sa.Column("record_number", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_attempt")),
    )
    op.create_index("ix_binding_attempt_external_userid_at", "binding_attempt", ["external_userid", "at"], unique=False)
    op.create_index("ix_binding_attempt_record_number_at", "binding_attempt", ["record_number", "at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("carer_id", sa.BigInteger(), nullable=True),
        sa.Column("external_userid", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["carer_id"], ["carer.id"], name=op.f("fk_consent_carer_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_consent_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_patient_id", "consent", ["patient_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_table("binding_attempt")
    op.drop_table("binding")
    op.drop_table("invitation")
    op.drop_column("kf_account", "contact_url")
    op.drop_column("chat", "binding_id")
    op.drop_index("ix_patient_record_key", table_name="patient")
    op.drop_column("patient", "phones")
