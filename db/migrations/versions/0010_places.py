"""Places in the queue, rounds that are over, and an index of what triage decided.

In databases of before no round counts as over: the species that each reached are looked up once more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calculation", sa.Column("place", sa.Float(), nullable=False, server_default="0"))
    op.drop_index("ix_calculation_kind_state_id", table_name="calculation")
    op.create_index("ix_calculation_kind_state_place_id", "calculation", ["kind", "state", "place", "id"])
    op.add_column("campaign", sa.Column("rounds_done", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_reaction_membership_campaign_id_action", "reaction_membership", ["campaign_id", "action"])
