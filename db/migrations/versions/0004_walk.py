"""How the polish of an estimated transition state went, which decides whether it is believed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transition_state", sa.Column("walk", sa.JSON(none_as_null=True), nullable=True))
