"""The last geometry of a long search, kept in a file so that a killed one goes on from there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import GeometryError
from chem.types import Geometry
from chem.xyz import read_xyz, write_xyz


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a search keeps its last geometry.

    Attributes:
        path: XYZ file, written at every step and removed by `forget`; its folder is made where it is missing.
    """

    path: Path

    def geometry_or(self, guess: Geometry) -> Geometry:
        """The kept geometry where there is one of the same atoms, else the guess."""
        if not self.path.is_file():
            return guess
        try:
            kept = read_xyz(self.path, charge=guess.charge, multiplicity=guess.multiplicity)
        except GeometryError:  # of a machine that lost power while it wrote
            return guess
        return kept if np.array_equal(kept.numbers, guess.numbers) else guess

    def keep(self, geometry: Geometry, positions: NDArray[np.float64]) -> None:
        """Replace what is kept by positions of shape (n_atoms, 3), Angstrom, at once or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(f".{os.getpid()}.part")
        write_xyz(unfinished, geometry.with_positions(positions))
        unfinished.replace(self.path)

    def forget(self) -> None:
        """Remove what is kept."""
        self.path.unlink(missing_ok=True)
