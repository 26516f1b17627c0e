"""Structures to train and test on, packed in one file."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import InputError
from models.structure_batch import StructureArrays

NEEDED = ("offset", "numbers", "positions", "split", "level")


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureData:
    """Structures with their splits.

    Attributes:
        structures: The structures.
        splits: Name of the split of each, shape (n_structures,).
        level: Key of the level of theory that they are minima of.
    """

    structures: tuple[StructureArrays, ...]
    splits: NDArray[np.str_]
    level: str

    def __len__(self) -> int:
        """Number of structures."""
        return len(self.structures)

    def split(self, name: str) -> list[StructureArrays]:
        """Those of one split."""
        return [each for each, own in zip(self.structures, self.splits, strict=True) if own == name]


def write_structures(path: Path, structures: Sequence[StructureArrays], splits: Sequence[str], level: str) -> None:
    """Pack n structures of m atoms in all.

    The arrays are `offset` (n + 1,), `numbers` (m,), `positions` (m, 3) in Angstrom, `split` (n,) and `level`.
    """
    sizes = [len(each.numbers) for each in structures]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        offset=np.cumsum([0, *sizes]),
        numbers=np.concatenate([each.numbers for each in structures]).astype(np.uint8),
        positions=np.concatenate([each.positions for each in structures]).astype(np.float32),
        split=np.array(splits, dtype=str),
        level=np.array(level),
    )


def read_structures(path: Path) -> StructureData:
    """What `write_structures` wrote.

    Raises:
        InputError: The file is missing, no such file, or its arrays contradict each other.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}; make it with `cairn minima`")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in NEEDED if name not in file.files]
            if missing:
                raise InputError(f"{path} lacks the arrays {', '.join(missing)}; make it with `cairn minima`")
            offset, numbers, positions, splits, level = (file[name] for name in NEEDED)
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is no .npz file of plain arrays: {error}") from error
    whole = (
        len(splits) == len(offset) - 1 and len(numbers) == len(positions) == offset[-1] and (np.diff(offset) > 0).all()
    )
    if not whole or not np.isfinite(positions).all():
        raise InputError(f"{path}: its arrays contradict each other or hold no numbers; make it with `cairn minima`")
    structures = tuple(
        StructureArrays(numbers=numbers[first:end].astype(np.int64), positions=positions[first:end].astype(np.float64))
        for first, end in itertools.pairwise(offset)
    )
    return StructureData(structures=structures, splits=splits.astype(str), level=str(level))
