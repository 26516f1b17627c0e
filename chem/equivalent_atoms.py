"""Relabelling of equivalent atoms so that they move least between the two ends of a reaction.

The three hydrogens of a spectator methyl group are alike on both sides. Whichever is called first on the product side
does not change the reaction, yet it decides how far they seem to travel. What may be exchanged are the automorphisms of
the atom map: permutations that send kept bonds to kept, broken to broken and formed to formed bonds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chem.alignment import rmsd
from chem.distance_windows import FloatArray
from chem.graph import MolecularGraph
from chem.identity import mapping_form

LARGEST_GROUP = 1000  # permutations looked at together; larger groups are searched in rounds

Permutation = tuple[int, ...]


def mapping_generators(reactant: MolecularGraph, product: MolecularGraph) -> list[Permutation]:
    """Permutations that generate the automorphisms of an atom map, sorted.

    Args:
        reactant: One side.
        product: The other side, in the same atom order.
    """
    return sorted(set(mapping_form(reactant.without_stereo(), product.without_stereo()).generators))


def least_motion(
    mobile: FloatArray,
    target: FloatArray,
    generators: list[Permutation],
    allowed: Callable[[FloatArray], bool],
) -> FloatArray:
    """Exchange equivalent atoms of one end for the least root-mean-square motion to the other.

    Args:
        mobile: Positions whose labels may change, shape (n_atoms, 3), Angstrom.
        target: The other end, same shape and atom order.
        generators: From `mapping_generators`.
        allowed: Says whether relabelled positions are still the wanted species in the wanted handedness.

    Returns:
        Relabelled positions, not moved, shape (n_atoms, 3), Angstrom. Those given where nothing allowed is better.
    """
    if not generators:
        return mobile
    best, motion = mobile, rmsd(mobile, target) if allowed(mobile) else np.inf
    group = _elements(generators, len(mobile))
    while True:
        ranked = sorted((rmsd(best[list(order)], target), order) for order in group)
        better = next((each for each in ranked if each[0] < motion - 1e-9 and allowed(best[list(each[1])])), None)
        if better is None:
            return best
        motion, best = better[0], best[list(better[1])]


def _elements(generators: list[Permutation], n_atoms: int) -> list[Permutation]:
    """Elements of the group in the order of their length in generators, up to `LARGEST_GROUP`."""
    identity = tuple(range(n_atoms))
    found = {identity: None}
    layers = [[identity], [identity]]
    while layers[-1] and len(found) < LARGEST_GROUP:
        fresh = []
        for element in layers[-1]:
            for generator in generators:
                composed = tuple(element[generator[atom]] for atom in range(n_atoms))
                if composed not in found and len(found) < LARGEST_GROUP:
                    found[composed] = None
                    fresh.append(composed)
        layers.append(fresh)
    return list(found)
