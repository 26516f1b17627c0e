"""Reactions of a species, written in the direction away from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.branching import Leaving
from chem.identity import make_reaction
from chem.outcomes import Status
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.load import load_reactions
from db.shown import ShownReaction, shown_reactions
from db.species_names import NamedSpecies
from db.statements import select_in
from db.tables import ReactionSpeciesRow, Side, SpeciesRow
from db.transition_states import states_with_frequencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A reaction in the direction away from a species; energies in kcal/mol.

    Attributes:
        key: Key of the reaction.
        is_forward: Whether it is written in the direction in which it is stored.
        reactants: SMILES of the species and its partners.
        partners: SMILES of what it reacts with; empty where it reacts alone.
        partner_keys: Keys of those species, in the same order.
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
    partner_keys: tuple[str, ...]
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
    statement = select(ReactionSpeciesRow.reaction_id, ReactionSpeciesRow.side).where(
        ReactionSpeciesRow.species_id == species.id
    )
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        statement = statement.where(ReactionSpeciesRow.reaction_id.in_(members))
    own = session.execute(statement).all()
    numbers = [number for number, *_ in own]
    shown = shown_reactions(session, numbers, level_key=level_key)
    molecules = _molecules(session, numbers)
    found = [_away(shown[number], species.key, Side(side), molecules[number]) for number, side in own]
    return sorted(found, key=_place)


def _molecules(session: Session, reaction_ids: Iterable[int]) -> dict[int, dict[Side, list[tuple[str, str]]]]:
    """Key and SMILES of every molecule of some reactions, by row id and side, sorted."""
    found: dict[int, dict[Side, list[tuple[str, str]]]] = defaultdict(lambda: {side: [] for side in Side})
    statement = select(
        ReactionSpeciesRow.reaction_id,
        ReactionSpeciesRow.side,
        ReactionSpeciesRow.stoichiometric_count,
        SpeciesRow.key,
        SpeciesRow.smiles,
    ).join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
    rows = select_in(session, statement, ReactionSpeciesRow.reaction_id, reaction_ids)
    for number, side, count, key, smiles in rows:
        found[number][Side(side)] += [(key, smiles)] * count
    for sides in found.values():
        for molecules in sides.values():
            molecules.sort()
    return found


def _away(
    shown: ShownReaction, species_key: str, side: Side, molecules: Mapping[Side, Sequence[tuple[str, str]]]
) -> Neighbour:
    is_forward = side is Side.REACTANT
    other = Side.PRODUCT if is_forward else Side.REACTANT
    heights = shown.barrier_forward_kcal_mol, shown.barrier_reverse_kcal_mol
    forward, reverse = heights if is_forward else heights[::-1]
    taken = [key for key, _ in molecules[side]].index(species_key)
    partners = [*molecules[side][:taken], *molecules[side][taken + 1 :]]
    falling = shown.barrierless_side
    if falling is not None and not is_forward:
        falling = (Side.PRODUCT if falling == Side.REACTANT.value else Side.REACTANT).value
    return Neighbour(
        key=shown.key,
        is_forward=is_forward,
        reactants=tuple(smiles for _, smiles in molecules[side]),
        partners=tuple(smiles for _, smiles in partners),
        partner_keys=tuple(key for key, _ in partners),
        products=tuple(smiles for _, smiles in molecules[other]),
        transition_state_id=shown.transition_state_id,
        barrier_forward_kcal_mol=forward,
        barrier_reverse_kcal_mol=reverse,
        error_bar_95_kcal_mol=shown.error_bar_95_kcal_mol,
        level=shown.level,
        verdict=shown.verdict,
        outcome=shown.outcome,
        barrierless_side=falling,
        dissociation_kcal_mol=shown.dissociation_kcal_mol,
        n_taken=1 + sum(key == species_key for key, _ in partners),
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
    shown = [each.transition_state_id for each in usable if each.transition_state_id is not None]
    states = states_with_frequencies(session, shown)
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
        state = None if each.transition_state_id is None else states.get(each.transition_state_id)
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
                transition_state=state if state is None or each.is_forward else state.turned(),
            )
        )
    return steps
