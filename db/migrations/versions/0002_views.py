"""Views for people who read the database in SQL: `reaction_summary` and `species_summary`.

Below them two views rank what a reaction has: `transition_state_ranking` and `calculation_ranking`, where `place` = 1
is the one to show, and `place_at_level` = 1 the one to show of a level of theory.

A verdict is worth, best first: passed, could_not_check, estimated, failed. Levels of theory rank by when they first
entered the database, the latest first, because refinement follows exploration.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TRANSITION_STATE_RANKING = """
CREATE VIEW transition_state_ranking AS
-- transition states filed under a reaction; first those with a barrier, of the best verdict, at the latest level, with
-- the lowest forward barrier
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
    WHERE transition_state.reaction_id IS NOT NULL
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
CREATE VIEW calculation_ranking AS
-- calculations of a reaction; first a search, then an estimate, then a preparation; among them what went best, then the
-- latest. own_outcome: 'failed' also where the preparation failed, 'pending' also between preparation and search
WITH graded AS (
    SELECT
        id AS calculation_id, reaction_id, level_key, failure_stage, failure_kind, failure_message,
        CASE kind WHEN 'search' THEN 0 WHEN 'estimate' THEN 1 ELSE 2 END AS kind_order,
        CASE outcome
            WHEN 'intended' THEN 0 WHEN 'prepared' THEN 0 WHEN 'estimated' THEN 0
            WHEN 'unintended' THEN 1 WHEN 'failed' THEN 2 ELSE 3
            END AS grade,
        CASE
            WHEN kind IN ('search', 'estimate') THEN COALESCE(outcome, 'pending')
            WHEN outcome = 'failed' THEN 'failed'
            ELSE 'pending'
            END AS own_outcome
    FROM calculation
    -- COALESCE hides the index on kind from SQLite, which would take the result for a few rows and join it row by row
    WHERE reaction_id IS NOT NULL AND COALESCE(kind, '') IN ('prepare', 'estimate', 'search')
)
SELECT
    calculation_id, reaction_id, level_key, own_outcome, failure_stage, failure_kind, failure_message,
    ROW_NUMBER() OVER (PARTITION BY reaction_id ORDER BY kind_order, grade, calculation_id DESC) AS place,
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id, level_key ORDER BY kind_order, grade, calculation_id DESC
    ) AS place_at_level
FROM graded
"""

# 23.060548012069493 kcal/mol is one eV (CODATA 2014)
REACTION_SUMMARY = """
CREATE VIEW reaction_summary AS
-- one row for each reaction, in the direction in which it was first stored. outcome: of its own search; 'unintended'
-- also where only the search for another reaction found it; NULL where nothing was queued or found. gradient_calls and
-- seconds: of all its calculations
WITH cost AS (
    SELECT reaction_id, SUM(gradient_calls) AS gradient_calls, SUM(seconds) AS seconds
    FROM calculation WHERE reaction_id IS NOT NULL GROUP BY reaction_id
)
SELECT
    reaction.id AS reaction_id,
    reaction.key AS reaction_key,
    reaction.reactant_smiles,
    reaction.product_smiles,
    reaction.mapped_smiles,
    reaction.degeneracy,
    shown.transition_state_id,
    shown.level_key,
    shown.forward_ev * 23.060548012069493 AS barrier_forward_kcal_mol,
    shown.reverse_ev * 23.060548012069493 AS barrier_reverse_kcal_mol,
    shown.error_ev * 23.060548012069493 AS barrier_error_kcal_mol,
    shown.verdict,
    COALESCE(own.own_outcome, CASE WHEN shown.calculation_id IS NOT NULL THEN 'unintended' END) AS outcome,
    own.failure_stage,
    own.failure_kind,
    own.failure_message,
    COALESCE(cost.gradient_calls, 0) AS gradient_calls,
    COALESCE(cost.seconds, 0) AS seconds
FROM reaction
LEFT JOIN transition_state_ranking AS shown ON shown.reaction_id = reaction.id AND shown.place = 1
LEFT JOIN calculation_ranking AS own ON own.reaction_id = reaction.id AND own.place = 1
LEFT JOIN cost ON cost.reaction_id = reaction.id
"""

SPECIES_SUMMARY = """
CREATE VIEW species_summary AS
-- one row for each species; energy_ev: the lowest at the latest level, shared by mirror images, of ends of transition
-- states and of prepared end points that are this one molecule
WITH level_age AS (
    SELECT key, MIN(id) AS first_id FROM level GROUP BY key
),
single AS (
    SELECT reaction_id, side, MIN(species_id) AS species_id
    FROM reaction_species GROUP BY reaction_id, side HAVING SUM(stoichiometric_count) = 1
),
side_energy AS (
    SELECT reaction_id, level_id, 'reactant' AS side, reactant_end_energy_ev AS energy_ev
    FROM transition_state WHERE reactant_end_energy_ev IS NOT NULL
    UNION ALL
    SELECT reaction_id, level_id, 'product', product_end_energy_ev
    FROM transition_state WHERE product_end_energy_ev IS NOT NULL
    UNION ALL
    SELECT reaction_id, level_id, 'reactant', reactant_energy_ev
    FROM end_points WHERE reactant_energy_ev IS NOT NULL
    UNION ALL
    SELECT reaction_id, level_id, 'product', product_energy_ev
    FROM end_points WHERE product_energy_ev IS NOT NULL
),
ranked AS (
    SELECT
        species.energy_key, level.key AS level_key, side_energy.energy_ev,
        ROW_NUMBER() OVER (
            PARTITION BY species.energy_key ORDER BY level_age.first_id DESC, side_energy.energy_ev
        ) AS place
    FROM side_energy
    JOIN single ON single.reaction_id = side_energy.reaction_id AND single.side = side_energy.side
    JOIN species ON species.id = single.species_id
    JOIN level ON level.id = side_energy.level_id
    JOIN level_age ON level_age.key = level.key
),
usage AS (
    SELECT species_id, COUNT(DISTINCT reaction_id) AS n_reactions FROM reaction_species GROUP BY species_id
)
SELECT
    species.id AS species_id,
    species.key AS species_key,
    species.smiles,
    species.formula,
    species.charge,
    species.multiplicity,
    ranked.energy_ev,
    ranked.level_key,
    COALESCE(usage.n_reactions, 0) AS n_reactions
FROM species
LEFT JOIN ranked ON ranked.energy_key = species.energy_key AND ranked.place = 1
LEFT JOIN usage ON usage.species_id = species.id
"""


def upgrade() -> None:
    for view in (TRANSITION_STATE_RANKING, CALCULATION_RANKING, REACTION_SUMMARY, SPECIES_SUMMARY):
        op.execute(view)
