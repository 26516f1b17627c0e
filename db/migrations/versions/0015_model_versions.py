"""Versions of the models that a database taught: file, parent, data, and whether one is in use.

`status` takes the place of `active`, which said which weights a campaign had used last. Weights of before stay on
record as what campaigns used; none of them is in use for `checkpoint: learned`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("model_version", "active")
    for name in ("file", "parent_hash", "generator_hash"):
        op.add_column("model_version", sa.Column(name, sa.String(), nullable=True))
    op.add_column("model_version", sa.Column("data_hashes", sa.JSON(), nullable=True))
    # in plain SQL: SQLite takes a constraint with a new column alone
    op.execute(
        "ALTER TABLE model_version ADD COLUMN status VARCHAR CONSTRAINT ck_model_version_status"
        " CHECK (status IN ('candidate', 'active', 'refused', 'retired'))"
    )
    active = sa.text("status = 'active'")
    op.create_index(
        "ix_model_version_in_use",
        "model_version",
        ["name"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
