"""Reactions written away from the seeds: stored the other way round, they are turned with all that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from report.content import ExpectedEntry, ReactionEntry, TSEntry
from report.layout import species_levels


def away_from_seeds(reactions: Sequence[ReactionEntry], seeds: Sequence[str]) -> tuple[ReactionEntry, ...]:
    """The reactions, those turned round whose products are nearer to a seed than their reactants.

    A side is as near as its nearest species; between equally near sides the farthest decides, then the stored
    direction.
    """
    levels = species_levels(seeds, reactions)

    def distance(side: tuple[str, ...]) -> tuple[float, float]:
        found = [levels.get(key, float("inf")) for key in side]
        return min(found, default=float("inf")), max(found, default=float("inf"))

    return tuple(
        turned(reaction) if distance(reaction.products) < distance(reaction.reactants) else reaction
        for reaction in reactions
    )


def turned(reaction: ReactionEntry) -> ReactionEntry:
    """The reaction from products to reactants; its degeneracy in that direction is not known."""
    state = reaction.transition_state
    return replace(
        reaction,
        reactants=reaction.products,
        products=reaction.reactants,
        mapped_smiles=">".join(reversed(reaction.mapped_smiles.split(">"))),
        degeneracy=None,
        barrier_forward_kcal_mol=reaction.barrier_reverse_kcal_mol,
        barrier_reverse_kcal_mol=reaction.barrier_forward_kcal_mol,
        e0_forward_kcal_mol=reaction.e0_reverse_kcal_mol,
        e0_reverse_kcal_mol=reaction.e0_forward_kcal_mol,
        gibbs_298_forward_kcal_mol=reaction.gibbs_298_reverse_kcal_mol,
        gibbs_298_reverse_kcal_mol=reaction.gibbs_298_forward_kcal_mol,
        transition_state=None if state is None else _turned_state(state),
        turned=not reaction.turned,
        expected=None if reaction.expected is None else _turned_expectation(reaction.expected),
    )


def _turned_expectation(expected: ExpectedEntry) -> ExpectedEntry:
    return replace(
        expected,
        forward_kcal_mol=expected.reverse_kcal_mol,
        reverse_kcal_mol=expected.forward_kcal_mol,
        forward_bar_kcal_mol=expected.reverse_bar_kcal_mol,
        reverse_bar_kcal_mol=expected.forward_bar_kcal_mol,
    )


def _turned_state(state: TSEntry) -> TSEntry:
    return replace(
        state,
        reactant_end=state.product_end,
        product_end=state.reactant_end,
        reactant_end_energy_ev=state.product_end_energy_ev,
        product_end_energy_ev=state.reactant_end_energy_ev,
    )
