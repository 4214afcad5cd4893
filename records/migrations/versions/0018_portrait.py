"""An index for what was told of a patient lately, whatever it was about.

Revision: 0018, after 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_observation_patient_id_effective_at", "observation", ["patient_id", "effective_at"])


def downgrade() -> None:
    op.drop_index("ix_observation_patient_id_effective_at", table_name="observation")
