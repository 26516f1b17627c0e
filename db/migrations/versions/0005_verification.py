"""Frequencies of the ends of a path, and verifications at other levels of theory, which count like searches there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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
                AND COALESCE(search.kind, '') IN ('search', 'verify') AND search.state = 'done'
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

CALCULATION_RANKING = """
{create} VIEW calculation_ranking AS
-- calculations of a reaction; first a search or a verification, then an estimate, then a preparation; among them what
-- went best, then the latest. own_outcome: 'failed' also where the preparation failed, 'pending' also between
-- preparation and search
WITH graded AS (
    SELECT
        id AS calculation_id, reaction_id, level_key, failure_stage, failure_kind, failure_message,
        CASE kind WHEN 'search' THEN 0 WHEN 'verify' THEN 0 WHEN 'estimate' THEN 1 ELSE 2 END AS kind_order,
        CASE outcome
            WHEN 'intended' THEN 0 WHEN 'prepared' THEN 0 WHEN 'estimated' THEN 0
            WHEN 'unintended' THEN 1 WHEN 'failed' THEN 2 ELSE 3
            END AS grade,
        CASE
            WHEN kind IN ('search', 'verify', 'estimate') THEN COALESCE(outcome, 'pending')
            WHEN outcome = 'failed' THEN 'failed'
            ELSE 'pending'
            END AS own_outcome
    FROM calculation
    -- COALESCE hides the index on kind from SQLite, which would take the result for a few rows and join it row by row
    WHERE reaction_id IS NOT NULL AND COALESCE(kind, '') IN ('prepare', 'estimate', 'search', 'verify')
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
    for side in ("reactant", "product"):
        column = sa.Column(f"{side}_end_frequencies_cm1", sa.JSON(none_as_null=True), nullable=True)
        op.add_column("transition_state", column)
    views = {"transition_state_ranking": TRANSITION_STATE_RANKING, "calculation_ranking": CALCULATION_RANKING}
    on_postgresql = op.get_bind().dialect.name == "postgresql"  # which keeps a view that others read, and its columns
    for name, view in views.items():
        if not on_postgresql:
            op.execute(f"DROP VIEW {name}")
        op.execute(view.format(create="CREATE OR REPLACE" if on_postgresql else "CREATE"))
