"""An index for what was told of a patient lately, whatever it was about.

Revision: 0017, after 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_observation_patient_id_effective_at", "observation", ["patient_id", "effective_at"])


def downgrade() -> None:
    op.drop_index("ix_observation_patient_id_effective_at", table_name="observation")
