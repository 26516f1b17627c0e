"""Growing a network step by step: which reactions follow when every new species is expanded in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement

from chem.enumeration import EnumerationRules, enumerate_reactions
from chem.graph import MolecularGraph
from chem.types import Reaction, Species


def expand(seed: MolecularGraph, rules: EnumerationRules, depth: int) -> Iterator[tuple[Reaction, int]]:
    """Reactions of a reacting system, then of each species reached, each species expanded once and alone.

    Every directed reaction is given; a reaction and its reverse share their key.

    Args:
        seed: The reacting system.
        rules: What may happen.
        depth: How many steps.

    Yields:
        A reaction and its step, counted from 1.
    """
    frontier: list[MolecularGraph] = [seed]
    seen: set[str] = set()
    for step in range(1, depth + 1):
        reached: dict[str, Species] = {}
        for graph in frontier:
            for reaction in enumerate_reactions(graph, rules):
                if step == 1:
                    seen.update(species.key for species in reaction.reactants)
                reached.update((species.key, species) for species in reaction.products)
                yield reaction, step
        new = sorted(key for key in reached if key not in seen)
        seen.update(new)
        frontier = [reached[key].graph for key in new]


def join_graphs(graphs: Iterable[MolecularGraph]) -> MolecularGraph:
    """Several molecules as one reacting system, coupled to the lowest multiplicity that the electrons allow."""
    numbers: list[int] = []
    bonds: set[tuple[int, int]] = set()
    tetrahedral: set[tuple[int, int]] = set()
    double_bonds: set[tuple[int, int, int]] = set()
    charge = 0
    for graph in graphs:
        shift = len(numbers)
        numbers.extend(graph.numbers)
        bonds.update((i + shift, j + shift) for i, j in graph.bonds)
        tetrahedral.update((atom + shift, sign) for atom, sign in graph.tetrahedral)
        double_bonds.update((i + shift, j + shift, sign) for i, j, sign in graph.double_bonds)
        charge += graph.charge
    return MolecularGraph(
        numbers=tuple(numbers),
        bonds=frozenset(bonds),
        charge=charge,
        multiplicity=1 + (sum(numbers) - charge) % 2,
        tetrahedral=frozenset(tetrahedral),
        double_bonds=frozenset(double_bonds),
    )


def pair_reactions(
    new: Iterable[Species], known: Iterable[Species], rules: EnumerationRules, *, maximum_atoms: int, maximum_pairs: int
) -> list[Reaction]:
    """Bimolecular reactions of new species with each other and with known ones, both partners taking part.

    Args:
        new: Species reached since the last round.
        known: Species reached before.
        rules: What may happen.
        maximum_atoms: Largest number of atoms of a pair.
        maximum_pairs: Most pairs; the smallest pairs first, ties by key.
    """
    fresh = sorted(set(new), key=lambda species: species.key)
    old = sorted(set(known) - set(fresh), key=lambda species: species.key)
    pairs = [*combinations_with_replacement(fresh, 2), *((a, b) for a in fresh for b in old)]
    sized = [(a, b) for a, b in pairs if a.graph.n_atoms + b.graph.n_atoms <= maximum_atoms]
    sized.sort(key=lambda pair: (pair[0].graph.n_atoms + pair[1].graph.n_atoms, sorted((pair[0].key, pair[1].key))))
    found: dict[str, Reaction] = {}
    for a, b in sized[:maximum_pairs]:
        for reaction in enumerate_reactions(join_graphs((a.graph, b.graph)), rules):
            if _all_take_part(reaction):
                found[reaction.key] = reaction
    return [found[key] for key in sorted(found)]


def _all_take_part(reaction: Reaction) -> bool:
    touched = {atom for pair in (*reaction.broken, *reaction.formed) for atom in pair}
    return all(touched & set(fragment) for fragment in reaction.reactant_graph.fragments)
