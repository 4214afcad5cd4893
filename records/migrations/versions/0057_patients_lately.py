"""A team's patients, those with whom something happened last first, are found by an index.

Revision: 0057, after 0056
"""

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

LATELY = "coalesce(greatest(visited_on, discharged_on, answered_on), date '0001-01-01')"


def upgrade() -> None:
    op.execute(f"create index ix_patient_index_lately on patient_index (team_id, ({LATELY}) desc, patient_id desc)")
    op.execute("create index ix_mass_message_submitted on mass_message (team_id) where state = 'submitted'")


def downgrade() -> None:
    op.execute("drop index ix_patient_index_lately")
    op.execute("drop index ix_mass_message_submitted")
