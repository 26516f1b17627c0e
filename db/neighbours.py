"""Reactions of a species, written in the direction away from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.branching import Leaving, turned
from chem.identity import make_reaction
from chem.outcomes import Status, TransitionState
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.load import load_reactions
from db.shown import ShownReaction, shown_reactions
from db.species_names import NamedSpecies
from db.statements import select_in
from db.tables import ReactionSpeciesRow, Side, TransitionStateRow
from db.transition_states import transition_states


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A reaction in the direction away from a species; energies in kcal/mol.

    Attributes:
        key: Key of the reaction.
        is_forward: Whether it is written in the direction in which it is stored.
        reactants: SMILES of the species and its partners.
        partners: SMILES of what it reacts with; empty where it reacts alone.
        products: SMILES of what they become.
        transition_state_id: Row id of the transition state shown; None where there is none.
        barrier_forward_kcal_mol: Its height above the reactants; None where it is not known.
        barrier_reverse_kcal_mol: Its height above the products.
        error_bar_95_kcal_mol: Half-width of the 95 % error bar against coupled cluster; None where nothing was
            measured.
        level: Key of the level of theory.
        verdict: Of the transition state.
        outcome: Of the reaction's own search, as in `db.queries.ReactionRecord`.
        barrierless_side: `reactant` or `product`, as written here, where the molecules of that side fall into each
            other.
        dissociation_kcal_mol: How high those molecules lie apart above what they become, without a check.
        n_taken: How many molecules of the species take part.
        degeneracy: Equivalent paths in this direction; None where it is not the stored one.
    """

    key: str
    is_forward: bool
    reactants: tuple[str, ...]
    partners: tuple[str, ...]
    products: tuple[str, ...]
    transition_state_id: int | None
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    level: str | None
    verdict: Status | None
    outcome: str | None
    barrierless_side: str | None
    dissociation_kcal_mol: float | None
    n_taken: int
    degeneracy: int | None


def neighbours(
    session: Session, species: NamedSpecies, *, campaign: str | None = None, level_key: str | None = None
) -> list[Neighbour]:
    """Reactions that a species takes part in, the lowest barrier away from it first, those without one last.

    A reaction with the species on both sides is written once from each.

    Args:
        session: To read with.
        species: The species.
        campaign: Only reactions that this campaign reached.
        level_key: Only barriers and outcomes of this level of theory.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    statement = select(
        ReactionSpeciesRow.reaction_id, ReactionSpeciesRow.side, ReactionSpeciesRow.stoichiometric_count
    ).where(ReactionSpeciesRow.species_id == species.id)
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        statement = statement.where(ReactionSpeciesRow.reaction_id.in_(members))
    sides = session.execute(statement).all()
    shown = shown_reactions(session, [number for number, _, _ in sides], level_key=level_key)
    found = [_away(shown[number], species.smiles, Side(side), count) for number, side, count in sides]
    return sorted(found, key=_place)


def _away(shown: ShownReaction, smiles: str, side: Side, count: int) -> Neighbour:
    is_forward = side is Side.REACTANT
    before, after = (shown.reactants, shown.products) if is_forward else (shown.products, shown.reactants)
    heights = shown.barrier_forward_kcal_mol, shown.barrier_reverse_kcal_mol
    forward, reverse = heights if is_forward else heights[::-1]
    partners = list(before)
    partners.remove(smiles)
    falling = shown.barrierless_side
    if falling is not None and not is_forward:
        falling = (Side.PRODUCT if falling == Side.REACTANT.value else Side.REACTANT).value
    return Neighbour(
        key=shown.key,
        is_forward=is_forward,
        reactants=before,
        partners=tuple(partners),
        products=after,
        transition_state_id=shown.transition_state_id,
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
        error_bar_95_kcal_mol=shown.error_bar_95_kcal_mol,
        level=shown.level,
        verdict=shown.verdict,
        outcome=shown.outcome,
        barrierless_side=falling,
        dissociation_kcal_mol=shown.dissociation_kcal_mol,
        n_taken=count,
        degeneracy=shown.degeneracy if is_forward else None,
    )


def _place(neighbour: Neighbour) -> tuple[bool, float, str, bool]:
    height = neighbour.barrier_forward_kcal_mol
    return height is None, height or 0.0, neighbour.key, not neighbour.is_forward


def leaving_steps(session: Session, found: Iterable[Neighbour]) -> list[Leaving]:
    """The reactions of a species with all that rates need, in the direction away from it.

    Those without a barrier, and those whose barrier failed a check, are left out.

    Args:
        session: To read with.
        found: What `neighbours` gave.
    """
    usable = list(found)
    reversed_ = load_reactions(session, {each.key for each in usable if each.degeneracy is None})
    states = _states_with_frequencies(session, usable)
    steps = []
    for each in usable:
        forward, reverse = each.barrier_forward_kcal_mol, each.barrier_reverse_kcal_mol
        if forward is None or reverse is None or each.level is None:
            continue
        if each.verdict is None or each.verdict is Status.FAILED:
            continue
        degeneracy = each.degeneracy
        if degeneracy is None:
            stored = reversed_[each.key]
            degeneracy = make_reaction(stored.product_graph, stored.reactant_graph).degeneracy
        state = states.get(each.transition_state_id)
        steps.append(
            Leaving(
                key=each.key,
                reactants=each.reactants,
                products=each.products,
                n_taken=each.n_taken,
                barrier_forward_kcal_mol=forward,
                barrier_reverse_kcal_mol=reverse,
                error_bar_95_kcal_mol=each.error_bar_95_kcal_mol,
                verdict=each.verdict,
                level=each.level,
                degeneracy=degeneracy,
                transition_state=state if state is None or each.is_forward else turned(state),
            )
        )
    return steps


def _states_with_frequencies(session: Session, found: Iterable[Neighbour]) -> Mapping[int | None, TransitionState]:
    """Transition states of reactions whose ends have frequencies, by row id."""
    statement = select(TransitionStateRow.id).where(TransitionStateRow.reactant_end_frequencies_cm1.is_not(None))
    shown = [each.transition_state_id for each in found if each.transition_state_id is not None]
    numbers = [number for (number,) in select_in(session, statement, TransitionStateRow.id, shown)]
    return {record.id: record.transition_state for record in transition_states(session, numbers)}
