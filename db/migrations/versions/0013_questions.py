"""Views and indexes for questions: steps of a species, levels that disagree, costs, failures, what is new since when.

The two rankings say what they said; asked for some reactions, they now rank those alone on SQLite too.
`judged_at` says when the checks of a transition state were last judged again and came out otherwise; of judgements
before this version it is not known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
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
    -- its place among all in the order of levels, less those of levels before: a window by level_key as well would keep
    -- SQLite from ranking some reactions alone
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id ORDER BY level_key, no_barrier, grade, forward_ev, transition_state_id
    ) - RANK() OVER (PARTITION BY reaction_id ORDER BY level_key) + 1 AS place_at_level
FROM graded
"""

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
    -- as in transition_state_ranking
    ROW_NUMBER() OVER (
        PARTITION BY reaction_id ORDER BY level_key, kind_order, grade, calculation_id DESC
    ) - RANK() OVER (PARTITION BY reaction_id ORDER BY level_key) + 1 AS place_at_level
FROM graded
"""

# 23.060548012069493 kcal/mol is one eV (CODATA 2014), as in the views before
SPECIES_STEP = """
CREATE VIEW species_step AS
-- every reaction in the direction away from each of its species, with the transition state that reaction_summary shows;
-- one row for each side on which a species stands
SELECT
    species.id AS species_id,
    species.key AS species_key,
    species.smiles,
    reaction.id AS reaction_id,
    reaction.key AS reaction_key,
    side.side,
    side.stoichiometric_count,
    CASE side.side WHEN 'reactant' THEN reaction.reactant_smiles ELSE reaction.product_smiles END AS from_smiles,
    CASE side.side WHEN 'reactant' THEN reaction.product_smiles ELSE reaction.reactant_smiles END AS to_smiles,
    CASE side.side WHEN 'reactant' THEN shown.forward_ev ELSE shown.reverse_ev END * 23.060548012069493
        AS barrier_forward_kcal_mol,
    CASE side.side WHEN 'reactant' THEN shown.reverse_ev ELSE shown.forward_ev END * 23.060548012069493
        AS barrier_reverse_kcal_mol,
    shown.verdict,
    shown.level_key,
    shown.transition_state_id
FROM reaction_species AS side
JOIN species ON species.id = side.species_id
JOIN reaction ON reaction.id = side.reaction_id
LEFT JOIN transition_state_ranking AS shown ON shown.reaction_id = side.reaction_id AND shown.place = 1
"""

LEVEL_DIFFERENCE = """
CREATE VIEW level_difference AS
-- reactions with barriers at two levels of theory, a row for each pair, that of the level which entered the database
-- first under from_...; difference_...: the later barrier less the earlier one
WITH level_age AS (
    SELECT key, MIN(id) AS first_id FROM level GROUP BY key
),
best AS (
    SELECT
        shown.reaction_id, shown.level_key, shown.verdict, level_age.first_id,
        shown.forward_ev * 23.060548012069493 AS forward_kcal_mol,
        shown.reverse_ev * 23.060548012069493 AS reverse_kcal_mol,
        shown.error_ev * 23.060548012069493 AS error_kcal_mol
    FROM transition_state_ranking AS shown
    JOIN level_age ON level_age.key = shown.level_key
    WHERE shown.place_at_level = 1 AND shown.forward_ev IS NOT NULL
)
SELECT
    reaction.id AS reaction_id,
    reaction.key AS reaction_key,
    reaction.reactant_smiles,
    reaction.product_smiles,
    earlier.level_key AS from_level_key,
    earlier.verdict AS from_verdict,
    earlier.forward_kcal_mol AS from_barrier_forward_kcal_mol,
    earlier.reverse_kcal_mol AS from_barrier_reverse_kcal_mol,
    earlier.error_kcal_mol AS from_barrier_error_kcal_mol,
    later.level_key,
    later.verdict,
    later.forward_kcal_mol AS barrier_forward_kcal_mol,
    later.reverse_kcal_mol AS barrier_reverse_kcal_mol,
    later.error_kcal_mol AS barrier_error_kcal_mol,
    later.forward_kcal_mol - earlier.forward_kcal_mol AS difference_forward_kcal_mol,
    later.reverse_kcal_mol - earlier.reverse_kcal_mol AS difference_reverse_kcal_mol
FROM best AS earlier
JOIN best AS later ON later.reaction_id = earlier.reaction_id AND later.first_id > earlier.first_id
JOIN reaction ON reaction.id = earlier.reaction_id
"""

COST_SUMMARY = """
CREATE VIEW cost_summary AS
-- what each kind of calculation at each level cost; NULL where of no calculation known. verified_reactions: reactions
-- with a transition state that passed every check and that these calculations found. abandoned_attempts: begun and
-- ended without a result; what they spent is not known
WITH abandoned AS (
    SELECT calculation_id, COUNT(*) AS attempts FROM abandoned_attempt GROUP BY calculation_id
),
verified AS (
    SELECT calculation.kind, calculation.level_key, COUNT(DISTINCT state.reaction_id) AS reactions
    FROM transition_state AS state
    JOIN calculation ON calculation.id = state.calculation_id
    WHERE state.verdict = 'passed'
    GROUP BY calculation.kind, calculation.level_key
)
SELECT
    calculation.kind,
    calculation.level_key,
    COUNT(calculation.finished_at) AS calculations,
    SUM(calculation.gradient_calls) AS gradient_calls,
    SUM(calculation.hessian_calls) AS hessian_calls,
    SUM(calculation.scf_cycles) AS scf_cycles,
    SUM(calculation.cpu_seconds) AS cpu_seconds,
    SUM(calculation.seconds) AS wall_seconds,
    MAX(calculation.peak_memory_gib) AS peak_memory_gib,
    COALESCE(SUM(abandoned.attempts), 0) AS abandoned_attempts,
    COALESCE(MAX(verified.reactions), 0) AS verified_reactions
