"""Proved minima of species, which also tell the energies of molecules that no reaction shows alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SPECIES_ENERGY = """
{create} VIEW species_energy AS
-- lowest electronic energy of a species at a level, shared by mirror images: of its proved minima, and of ends of
-- transition states and prepared end points that are this one molecule
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
),
alone AS (
    SELECT single.species_id, side_energy.level_id, side_energy.energy_ev
    FROM side_energy
    JOIN single ON single.reaction_id = side_energy.reaction_id AND single.side = side_energy.side
    UNION ALL
    SELECT species_id, level_id, energy_ev FROM species_minimum
)
SELECT species.energy_key, level.key AS level_key, MIN(alone.energy_ev) AS energy_ev
FROM alone
JOIN species ON species.id = alone.species_id
JOIN level ON level.id = alone.level_id
GROUP BY species.energy_key, level.key
"""


def upgrade() -> None:
    op.create_table(
        "species_minimum",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("species_id", sa.Integer(), nullable=False),
        sa.Column("calculation_id", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("geometry_id", sa.Integer(), nullable=False),
        sa.Column("energy_ev", sa.Float(), nullable=False),
        sa.Column("frequencies_cm1", sa.JSON(), nullable=False),
        sa.Column("symmetry_number", sa.Integer(), nullable=False),
        sa.Column("n_conformers", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["species_id"], ["species.id"], name=op.f("fk_species_minimum_species_id")),
        sa.ForeignKeyConstraint(["calculation_id"], ["calculation.id"], name=op.f("fk_species_minimum_calculation_id")),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_species_minimum_level_id")),
        sa.ForeignKeyConstraint(["geometry_id"], ["geometry.id"], name=op.f("fk_species_minimum_geometry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_species_minimum")),
        sa.UniqueConstraint("calculation_id", name=op.f("uq_species_minimum_calculation_id")),
    )
    op.create_index(op.f("ix_species_minimum_species_id"), "species_minimum", ["species_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(SPECIES_ENERGY.format(create="CREATE OR REPLACE"))
    else:
        op.execute("DROP VIEW species_energy")
        op.execute(SPECIES_ENERGY.format(create="CREATE"))
