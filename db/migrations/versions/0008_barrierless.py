"""Association and dissociation without a barrier: an outcome of the preparation, with the energy that it found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CALCULATION_RANKING = """
{create} VIEW calculation_ranking AS
-- calculations of a reaction; first a search or a verification, then an estimate, then energies at known points, then a
-- preparation; among them what went best, then the latest. own_outcome: 'failed' or 'barrierless' also where the
-- preparation was, 'pending' also between preparation and search
WITH graded AS (
    SELECT
        id AS calculation_id, reaction_id, level_key, failure_stage, failure_kind, failure_message,
        CASE kind
            WHEN 'search' THEN 0 WHEN 'verify' THEN 0 WHEN 'estimate' THEN 1 WHEN 'energy' THEN 2 ELSE 3
            END AS kind_order,
        CASE outcome
            WHEN 'intended' THEN 0 WHEN 'prepared' THEN 0 WHEN 'estimated' THEN 0
            WHEN 'barrierless' THEN 0 WHEN 'computed' THEN 0
            WHEN 'unintended' THEN 1 WHEN 'failed' THEN 2 ELSE 3
            END AS grade,
        CASE
            WHEN kind IN ('search', 'verify', 'estimate', 'energy') THEN COALESCE(outcome, 'pending')
            WHEN outcome IN ('failed', 'barrierless') THEN outcome
            ELSE 'pending'
            END AS own_outcome
    FROM calculation
    -- COALESCE hides the index on kind from SQLite, which would take the result for a few rows and join it row by row
    WHERE reaction_id IS NOT NULL AND COALESCE(kind, '') IN ('prepare', 'estimate', 'search', 'verify', 'energy')
)
SELECT
    calculation_id, reaction_id, level_key, own_outcome, failure_stage, failure_kind, failure_message,
    ROW_NUMBER() OVER (PARTITION BY reaction_id ORDER BY kind_order, grade, calculation_id DESC) AS place,
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id, level_key ORDER BY kind_order, grade, calculation_id DESC
    ) AS place_at_level
FROM graded
"""


def upgrade() -> None:
    op.add_column("calculation", sa.Column("barrierless_side", sa.String(), nullable=True))
    op.add_column("calculation", sa.Column("barrierless_height_ev", sa.Float(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CALCULATION_RANKING.format(create="CREATE OR REPLACE"))
    else:
        op.execute("DROP VIEW calculation_ranking")
        op.execute(CALCULATION_RANKING.format(create="CREATE"))
