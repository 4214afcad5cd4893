"""Programs that use the FHIR edge, their tokens and reads; when each row that they can read last changed.

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)
CHANGING = (
    "patient", "observation", "lab_result", "condition", "immunization", "encounter", "care_plan", "task", "questionnaire_response", "flag",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "fhir_client",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feed.id", name="fk_fhir_client_feed_id"), nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("revoked_at", AWARE, nullable=True),
        sa.UniqueConstraint("client_id", name="uq_fhir_client_client_id"),
    )
    client = sa.ForeignKey("fhir_client.id", name="fk_fhir_client_team_client_id")
    op.create_table(
        "fhir_client_team",
        sa.Column("client_id", sa.BigInteger(), client, primary_key=True),
        sa.Column("team_id", sa.BigInteger(), sa.ForeignKey("team.id", name="fk_fhir_client_team_team_id"), primary_key=True),
    )
    op.create_table(
        "fhir_token",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("client_id", sa.BigInteger(), sa.ForeignKey("fhir_client.id", name="fk_fhir_token_client_id"), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("issued_at", AWARE, nullable=False),
        sa.Column("expires_at", AWARE, nullable=False),
    )
    op.create_index("ix_fhir_token_client_id_expires_at", "fhir_token", ["client_id", "expires_at"])
    op.alter_column("read_audit", "staff_id", nullable=True)
    op.add_column("read_audit", sa.Column("client_id", sa.BigInteger(), nullable=True))
    op.execute(
        """
        create function note_change() returns trigger language plpgsql as $$
        begin
            new.changed_at := clock_timestamp();
            return new;
        end $$
        """
    )
    for table in CHANGING:
        # First a value that is the same for all rows, so that none has to be written anew.
        op.add_column(table, sa.Column("changed_at", AWARE, nullable=False, server_default=sa.text("now()")))
        op.alter_column(table, "changed_at", server_default=sa.text("clock_timestamp()"))
        op.create_index(f"ix_{table}_changed_at", table, ["changed_at", "id"])
        op.execute(
            f"create trigger note_change before update on {table} for each row "
            "when (old.* is distinct from new.*) execute function note_change()"
        )


def downgrade() -> None:
    for table in CHANGING:
        op.execute(f"drop trigger note_change on {table}")
        op.drop_column(table, "changed_at")
    op.execute("drop function note_change()")
    op.execute("delete from read_audit where staff_id is null")
    op.drop_column("read_audit", "client_id")
    op.alter_column("read_audit", "staff_id", nullable=False)
    for table in ("fhir_token", "fhir_client_team", "fhir_client"):
        op.drop_table(table)
