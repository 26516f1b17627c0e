"""What triage goes by: expected errors of candidates, the score that decided, and how audits end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("candidate", sa.Column("sample", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("candidate", sa.Column("expected_error_kcal_mol", sa.Float(), nullable=True))
    op.add_column("candidate", sa.Column("unscored_reasons", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("reaction_membership", sa.Column("score_kcal_mol", sa.Float(), nullable=True))
    with op.batch_alter_table("audit") as audit:  # SQLite adds a constraint only to a table that is made anew
        audit.add_column(sa.Column("outcome", sa.String(), nullable=True))
        audit.create_check_constraint(
            op.f("ck_audit_outcome"), "outcome IN ('verified', 'wrong_saddle', 'not_verified')"
        )