FROM calculation
LEFT JOIN abandoned ON abandoned.calculation_id = calculation.id
LEFT JOIN verified ON verified.kind = calculation.kind AND verified.level_key = calculation.level_key
GROUP BY calculation.kind, calculation.level_key
"""

FAILURE_SUMMARY = """
CREATE VIEW failure_summary AS
-- calculations that failed, by kind, level, stage and kind of failure; example_calculation_id is the first of them
SELECT
    kind, level_key, failure_stage, failure_kind,
    COUNT(*) AS calculations,
    SUM(gradient_calls) AS gradient_calls,
    MIN(id) AS example_calculation_id
FROM calculation
WHERE failure_kind IS NOT NULL
GROUP BY kind, level_key, failure_stage, failure_kind
"""

CHANGE_LOG = """
CREATE VIEW change_log AS
-- what entered the database, and when. what: species, reaction, transition_state, or verdict: what the search for a
-- reaction ended in, as outcome says, or 'judged': a transition state whose checks were judged again
SELECT
    'species' AS what,
    species.created_at AS happened_at,
    species.id AS species_id,
    CAST(NULL AS INTEGER) AS reaction_id,
    CAST(NULL AS INTEGER) AS transition_state_id,
    CAST(NULL AS INTEGER) AS calculation_id,
    CAST(NULL AS VARCHAR) AS outcome,
    CAST(NULL AS VARCHAR) AS verdict,
    CAST(NULL AS VARCHAR) AS level_key,
    CAST(NULL AS FLOAT) AS barrier_forward_kcal_mol,
    CAST(NULL AS FLOAT) AS barrier_reverse_kcal_mol,
    CAST(NULL AS FLOAT) AS barrier_error_kcal_mol
FROM species
UNION ALL
SELECT 'reaction', reaction.created_at, NULL, reaction.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM reaction
UNION ALL
SELECT
    'transition_state', state.created_at, NULL, state.reaction_id, state.id, state.calculation_id, NULL,
    state.verdict, level.key, barrier.forward_ev * 23.060548012069493, barrier.reverse_ev * 23.060548012069493,
    barrier.error_ev * 23.060548012069493
FROM transition_state AS state
JOIN level ON level.id = state.level_id
LEFT JOIN barrier ON barrier.transition_state_id = state.id
UNION ALL
SELECT
    'verdict', state.judged_at, NULL, state.reaction_id, state.id, state.calculation_id, 'judged',
    state.verdict, level.key, barrier.forward_ev * 23.060548012069493, barrier.reverse_ev * 23.060548012069493,
    barrier.error_ev * 23.060548012069493
FROM transition_state AS state
JOIN level ON level.id = state.level_id
LEFT JOIN barrier ON barrier.transition_state_id = state.id
WHERE state.judged_at IS NOT NULL
UNION ALL
SELECT
    'verdict', calculation.finished_at, NULL, calculation.reaction_id, NULL, calculation.id, calculation.outcome,
    CASE calculation.outcome
        WHEN 'unintended' THEN 'failed'
        WHEN 'failed' THEN 'could_not_check'
        WHEN 'barrierless' THEN 'estimated'
        ELSE (
            SELECT state.verdict FROM transition_state AS state
            WHERE state.calculation_id = calculation.id AND state.reaction_id = calculation.reaction_id
            ORDER BY CASE state.verdict
                WHEN 'passed' THEN 0 WHEN 'could_not_check' THEN 1 WHEN 'estimated' THEN 2 ELSE 3 END, state.energy_ev
            LIMIT 1
        )
    END,
    calculation.level_key, NULL, NULL, NULL
FROM calculation
-- COALESCE leaves SQLite the index on finished_at alone
WHERE calculation.finished_at IS NOT NULL AND calculation.reaction_id IS NOT NULL
    AND COALESCE(calculation.kind, '') IN ('prepare', 'estimate', 'search', 'verify', 'energy')
    AND COALESCE(calculation.outcome, 'prepared') <> 'prepared'
"""

NEW_VIEWS = (SPECIES_STEP, LEVEL_DIFFERENCE, COST_SUMMARY, FAILURE_SUMMARY, CHANGE_LOG)


def upgrade() -> None:
    op.add_column("transition_state", sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True))
    for table, column in (
        ("species", "created_at"),
        ("reaction", "created_at"),
        ("transition_state", "created_at"),
        ("transition_state", "judged_at"),
        ("calculation", "finished_at"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
    failed = sa.text("failure_kind IS NOT NULL")
    op.create_index(
        "ix_calculation_failures",
        "calculation",
        ["kind", "level_key", "failure_stage", "failure_kind"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    rankings = {"transition_state_ranking": TRANSITION_STATE_RANKING, "calculation_ranking": CALCULATION_RANKING}
    on_postgresql = op.get_bind().dialect.name == "postgresql"  # which keeps a view that others read, and its columns
    for name, view in rankings.items():
        if not on_postgresql:
            op.execute(f"DROP VIEW {name}")
        op.execute(view.format(create="CREATE OR REPLACE" if on_postgresql else "CREATE"))
    for view in NEW_VIEWS:
        op.execute(view)
