"""Geometries from and to XYZ files, through ASE."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

from chem.clashes import check_distances
from chem.errors import GeometryError
from chem.types import Geometry

_NUMBER_OR_TRUTH = re.compile(
    r"[-+]?[\d_]*\.?[\d_]*(e[-+]?[\d_]+)?|[-+]?(nan|inf|infinity)|t|f|true|false", re.IGNORECASE
)


def read_xyz(path: Path, *, charge: int = 0, multiplicity: int = 1) -> Geometry:
    """The only or last structure of an XYZ or extended XYZ file.

    Args:
        path: The file; positions in Angstrom.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1.

    Raises:
        GeometryError: The file is missing, empty or no XYZ file, or has two atoms in one place.
        ElectronCountError: Charge and multiplicity do not fit the atoms.
    """
    return _geometry(path, _read(path, -1)[0], charge, multiplicity)


def read_xyz_structures(path: Path, *, charge: int = 0, multiplicity: int = 1) -> list[Geometry]:
    """All structures of an XYZ or extended XYZ file, in order; arguments and errors as in `read_xyz`."""
    return [_geometry(path, atoms, charge, multiplicity) for atoms in _read(path, slice(None))]


def _read(path: Path, index: int | slice) -> list[Atoms]:
    if not path.is_file():
        raise GeometryError(f"there is no file {path}; give an XYZ file")
    try:
        _check_counts(path.read_text(encoding="utf-8").splitlines())
        found = read(path, index=index, format="extxyz")
    except Exception as error:  # ASE's readers raise whatever their parsing meets
        reason = f"there is no {error}" if isinstance(error, KeyError) else str(error) or "it ends before its atoms do"
        raise GeometryError(f"{path} is not an XYZ file that can be read: {reason}; export it again") from error
    structures = found if isinstance(found, list) else [found]
    if not structures or any(not isinstance(atoms, Atoms) or len(atoms) == 0 for atoms in structures):
        raise GeometryError(f"{path} holds no atoms")
    return structures


def _geometry(path: Path, atoms: Atoms, charge: int, multiplicity: int) -> Geometry:
    if np.any(atoms.numbers < 1):
        raise GeometryError(f"{path} holds a dummy atom X; remove it")
    geometry = Geometry(numbers=atoms.numbers, positions=atoms.positions, charge=charge, multiplicity=multiplicity)
    check_distances(geometry, str(path))
    return geometry


def _check_counts(lines: list[str]) -> None:
    """Raise `ValueError` where a structure counts more atoms than there are lines: ASE would go on reading for ever."""
    place = 0
    while place < len(lines) and lines[place].strip().isdigit():
        count = int(lines[place])
        if count > len(lines) - place - 2:
            raise ValueError(f"it says {count:.3g} atoms and has {max(len(lines) - place - 2, 0)} lines for them")
        place += count + 2


def write_xyz(path: Path, geometry: Geometry, comment: str = "") -> None:
    """Write one structure, positions in Angstrom; the comment becomes the second line."""
    write(path, Atoms(numbers=geometry.numbers, positions=geometry.positions), format="xyz", comment=comment)


def write_extended_xyz(path: Path, structures: Iterable[tuple[Geometry, Mapping[str, object]]]) -> None:
    """Write structures with what is known of each as keys of its second line; what is None is left out.

    One structure is in memory at a time. Text of any kind is read back by ASE as it was, also text that looks like a
    number or holds quotes or line breaks; an `energy` in eV becomes the energy of a calculator.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for geometry, known in structures:
            atoms = Atoms(
                numbers=geometry.numbers,
                positions=geometry.positions,
                info={name: _readable(value) for name, value in known.items() if value is not None},
            )
            write(file, atoms, format="extxyz")


def _readable(value: object) -> object:
    """The value in a form that ASE reads back unchanged.

    ASE escapes quotes but no backslashes, keeps line breaks, and takes text that looks like numbers or truth values for
    these; JSON, with its backslashes escaped once more, survives all that.
    """
    if isinstance(value, Real) or (isinstance(value, str) and _stays_text(value)):
        return value
    return "_JSON " + json.dumps(value).replace("\\", "\\\\")


def _stays_text(value: str) -> bool:
    """Whether ASE reads the text as it stands: one of its words is neither a number nor a truth value, and so on."""
    words = re.findall(r"[^\s,]+", value)
    special = value.startswith("_JSON") or '"' in value or "\\" in value or not value.isprintable()
    return not special and not all(_NUMBER_OR_TRUTH.fullmatch(word) for word in words)
