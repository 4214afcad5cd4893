"""A patient's tags that have ended are found by the patient.

Revision: 0020, after 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_patient_tag_patient_id_ended", "patient_tag", ["patient_id"], postgresql_where=sa.text("until is not null"))


def downgrade() -> None:
    op.drop_index("ix_patient_tag_patient_id_ended", table_name="patient_tag")
