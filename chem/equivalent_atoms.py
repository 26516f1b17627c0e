"""Relabelling of equivalent atoms so that they move least between the two ends of a reaction.

The three hydrogens of a spectator methyl group are alike on both sides. Whichever is called first on the product side
does not change the reaction, yet it decides how far they seem to travel. What may be exchanged are the automorphisms of
the atom map: permutations that send kept bonds to kept, broken to broken and formed to formed bonds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def group_elements(generators: Sequence[Permutation], n_atoms: int, at_most: int) -> list[Permutation]:
    """Elements of a permutation group, in the order of their length in generators.

    Args:
        generators: Permutations of the atoms, such as those from `mapping_generators`; empty for the identity alone.
        n_atoms: Number of atoms.
        at_most: Where to stop in a larger group.
    """
    elements = [tuple(range(n_atoms))]
    known = set(elements)
    for element in elements:  # grows while it is read
        for generator in generators:
            composed = tuple(element[image] for image in generator)
            if composed not in known:
                known.add(composed)
                elements.append(composed)
        if len(elements) >= at_most:
            break
    return elements[:at_most]


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
    group = group_elements(generators, len(mobile), LARGEST_GROUP)
    while True:
        ranked = sorted((rmsd(best[list(order)], target), order) for order in group)
        better = next((each for each in ranked if each[0] < motion - 1e-9 and allowed(best[list(each[1])])), None)
        if better is None:
            return best
        motion, best = better[0], best[list(better[1])]
