"""Reactions to train and test on, as read from a file.

Reading `.npz` needs numpy alone; the other formats bring what they need when they are read.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chem.errors import InputError
from models.reaction_batch import ReactionArrays

TRAIN = "train"  # split of reactions whose file names none
NEEDED = ("offset", "numbers", "reactant", "ts", "product")
OPTIONAL = ("split", "rxn", "smiles", "dE0_kcal", "weight")
HDF5_ENDINGS = (".h5", ".hdf5")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionData:
    """Reactions with their splits.

    Attributes:
        reactions: The reactions, each in one atom order.
        splits: Name of the split of each, shape (n_reactions,).
        identifiers: The file's own identifier of each, shape (n_reactions,).
        smiles: Atom-mapped reaction SMILES of each, empty where the file has none.
        barriers_kcal_mol: Forward barrier of each, shape (n_reactions,), kcal/mol; None where the file has none.
        weights: How often each is drawn in training beside one of weight 1, shape (n_reactions,); None for once each.
    """

    reactions: tuple[ReactionArrays, ...]
    splits: NDArray[np.str_]
    identifiers: NDArray[np.str_]
    smiles: tuple[str, ...]
    barriers_kcal_mol: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Number of reactions."""
        return len(self.reactions)

    def drawn(self, places: Sequence[int]) -> list[int]:
        """The places as often as an epoch of training draws them, the part of a weight behind the point by chance.

        The chance of a reaction depends on its identifier alone, so that a training that goes on draws the same.
        """
        if self.weights is None:
            return list(places)
        times = {place: _times(float(self.weights[place]), str(self.identifiers[place])) for place in places}
        return [place for place in places for _ in range(times[place])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One structure as a file holds it.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        positions: Shape (n_atoms, 3), Angstrom.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]


def read_reactions(path: Path) -> ReactionData:
    """Read reactions of any known format.

    Args:
        path: `.npz` as `read_npz` describes it, `.h5` or `.hdf5` of Transition1x, or the folder of RDB7.

    Raises:
        InputError: The file is missing, of no known format, or holds something that is no reaction.
    """
    if path.is_dir():
        from models.rdb7 import read_rdb7  # noqa: PLC0415 (ASE and RDKit, where this format is read)

        return read_rdb7(path)
    if not path.is_file():
        raise InputError(f"there is no {path}; give a .npz file, Transition1x's .h5 file or RDB7's folder")
    if path.suffix.lower() in HDF5_ENDINGS:
        from models.transition1x import read_transition1x  # noqa: PLC0415 (h5py, where this format is read)

        return read_transition1x(path)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    raise InputError(f"{path} has no known ending; give a .npz file, Transition1x's .h5 file or RDB7's folder")


