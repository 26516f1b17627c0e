"""What each calculation cost besides gradients and wall time; of those that ended before it is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calculation", sa.Column("hessian_calls", sa.Integer(), nullable=True))
    op.add_column("calculation", sa.Column("scf_cycles", sa.Integer(), nullable=True))
    op.add_column("calculation", sa.Column("cpu_seconds", sa.Float(), nullable=True))
    op.add_column("calculation", sa.Column("peak_memory_gib", sa.Float(), nullable=True))
