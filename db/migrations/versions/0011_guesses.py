"""How broken a network found the guesses of end points."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("end_points", sa.Column("reactant_noise_angstrom", sa.Float(), nullable=True))
    op.add_column("end_points", sa.Column("product_noise_angstrom", sa.Float(), nullable=True))
