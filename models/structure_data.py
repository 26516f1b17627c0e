"""Structures to train and test on, packed in one file."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import InputError
from models.structure_batch import StructureArrays

NEEDED = ("offset", "numbers", "positions", "split", "level")
MADE_WITH = "`cairn minima` or `cairn label`"
LABELS = ("energy_ev", "forces_ev_per_angstrom")


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureData:
    """Structures with their splits.

    Attributes:
        structures: The structures.
        splits: Name of the split of each, shape (n_structures,).
        level: Key of the level of theory that they are minima of, or that their energies are from.
        labelled: Whether energies and forces are known.
    """

    structures: tuple[StructureArrays, ...]
    splits: NDArray[np.str_]
    level: str
    labelled: bool = False

    def __len__(self) -> int:
        """Number of structures."""
        return len(self.structures)

    def split(self, name: str) -> list[StructureArrays]:
        """Those of one split."""
        return [each for each, own in zip(self.structures, self.splits, strict=True) if own == name]


def write_structures(path: Path, structures: Sequence[StructureArrays], splits: Sequence[str], level: str) -> None:
    """Pack n structures of m atoms in all.

    The arrays are `offset` (n + 1,), `numbers` (m,), `positions` (m, 3) in Angstrom, `split` (n,), `level`, and where
    all have energies and forces `energy_ev` (n,) and `forces_ev_per_angstrom` (m, 3).

    Raises:
        InputError: There are none.
    """
    if not structures:
        raise InputError(f"nothing is left to write to {path}: every calculation failed or led elsewhere")
    sizes = [len(each.numbers) for each in structures]
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "offset": np.cumsum([0, *sizes]),
        "numbers": np.concatenate([each.numbers for each in structures]).astype(np.uint8),
        "positions": np.concatenate([each.positions for each in structures]).astype(np.float32),
        "split": np.array(splits, dtype=str),
        "level": np.array(level),
    }
    energies = [each.energy_ev for each in structures if each.energy_ev is not None]
    forces = [each.forces_ev_per_angstrom for each in structures if each.forces_ev_per_angstrom is not None]
    if len(energies) == len(forces) == len(structures):
        arrays["energy_ev"] = np.array(energies)
        arrays["forces_ev_per_angstrom"] = np.concatenate(forces).astype(np.float32)
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez_compressed(fresh, **arrays)
    fresh.replace(path)


def read_structures(path: Path) -> StructureData:
    """What `write_structures` wrote.

    Raises:
        InputError: The file is missing, no such file, or its arrays contradict each other.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}; make it with {MADE_WITH}")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in NEEDED if name not in file.files]
            if missing:
                raise InputError(f"{path} lacks the arrays {', '.join(missing)}; make it with {MADE_WITH}")
            arrays = {name: file[name] for name in (*NEEDED, *LABELS) if name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is no .npz file of plain arrays: {error}") from error
    offset, numbers, positions = arrays["offset"], arrays["numbers"], arrays["positions"]
    n, m = len(offset) - 1, int(offset[-1])
    energies, forces = arrays.get("energy_ev", np.zeros(n)), arrays.get("forces_ev_per_angstrom", np.zeros((m, 3)))
    whole = len(arrays["split"]) == len(energies) == n and (np.diff(offset) > 0).all()
    whole = whole and numbers.shape == (m,) and positions.shape == forces.shape == (m, 3)
    if not whole or not all(np.isfinite(values).all() for values in (positions, energies, forces)):
        raise InputError(f"{path}: its arrays contradict each other or hold no numbers; make it with {MADE_WITH}")
    labelled = all(name in arrays for name in LABELS)
    structures = tuple(
        StructureArrays(
            numbers=numbers[first:end].astype(np.int64),
            positions=positions[first:end].astype(np.float64),
            energy_ev=float(energies[place]) if labelled else None,
            forces_ev_per_angstrom=forces[first:end].astype(np.float64) if labelled else None,
        )
        for place, (first, end) in enumerate(itertools.pairwise(offset))
    )
    return StructureData(
        structures=structures, splits=arrays["split"].astype(str), level=str(arrays["level"]), labelled=labelled
    )


def check_elements(data: StructureData, elements: Collection[int], path: Path) -> None:
    """See that a network knows all elements.

    Raises:
        InputError: It does not.
    """
    found = {int(number) for each in data.structures for number in np.unique(each.numbers)}
    if strange := sorted(found - set(elements)):
        names = ", ".join(str(number) for number in strange)
        raise InputError(
            f"{path} has atoms of the atomic numbers {names}, which the network is not to know; add them to `elements`"
            " of the configuration, or leave the structures out"
        )
