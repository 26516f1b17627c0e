"""Rotational symmetry numbers from geometry and graph."""

from __future__ import annotations

import numpy as np

from chem.equivalent_atoms import group_elements, mapping_generators
from chem.errors import GeometryError
from chem.perception import perceive_graph
from chem.types import Geometry

TOLERANCE_ANGSTROM = 0.1  # root-mean-square deviation under which a relabelled structure is the same one, turned
LARGEST_GROUP = 200_000
CHUNK = 20_000


def symmetry_number(geometry: Geometry, tolerance_angstrom: float = TOLERANCE_ANGSTROM) -> int:
    """Number of proper rotations that bring a structure onto itself.

    Every such rotation is a relabelling of equivalent atoms, so the automorphisms of the perceived graph are tried in
    turn; turned methyl groups, which are no rotation of the whole, do not count.

    Args:
        geometry: A relaxed structure of one molecule.
        tolerance_angstrom: Root-mean-square deviation that is still the same structure.

    Raises:
        GeometryError: The graph has too many automorphisms to try.
    """
    graph = perceive_graph(geometry)
    generators = mapping_generators(graph, graph)
    group = group_elements(generators, geometry.n_atoms, LARGEST_GROUP + 1)
    if len(group) > LARGEST_GROUP:
        raise GeometryError(
            f"{geometry.formula} has over {LARGEST_GROUP} equivalent labellings; give its symmetry number yourself"
        )
    centered = geometry.positions - geometry.positions.mean(axis=0)
    squares = 2.0 * float((centered**2).sum())
    number = 0
    for first in range(0, len(group), CHUNK):
        relabelled = centered[np.array(group[first : first + CHUNK])]  # (n, n_atoms, 3) Angstrom
        covariance = relabelled.transpose(0, 2, 1) @ centered
        sizes = np.linalg.svd(covariance, compute_uv=False)
        handedness = np.sign(np.linalg.det(covariance))
        # A flat or linear structure has no hand: its least singular value vanishes, and its sign with it.
        overlap = sizes[:, 0] + sizes[:, 1] + handedness * sizes[:, 2]
        deviation = np.sqrt(np.maximum(squares - 2.0 * overlap, 0.0) / geometry.n_atoms)
        number += int((deviation < tolerance_angstrom).sum())
    return max(number, 1)
