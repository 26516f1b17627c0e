"""Campaigns that can be paused and have a budget: their whole specification, state, limits and spending.

Campaigns of before have no specification: they go on with `cairn explore`. What they spent is not known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("specification", sa.JSON(), nullable=True))
    op.add_column("campaign", sa.Column("state", sa.String(), nullable=False, server_default="active"))
    op.add_column("campaign", sa.Column("budget", sa.JSON(), nullable=True))
    op.add_column("campaign", sa.Column("spent_gradient_calls", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("campaign", sa.Column("spent_cpu_seconds", sa.Float(), nullable=False, server_default="0"))
    op.add_column("campaign", sa.Column("spent_gpu_seconds", sa.Float(), nullable=False, server_default="0"))
    # Who pays for a calculation: the campaign that claimed it. No foreign key, which SQLite adds only by copying.
    op.add_column("calculation", sa.Column("campaign_id", sa.Integer(), nullable=True))
