"""Which way atoms move as a reaction goes on, told from its ends: the first guess of a saddle point's unstable mode.

The lowest mode of a transition state stretches the bonds that break and shortens those that form, while the other
distances go over from one end to the other. That motion is the starting vector of the eigensolver in a saddle search.
From the gradient, its usual start, the eigensolver spends about ten gradient calls until it finds the mode; from here
one or two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chem.generator import EndPoints
from chem.perception import perceive_graph

LARGEST_CHANGE_ANGSTROM = 1.0  # a distance that changes by more belongs to a conformation, not to the reaction
CHANGING_WEIGHT = 2.0  # of a bond that breaks or forms, beside a pair of one molecule at the same distance
REGULARISATION = 1e-3  # Angstrom^-4; settles rotations and what no distance says

FloatArray = NDArray[np.float64]


def reaction_direction(positions: FloatArray, ends: EndPoints) -> FloatArray | None:
    """Displacement at a geometry that changes its distances as the reaction does, from reactant to product.

    It solves the linear least-squares problem of the wanted changes of distances with weights 1/d^2: one Angstrom for
    bonds that break, minus one for those that form, and the difference of both ends for pairs that are in one molecule
    on both sides.

    Args:
        positions: Where, shape (n_atoms, 3), Angstrom; atoms in the order of the ends.
        ends: Reactant and product.

    Returns:
        Unit vector of shape (n_atoms, 3); None where no bond changes.
    """
    before, after = perceive_graph(ends.reactant), perceive_graph(ends.product)
    if before.bonds == after.bonds:
        return None
    together = [np.zeros((before.n_atoms, before.n_atoms), dtype=bool) for _ in range(2)]
    for graph, mask in zip((before, after), together, strict=True):
        for fragment in graph.fragments:
            mask[np.ix_(fragment, fragment)] = True
    first, second = np.triu_indices(len(positions), k=1)
    lengths = [
        np.linalg.norm(end.positions[first] - end.positions[second], axis=1) for end in (ends.reactant, ends.product)
    ]
    change = np.clip(lengths[1] - lengths[0], -LARGEST_CHANGE_ANGSTROM, LARGEST_CHANGE_ANGSTROM)
    vectors = positions[first] - positions[second]
    distances = np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)
    weights = np.where((together[0] & together[1])[first, second], distances**-2, 0.0)
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    for sign, bonds in ((1.0, before.bonds - after.bonds), (-1.0, after.bonds - before.bonds)):
        changing = np.array([pair in bonds for pair in pairs])
        change[changing] = sign
        weights[changing] = CHANGING_WEIGHT * distances[changing] ** -2
    jacobian = np.zeros((len(pairs), *positions.shape))
    rows = np.arange(len(pairs))
    jacobian[rows, first] = vectors / distances[:, None]
    jacobian[rows, second] = -vectors / distances[:, None]
    weighted = jacobian.reshape(len(pairs), -1) * weights[:, None]
    normal = weighted.T @ weighted + REGULARISATION * np.eye(weighted.shape[1])
    moved: FloatArray = np.linalg.solve(normal, weighted.T @ (weights * change)).reshape(positions.shape)
    length = float(np.linalg.norm(moved))
    return moved / length if length > 1e-9 else None
