"""Accounts, sessions, roles, departments, refused accesses.

Revision: 0036, after 0035
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

CARE = ["care.read", "care.act", "plan.enrol", "cohort.write", "report.read"]
LEAD = [*CARE, "plan.write", "plan.approve", "content.write", "content.approve", "mass.write", "mass.approve", "tag.write",
        "rule.write", "rule.approve", "triage.approve", "team.manage", "data.export"]  # fmt: skip
ADMIN = ["plan.write", "content.write", "tag.write", "rule.write", "nlu.write", "nlu.publish", "report.read", "team.manage",
         "staff.manage", "settings.manage", "feed.manage", "audit.read", "data.export", "data.erase"]  # fmt: skip
ROLES = [
    ("clinician", "医护人员", CARE),
    ("lead", "科室负责人", LEAD),
    ("editor", "宣教编辑", ["content.write", "mass.write"]),
    ("trainer", "语料管理员", ["nlu.write", "nlu.publish"]),
    ("administrator", "系统管理员", ADMIN),
]
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "department",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("wecom_id", sa.BigInteger, unique=True),
        sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("department.id")),
    )
    op.add_column("team", sa.Column("department_id", sa.BigInteger, sa.ForeignKey("department.id")))
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False, unique=True),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("totp_secret", sa.Text, nullable=False),
        sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_account_login", "account", [sa.text("lower(login)")], unique=True)
    op.create_table(
        "staff_session",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_index("ix_staff_session_staff_id", "staff_session", ["staff_id"])
    role = op.create_table(
        "role",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rights", postgresql.JSONB, nullable=False),
        sa.Column("built_in", sa.Boolean, nullable=False, server_default="false"),
    )
    op.bulk_insert(role, [{"code": code, "name": name, "rights": rights, "built_in": True} for code, name, rights in ROLES])
    op.create_table(
        "staff_role",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("role_id", sa.BigInteger, sa.ForeignKey("role.id"), nullable=False),
        sa.Column("team_id", sa.BigInteger, sa.ForeignKey("team.id")),
    )
    op.create_index("ix_staff_role_staff_id", "staff_role", ["staff_id"])
    op.create_index("ix_staff_role_once", "staff_role", ["staff_id", "role_id", "team_id"], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table(
        "access_refusal",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("staff_id", sa.BigInteger, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
    )
    op.create_index("ix_access_refusal_staff_id", "access_refusal", ["staff_id"])


def downgrade() -> None:
    for table in ("access_refusal", "staff_role", "role", "staff_session", "account"):
        op.drop_table(table)
    op.drop_column("team", "department_id")
    op.drop_table("department")
