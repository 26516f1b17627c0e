"""How a campaign came upon each reaction, and for which species further reactions were proposed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reaction_membership", sa.Column("origin", sa.String(), nullable=True))
    op.add_column("species_membership", sa.Column("proposed_hash", sa.String(), nullable=True))