def read_npz(path: Path) -> ReactionData:
    """Read packed reactions: the format of the training sets that Cairn exports.

    The arrays, n reactions of m atoms in all: `offset` (n + 1,) where each reaction begins in the others; `numbers`
    (m,) atomic numbers; `reactant`, `ts` and `product` (m, 3), Angstrom; and, each optional, `split` (n,) names,
    `rxn` (n,) identifiers, `smiles` (n,) atom-mapped, `dE0_kcal` (n,) forward barriers, kcal/mol, `weight` (n,) how
    often training draws each beside one of weight 1. Without `split` all are for training; further arrays are left
    alone.

    Raises:
        InputError: An array is missing or misspelt, shapes contradict each other, or a value is no number.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            _check_names(path, file.files)
            arrays = {name: file[name] for name in (*NEEDED, *OPTIONAL) if name in file.files}
    except InputError:
        raise
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is no .npz file of plain arrays: {error}") from error
    offset, numbers = arrays["offset"].astype(np.int64), arrays["numbers"].astype(np.int64)
    n = len(offset) - 1
    names = arrays["rxn"].astype(str) if "rxn" in arrays else np.array([str(place) for place in range(n)], dtype=str)
    splits = arrays["split"].astype(str) if "split" in arrays else np.array([TRAIN] * n, dtype=str)
    smiles = tuple(str(text) for text in arrays["smiles"]) if "smiles" in arrays else ("",) * n
    lengths = {"rxn": len(names), "split": len(splits), "smiles": len(smiles)}
    barriers = arrays["dE0_kcal"].astype(np.float64) if "dE0_kcal" in arrays else None
    if barriers is not None:
        lengths["dE0_kcal"] = len(barriers)
    weights = arrays["weight"].astype(np.float64) if "weight" in arrays else None
    if weights is not None:
        lengths["weight"] = len(weights)
        if not (np.isfinite(weights) & (weights >= 0.0)).all():
            raise InputError(f"{path}: a weight is negative or no number; give how often each reaction is drawn")
    _check_shapes(path, offset, numbers, arrays, lengths)
    _check_values(path, offset, numbers, arrays, names)
    reactions = tuple(
        ReactionArrays(
            numbers=numbers[first:last],
            ends=np.stack([arrays["reactant"][first:last], arrays["product"][first:last]]).astype(np.float64),
            ts=arrays["ts"][first:last].astype(np.float64),
        )
        for first, last in itertools.pairwise(offset)
    )
    return ReactionData(
        reactions=reactions,
        splits=splits,
        identifiers=names,
        smiles=smiles,
        barriers_kcal_mol=barriers,
        weights=weights,
    )


def _times(weight: float, identifier: str) -> int:
    """The weight, rounded up or down by a hash, so that over many reactions it is kept."""
    whole = int(weight)
    chance = int.from_bytes(hashlib.sha256(f"drawn {identifier}".encode()).digest()[:8], "big") / 2**64
    return whole + (chance < weight - whole)


def reaction_from(where: str, reactant: Structure, ts: Structure, product: Structure) -> ReactionArrays:
    """One reaction from three structures that must hold the same atoms in the same order.

    Args:
        where: File and reaction, named in errors.
        reactant: Reactant side.
        ts: Transition state.
        product: Product side.

    Raises:
        InputError: The atoms differ, or a position is not finite.
    """
    for name, one in (("ts", ts), ("product", product)):
        if not np.array_equal(one.numbers, reactant.numbers):
            raise InputError(
                f"{where}: reactant and {name} must list the same atoms in the same order, got atomic numbers"
                f" {reactant.numbers.tolist()} and {one.numbers.tolist()}; leave the reaction out or reorder its atoms"
            )
    for name, one in (("reactant", reactant), ("ts", ts), ("product", product)):
        if one.positions.shape != (len(one.numbers), 3) or not len(one.numbers):
            raise InputError(
                f"{where}: {name} has {len(one.numbers)} atoms and positions of shape {one.positions.shape};"
                " give one position for each atom"
            )
        if not np.isfinite(one.positions).all():
            raise InputError(f"{where}: a position of {name} is not finite; leave the reaction out")
    return ReactionArrays(
        numbers=reactant.numbers, ends=np.stack([reactant.positions, product.positions]), ts=ts.positions
    )


def _check_names(path: Path, found: Sequence[str]) -> None:
    """Every needed array is there, and no optional one is there under another name."""
    unknown = [name for name in found if name not in (*NEEDED, *OPTIONAL)]
    for name in (*NEEDED, *OPTIONAL):
        if name in found:
            continue
        near = difflib.get_close_matches(name, unknown, n=1, cutoff=0.7)
        if near:
            raise InputError(f"{path} has an unknown array {near[0]}; rename it to {name}")
        if name in NEEDED:
            raise InputError(f"{path} has no array {name}; it needs {', '.join(NEEDED)} and has {', '.join(found)}")


def _check_shapes(
    path: Path,
    offset: NDArray[np.int64],
    numbers: NDArray[np.int64],
    arrays: dict[str, NDArray[np.generic]],
    lengths: dict[str, int],
) -> None:
    if offset.ndim != 1 or len(offset) < 2 or offset[0] != 0 or (np.diff(offset) < 1).any():
        raise InputError(f"{path}: offset must rise from 0 by at least one atom a reaction, got {offset[:5]}...")
    n_atoms = int(offset[-1])
    if numbers.shape != (n_atoms,):
        raise InputError(f"{path}: offset ends at {n_atoms} atoms, but numbers has shape {numbers.shape}")
    for name in ("reactant", "ts", "product"):
        if arrays[name].shape != (n_atoms, 3):
            raise InputError(f"{path}: {name} has shape {arrays[name].shape}; offset asks for {(n_atoms, 3)}")
    for name, length in lengths.items():
        if length != len(offset) - 1:
            raise InputError(f"{path}: {name} has {length} entries for {len(offset) - 1} reactions")


def _check_values(
    path: Path,
    offset: NDArray[np.int64],
    numbers: NDArray[np.int64],
    arrays: dict[str, NDArray[np.generic]],
    names: NDArray[np.str_],
) -> None:
    wrong = {
        name: ~np.isfinite(np.asarray(arrays[name], dtype=np.float64)).all(axis=1)
        for name in ("reactant", "ts", "product")
    }
    for name, atoms in wrong.items():
        if atoms.any():
            which = names[np.searchsorted(offset, int(np.argmax(atoms)), side="right") - 1]
            raise InputError(f"{path}, reaction {which}: a position of {name} is not finite; leave the reaction out")
    if (numbers < 1).any():
        which = names[np.searchsorted(offset, int(np.argmax(numbers < 1)), side="right") - 1]
        raise InputError(f"{path}, reaction {which}: atomic numbers begin at 1; leave the reaction out")
