"""Lowest known conformers of the molecules of each side of a reaction, and heights of transition states above them.

`species_energy` has the lowest energy at which a species was seen alone, at each level; `side_minimum` the sum over a
side.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SPECIES_ENERGY = """
CREATE VIEW species_energy AS
-- lowest electronic energy of a species at a level, shared by mirror images: of ends of transition states and of
-- prepared end points that are this one molecule
WITH single AS (
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
)
SELECT species.energy_key, level.key AS level_key, MIN(side_energy.energy_ev) AS energy_ev
FROM side_energy
JOIN single ON single.reaction_id = side_energy.reaction_id AND single.side = side_energy.side
JOIN species ON species.id = single.species_id
JOIN level ON level.id = side_energy.level_id
GROUP BY species.energy_key, level.key
"""

SIDE_MINIMUM = """
CREATE VIEW side_minimum AS
-- energy of the molecules of a side of a reaction, apart, each in its lowest known conformer at a level; no row where
-- one of them was never seen alone
SELECT
    reaction_species.reaction_id,
    reaction_species.side,
    species_energy.level_key,
    SUM(reaction_species.stoichiometric_count * species_energy.energy_ev) AS energy_ev
FROM reaction_species
JOIN species ON species.id = reaction_species.species_id
JOIN species_energy ON species_energy.energy_key = species.energy_key
JOIN (
    SELECT reaction_id, side, COUNT(*) AS n_species FROM reaction_species GROUP BY reaction_id, side
) AS whole ON whole.reaction_id = reaction_species.reaction_id AND whole.side = reaction_species.side
GROUP BY reaction_species.reaction_id, reaction_species.side, species_energy.level_key, whole.n_species
HAVING COUNT(*) = whole.n_species
"""

# 23.060548012069493 kcal/mol is one eV (CODATA 2014)
REACTION_SUMMARY = """
{create} VIEW reaction_summary AS
-- one row for each reaction, in the direction in which it was first stored. outcome: of its own search; 'unintended'
-- also where only the search for another reaction found it; NULL where nothing was queued or found. gradient_calls and
-- seconds: of all its calculations. height_above_...: of the transition state above the lowest known conformers of the
-- molecules of a side, apart; NULL where one of them was never seen alone at this level; negative where the transition
-- state of a complex lies below the molecules apart
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
    COALESCE(cost.seconds, 0) AS seconds,
    (shown_state.energy_ev - reactants.energy_ev) * 23.060548012069493 AS height_above_reactant_minima_kcal_mol,
    (shown_state.energy_ev - products.energy_ev) * 23.060548012069493 AS height_above_product_minima_kcal_mol
FROM reaction
LEFT JOIN transition_state_ranking AS shown ON shown.reaction_id = reaction.id AND shown.place = 1
LEFT JOIN calculation_ranking AS own ON own.reaction_id = reaction.id AND own.place = 1
LEFT JOIN cost ON cost.reaction_id = reaction.id
LEFT JOIN transition_state AS shown_state ON shown_state.id = shown.transition_state_id
LEFT JOIN side_minimum AS reactants
    ON reactants.reaction_id = reaction.id AND reactants.side = 'reactant' AND reactants.level_key = shown.level_key
LEFT JOIN side_minimum AS products
    ON products.reaction_id = reaction.id AND products.side = 'product' AND products.level_key = shown.level_key
"""


def upgrade() -> None:
    op.execute(SPECIES_ENERGY)
    op.execute(SIDE_MINIMUM)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(REACTION_SUMMARY.format(create="CREATE OR REPLACE"))
    else:
        op.execute("DROP VIEW reaction_summary")
        op.execute(REACTION_SUMMARY.format(create="CREATE"))
