"""Geometries from and to XYZ files, through ASE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

from chem.errors import GeometryError
from chem.types import Geometry


def read_xyz(path: Path, *, charge: int = 0, multiplicity: int = 1) -> Geometry:
    """The only or last structure of an XYZ or extended XYZ file.

    Args:
        path: The file; positions in Angstrom.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1.

    Raises:
        GeometryError: The file is missing, empty or no XYZ file.
        ElectronCountError: Charge and multiplicity do not fit the atoms.
    """
    if not path.is_file():
        raise GeometryError(f"there is no file {path}; give an XYZ file")
    try:
        atoms = read(path, index=-1, format="extxyz")
    except Exception as error:  # ASE's readers raise whatever their parsing meets
        raise GeometryError(f"{path} is not an XYZ file that can be read: {error}") from error
    if not isinstance(atoms, Atoms) or len(atoms) == 0:
        raise GeometryError(f"{path} holds no atoms")
    if np.any(atoms.numbers < 1):
        raise GeometryError(f"{path} holds a dummy atom X; remove it")
    return Geometry(numbers=atoms.numbers, positions=atoms.positions, charge=charge, multiplicity=multiplicity)


def write_xyz(path: Path, geometry: Geometry, comment: str = "") -> None:
    """Write one structure, positions in Angstrom; the comment becomes the second line."""
    write(path, Atoms(numbers=geometry.numbers, positions=geometry.positions), format="xyz", comment=comment)
