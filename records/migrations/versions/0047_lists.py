"""What lists ask of a large hospital is found by indexes.

Revision: 0047, after 0046
"""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_task_ended": "task (closed_at, id) where state in ('missed', 'undeliverable', 'declined', 'partial')",
    "ix_observation_preliminary": "observation (effective_at, id) where status = 'preliminary'",
    "ix_carer_stopped_at": "carer (stopped_at) where stopped_at is not null",
    "ix_chat_team_id": "chat (team_id)",
    "ix_chat_external_userid": "chat (external_userid)",
    "ix_encounter_department": "encounter (department)",
    "ix_outbound_failed": "outbound (seq) where state = 'failed'",
    "ix_cohort_event_moved": "cohort_event (cohort_id, at) where why <> 'saved'",
    "ix_read_audit_staff_id_at": "read_audit (staff_id, at)",
    "ix_read_audit_at": "read_audit (at, id)",
}


def upgrade() -> None:
    # It told apart days, not the newest hundred.
    op.execute("drop index ix_read_audit_at")
    for name, what in INDEXES.items():
        op.execute(f"create index {name} on {what}")


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"drop index {name}")
    op.execute("create index ix_read_audit_at on read_audit using brin (at)")
