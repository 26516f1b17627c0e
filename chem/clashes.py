"""Atoms so close to each other, or so far apart, that no program can say anything of them."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from chem.errors import GeometryError
from chem.types import Geometry

CLASH_ANGSTROM = 0.3  # the programs return nonsense, or end the process, instead of refusing
FARTHEST_ANGSTROM = 1e4  # the same


def closest_ratio(geometry: Geometry) -> float:
    """Shortest distance of two atoms over the sum of their covalent radii; infinite for one atom.

    A bond has about 1, hydrogen bonds 2; under 0.6 two atoms clash.
    """
    first, second = np.triu_indices(geometry.n_atoms, k=1)
    if not first.size:
        return float("inf")
    apart = np.linalg.norm(geometry.positions[first] - geometry.positions[second], axis=1)
    radii = covalent_radii[geometry.numbers]
    return float((apart / (radii[first] + radii[second])).min())


def check_distances(geometry: Geometry, where: str) -> None:
    """Raise `GeometryError` where two atoms that were given lie on top of each other, or farther apart than a molecule.

    Args:
        geometry: What was given.
        where: Name of the file, or of the side of the reaction, for the message.
    """
    first, second = np.triu_indices(geometry.n_atoms, k=1)
    if not first.size:
        return
    widest = float(np.ptp(geometry.positions, axis=0).max())
    if not widest < FARTHEST_ANGSTROM:
        raise GeometryError(f"{where}: two atoms are {widest:.3g} Angstrom apart; give positions in Angstrom")
    apart = np.linalg.norm(geometry.positions[first] - geometry.positions[second], axis=1)  # (n_pairs,) Angstrom
    closest = int(apart.argmin())
    if apart[closest] < CLASH_ANGSTROM:
        i, j = int(first[closest]), int(second[closest])
        raise GeometryError(
            f"{where}: atoms {i + 1} ({geometry.symbols[i]}) and {j + 1} ({geometry.symbols[j]}) are"
            f" {apart[closest]:.2f} Angstrom apart; correct their positions"
        )
