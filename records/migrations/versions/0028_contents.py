"""The content centre: items, versions, media, pushes; and what families did with what they were shown.

Revision: 0028, after 0027
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

AWARE = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "content_item",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), sa.ForeignKey("team.id", name="fk_content_item_team_id"), nullable=True),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    _versions()
    op.create_table(
        "content_media",
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("wecom_id", sa.Text(), nullable=True),
        sa.Column("wecom_at", AWARE, nullable=True),
        sa.Column("at", AWARE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
    )
    # Pictures and videos are packed already.
    op.execute("alter table content_media alter column data set storage external")
    op.create_table(
        "content_push",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False, unique=True),
        sa.Column("patient_id", sa.BigInteger(), sa.ForeignKey("patient.id", name="fk_content_push_patient_id"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_at", AWARE, nullable=True),
        sa.Column("useful_until", AWARE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("read_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.Column("closed_at", AWARE, nullable=True),
    )
    op.create_index("ix_content_push_patient_id", "content_push", ["patient_id"])
    op.create_index("ix_content_push_next_at", "content_push", ["next_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index("ix_content_push_code", "content_push", ["code", "id"])
    op.add_column("content_read", sa.Column("how", sa.Text(), nullable=False, server_default="answer"))
    op.add_column("content_read", sa.Column("because", sa.Text(), nullable=True))
    for name in ("opened_at", "finished_at"):
        op.add_column("content_read", sa.Column(name, AWARE, nullable=True))
    op.add_column("content_read", sa.Column("opened_version", sa.Integer(), nullable=True))


def _versions() -> None:
    op.create_table(
        "content_version",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content_item.id", name="fk_content_version_content_id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("reading_level", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("shipped", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("editors", postgresql.JSONB(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("reviewed_at", AWARE, nullable=True),
        sa.Column("review_by", sa.Date(), nullable=False),
        sa.Column("published_at", AWARE, nullable=True),
        sa.Column("expires_at", AWARE, nullable=True),
        sa.Column("created_at", AWARE, nullable=False),
        sa.UniqueConstraint("content_id", "version", name="uq_content_version_content_id"),
    )
    published, is_open = sa.text("state = 'published'"), sa.text("state in ('draft', 'reviewed')")
    op.create_index("uq_content_version_published", "content_version", ["content_id"], unique=True, postgresql_where=published)
    op.create_index("uq_content_version_open", "content_version", ["content_id"], unique=True, postgresql_where=is_open)
    ends = sa.text("state = 'published' and expires_at is not null")
    op.create_index("ix_content_version_expires_at", "content_version", ["expires_at"], postgresql_where=ends)


def downgrade() -> None:
    for name in ("opened_version", "finished_at", "opened_at", "because", "how"):
        op.drop_column("content_read", name)
    for table in ("content_push", "content_media", "content_version", "content_item"):
        op.drop_table(table)
