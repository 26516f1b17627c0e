"""A guess of the second derivatives from the bonds alone, to start a relaxation from.

Springs between atoms one, two and three bonds apart, weaker ones between all others, and a constant on the diagonal,
in the spirit of the model force constants of Lindh et al. (10.1016/0009-2614(95)00646-L). The numbers were chosen by
counting gradient calls over embedded structures: they halve them, and their optimum is flat.
"""

from __future__ import annotations

import numpy as np

from chem.distance_windows import FloatArray, path_lengths
from chem.graph import MolecularGraph

# eV/Angstrom^2 by the number of bonds between two atoms
SPRINGS_EV_PER_ANGSTROM2 = {1: 20.0, 2: 5.0, 3: 0.5}
FAR_SPRING_EV_PER_ANGSTROM2 = 0.1
DIAGONAL_EV_PER_ANGSTROM2 = 3.0


def model_hessian(graph: MolecularGraph, positions: FloatArray) -> FloatArray:
    """Second derivatives of harmonic springs at their rest length.

    Args:
        graph: The bonds.
        positions: Shape (n_atoms, 3), Angstrom.

    Returns:
        Positive definite, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.
    """
    n_atoms = graph.n_atoms
    springs = np.full((n_atoms, n_atoms), FAR_SPRING_EV_PER_ANGSTROM2)
    paths = path_lengths(graph)
    for bonds, value in SPRINGS_EV_PER_ANGSTROM2.items():
        springs[paths == bonds] = value
    np.fill_diagonal(springs, 0.0)
    vectors = positions[:, None, :] - positions[None, :, :]
    units = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + np.eye(n_atoms)[:, :, None])
    blocks = springs[:, :, None, None] * units[:, :, :, None] * units[:, :, None, :]  # (n_atoms, n_atoms, 3, 3)
    hessian = -blocks
    own = np.arange(n_atoms)
    hessian[own, own] = blocks.sum(axis=1) + DIAGONAL_EV_PER_ANGSTROM2 * np.eye(3)
    flat: FloatArray = hessian.transpose(0, 2, 1, 3).reshape(3 * n_atoms, 3 * n_atoms)
    return flat
