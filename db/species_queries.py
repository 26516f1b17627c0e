"""Questions about species, answered with frozen values in a few queries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from chem.outcomes import Status
from chem.substructure import Substructure
from chem.units import KCAL_MOL_PER_EV
from db.campaign_tables import SpeciesMembershipRow
from db.campaigns import campaign_id
from db.composition import species_with
from db.tables import ReactionSpeciesRow, Side, SpeciesRow
from db.views import shown_by, species_energy, species_summary, transition_state_ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesFilter:
    """Which species to answer with; every condition that is given must hold.

    Attributes:
        level_key: With an energy at this level of theory, which is then shown.
        lowest_barrier_kcal_mol: With known barriers away from it, none of them below; those of failed checks count for
            nothing.
        elements: With every one of these elements, by symbol.
        substructure: That hold it.
        limit: At most so many, oldest first.
    """

    level_key: str | None = None
    lowest_barrier_kcal_mol: float | None = None
    elements: frozenset[str] = frozenset()
    substructure: Substructure | None = None
    limit: int | None = None


EVERY_SPECIES = SpeciesFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesRecord:
    """A species with what is known of it.

    Attributes:
        key: Identity.
        smiles: Label.
        formula: Molecular formula.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1.
        energy_ev: Lowest electronic energy seen; None where it was never alone on a side.
        level: Key of the level of theory of the energy.
        n_reactions: Reactions it takes part in.
    """

    key: str
    smiles: str
    formula: str
    charge: int
    multiplicity: int
    energy_ev: float | None
    level: str | None
    n_reactions: int


def species(
    session: Session,
    *,
    campaign: str | None = None,
    level_key: str | None = None,
    filters: SpeciesFilter = EVERY_SPECIES,
) -> list[SpeciesRecord]:
    """Species in the order in which they were stored; with `campaign` only those that it reached.

    Energies are of the latest level at which each was seen, or with `level_key` of that level alone; `filters` also
    leave out what has none there.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    view = species_summary
    shown = filters.level_key or level_key
    energy, level = view.c.energy_ev, view.c.level_key
    if shown is not None:
        energy, level = species_energy.c.energy_ev, species_energy.c.level_key
    statement = select(
        *(column for column in view.c if column.name not in ("energy_ev", "level_key")),
        energy.label("energy_ev"),
        level.label("level_key"),
    ).order_by(view.c.species_id)
    if shown is not None:
        statement = statement.join(SpeciesRow, SpeciesRow.id == view.c.species_id).join(
            species_energy,
            and_(species_energy.c.energy_key == SpeciesRow.energy_key, level == shown),
            isouter=filters.level_key is None,
        )
    if campaign is not None:
        statement = statement.join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == view.c.species_id).where(
            SpeciesMembershipRow.campaign_id == campaign_id(session, campaign)
        )
    statement = statement.where(*species_with(filters.elements, view.c.formula))
    if filters.lowest_barrier_kcal_mol is not None:
        statement = statement.where(view.c.species_id.in_(_left_over_no_less_than(filters)))
    if filters.substructure is None:
        statement = statement.limit(filters.limit)
    rows = session.execute(statement)
    if filters.substructure is not None:
        rows_that_match = (row for row in rows if filters.substructure.is_in(row.smiles))
        return [_species_record(row) for row in islice(rows_that_match, filters.limit)]
    return [_species_record(row) for row in rows]


def _left_over_no_less_than(filters: SpeciesFilter) -> Select[Any]:
    """Ids of the species whose lowest known barrier away is not below the one asked for."""
    shown = transition_state_ranking
    away = case((ReactionSpeciesRow.side == Side.REACTANT.value, shown.c.forward_ev), else_=shown.c.reverse_ev)
    lowest = (filters.lowest_barrier_kcal_mol or 0.0) / KCAL_MOL_PER_EV
    return (
        select(ReactionSpeciesRow.species_id)
        .join(shown, shown.c.reaction_id == ReactionSpeciesRow.reaction_id)
        .where(*shown_by(shown, filters.level_key), shown.c.verdict != Status.FAILED.value)
        .group_by(ReactionSpeciesRow.species_id)
        .having(func.min(away) >= lowest)
    )


def _species_record(row: Any) -> SpeciesRecord:
    return SpeciesRecord(
        key=row.species_key,
        smiles=row.smiles,
        formula=row.formula,
        charge=row.charge,
        multiplicity=row.multiplicity,
        energy_ev=row.energy_ev,
        level=row.level_key,
        n_reactions=row.n_reactions,
    )
