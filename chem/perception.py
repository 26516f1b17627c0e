"""The molecular graph of a geometry."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from chem.graph import MolecularGraph
from chem.types import Geometry

BOND_FACTOR = 1.3  # two atoms are bonded below this multiple of the sum of their covalent radii (10.1039/b801115j)


def perceive_graph(geometry: Geometry, bond_factor: float = BOND_FACTOR) -> MolecularGraph:
    """Connectivity from interatomic distances, with the geometry's charge and multiplicity.

    Args:
        geometry: Atoms in space; meant for relaxed structures.
        bond_factor: Multiple of the sum of covalent radii under which two atoms are bonded, unitless.
    """
    radii = covalent_radii[geometry.numbers]
    vectors = geometry.positions[:, None, :] - geometry.positions[None, :, :]
    distances = np.linalg.norm(vectors, axis=-1)  # (n_atoms, n_atoms) Angstrom
    bonded = distances < bond_factor * (radii[:, None] + radii[None, :])
    pairs = np.argwhere(np.triu(bonded, k=1))
    return MolecularGraph(
        numbers=tuple(int(number) for number in geometry.numbers),
        bonds=frozenset((int(i), int(j)) for i, j in pairs),
        charge=geometry.charge,
        multiplicity=geometry.multiplicity,
    )
