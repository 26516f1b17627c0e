"""How the polish of an estimated transition state went, which decides whether it is believed.

Since doubtful candidates are polished too, an estimate is shown only until a search for its reaction has ended.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TRANSITION_STATE_RANKING = """
{create} VIEW transition_state_ranking AS
-- transition states filed under a reaction; first those with a barrier, of the best verdict, at the latest level, with
-- the lowest forward barrier. An estimate counts until a search at its level has ended, whatever that found
WITH level_age AS (
    -- two versions of a program are one level
    SELECT key, MIN(id) AS first_id FROM level GROUP BY key
),
graded AS (
    SELECT
        transition_state.id AS transition_state_id,
        transition_state.reaction_id,
        transition_state.calculation_id,
        transition_state.verdict,
        level.key AS level_key,
        level_age.first_id AS level_age,
        CASE transition_state.verdict
            WHEN 'passed' THEN 0 WHEN 'could_not_check' THEN 1 WHEN 'estimated' THEN 2 ELSE 3 END AS grade,
        CASE WHEN barrier.id IS NULL THEN 1 ELSE 0 END AS no_barrier,
        barrier.forward_ev,
        barrier.reverse_ev,
        barrier.error_ev
    FROM transition_state
    JOIN level ON level.id = transition_state.level_id
    JOIN level_age ON level_age.key = level.key
    LEFT JOIN barrier ON barrier.transition_state_id = transition_state.id
    WHERE transition_state.reaction_id IS NOT NULL AND NOT (
        transition_state.verdict = 'estimated' AND EXISTS (
            SELECT 1 FROM calculation AS search
            -- COALESCE leaves SQLite the index on reaction_id alone
            WHERE search.reaction_id = transition_state.reaction_id AND search.level_key = level.key
                AND COALESCE(search.kind, '') = 'search' AND search.state = 'done'
        )
    )
)
SELECT
    transition_state_id, reaction_id, calculation_id, verdict, level_key, forward_ev, reverse_ev, error_ev,
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id ORDER BY no_barrier, grade, level_age DESC, forward_ev, transition_state_id
    ) AS place,
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id, level_key ORDER BY no_barrier, grade, forward_ev, transition_state_id
    ) AS place_at_level
FROM graded
"""


def upgrade() -> None:
    op.add_column("transition_state", sa.Column("walk", sa.JSON(none_as_null=True), nullable=True))
    if op.get_bind().dialect.name == "postgresql":  # which keeps a view that others read, and its columns
        op.execute(TRANSITION_STATE_RANKING.format(create="CREATE OR REPLACE"))
    else:
        op.execute("DROP VIEW transition_state_ranking")
        op.execute(TRANSITION_STATE_RANKING.format(create="CREATE"))
