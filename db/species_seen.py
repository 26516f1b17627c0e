"""Species with the energy at which they were seen alone at an end of a reaction path, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from chem.outcomes import Status
from db.campaign_tables import SpeciesMembershipRow
from db.campaigns import campaign_id
from db.selection import Selection, chosen_reactions, chosen_states
from db.statements import ROWS_PER_STATEMENT, streamed
from db.tables import LevelRow, ReactionSpeciesRow, Side, SpeciesRow, TransitionStateRow

# The best first, as in the ranking of transition states.
_GRADES = {Status.PASSED: 0, Status.COULD_NOT_CHECK: 1, Status.ESTIMATED: 2, Status.FAILED: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeciesSeen:
    """A species of a selection.

    Attributes:
        key: Identity.
        smiles: Label.
        formula: Molecular formula.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1.
        energy_ev: Electronic energy as the only molecule at an end of a path: of the best verdict, at the latest level,
            the lowest; None where it was never alone there.
        level: Key of the level of theory of the energy.
        verdict: Of the transition state of that path.
        n_reactions: Reactions of the selection in which it takes part.
    """

    key: str
    smiles: str
    formula: str
    charge: int
    multiplicity: int
    energy_ev: float | None
    level: str | None
    verdict: Status | None
    n_reactions: int


def stream_species(
    session: Session, selection: Selection, at_once: int = ROWS_PER_STATEMENT
) -> Iterator[list[SpeciesSeen]]:
    """Species of the reactions of a selection; without verdicts also those that its campaign, or anything, reached."""
    energies, side = _energies(session, selection), ReactionSpeciesRow
    uses = (
        select(side.species_id, func.count(side.reaction_id.distinct()).label("n_reactions"))
        .where(side.reaction_id.in_(chosen_reactions(session, selection)))
        .group_by(side.species_id)
        .subquery()
    )
    statement = (
        select(
            SpeciesRow.key,
            SpeciesRow.smiles,
            SpeciesRow.formula,
            SpeciesRow.charge,
            SpeciesRow.multiplicity,
            energies.c.energy_ev,
            energies.c.level_key,
            energies.c.verdict,
            func.coalesce(uses.c.n_reactions, 0),
        )
        .outerjoin(uses, uses.c.species_id == SpeciesRow.id)
        .outerjoin(energies, (energies.c.energy_key == SpeciesRow.energy_key) & (energies.c.place == 1))
        .order_by(SpeciesRow.id)
    )
    if selection.verdicts is not None:
        statement = statement.where(uses.c.n_reactions.is_not(None))
    elif selection.campaign is not None:
        members = select(SpeciesMembershipRow.species_id).where(
            SpeciesMembershipRow.campaign_id == campaign_id(session, selection.campaign)
        )
        statement = statement.where(or_(uses.c.n_reactions.is_not(None), SpeciesRow.id.in_(members)))
    for part in session.execute(statement, execution_options=streamed(at_once)).partitions():
        yield [
            SpeciesSeen(
                key=key,
                smiles=smiles,
                formula=formula,
                charge=charge,
                multiplicity=multiplicity,
                energy_ev=energy_ev,
                level=level,
                verdict=None if verdict is None else Status(verdict),
                n_reactions=count,
            )
            for key, smiles, formula, charge, multiplicity, energy_ev, level, verdict, count in part
        ]


def _energies(session: Session, selection: Selection) -> Any:
    """Energies of species, shared by mirror images, with their `place`: 1 is the one to show."""
    state, side = TransitionStateRow, ReactionSpeciesRow
    chosen = chosen_states(session, selection)
    ends = union_all(
        *(
            select(
                state.reaction_id,
                literal(name.value).label("side"),
                state.level_id,
                state.verdict,
                energy.label("energy_ev"),
            ).where(*chosen, energy.is_not(None))
            for name, energy in (
                (Side.REACTANT, state.reactant_end_energy_ev),
                (Side.PRODUCT, state.product_end_energy_ev),
            )
        )
    ).subquery()
    single = (
        select(side.reaction_id, side.side, func.min(side.species_id).label("species_id"))
        .group_by(side.reaction_id, side.side)
        .having(func.sum(side.stoichiometric_count) == 1)
        .subquery()
    )
    ages = select(LevelRow.key, func.min(LevelRow.id).label("age")).group_by(LevelRow.key).subquery()
    grade = case({status.value: value for status, value in _GRADES.items()}, value=ends.c.verdict)
    place = func.row_number().over(
        partition_by=SpeciesRow.energy_key, order_by=(grade, ages.c.age.desc(), ends.c.energy_ev)
    )
    return (
        select(
            SpeciesRow.energy_key,
            LevelRow.key.label("level_key"),
            ends.c.verdict,
            ends.c.energy_ev,
            place.label("place"),
        )
        .select_from(ends)
        .join(single, (single.c.reaction_id == ends.c.reaction_id) & (single.c.side == ends.c.side))
        .join(SpeciesRow, SpeciesRow.id == single.c.species_id)
        .join(LevelRow, LevelRow.id == ends.c.level_id)
        .join(ages, ages.c.key == LevelRow.key)
        .subquery()
    )
