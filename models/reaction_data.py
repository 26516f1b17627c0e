"""Reactions to train and test on, as read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.reaction_batch import ReactionArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionData:
    """Reactions with their splits.

    Attributes:
        reactions: The reactions, each in one atom order.
        splits: Name of the split of each, shape (n_reactions,).
        identifiers: The file's own identifier of each, shape (n_reactions,).
        smiles: Atom-mapped reaction SMILES of each, empty where the file has none.
    """

    reactions: tuple[ReactionArrays, ...]
    splits: NDArray[np.str_]
    identifiers: NDArray[np.str_]
    smiles: tuple[str, ...]

    def __len__(self) -> int:
        """Number of reactions."""
        return len(self.reactions)


def read_npz(path: Path) -> ReactionData:
    """Read packed reactions (`offset`, `numbers`, `reactant`, `ts`, `product`, `split`, `rxn`, `smiles`)."""
    with np.load(path, allow_pickle=False) as arrays:
        offset = arrays["offset"]
        numbers = arrays["numbers"].astype(np.int64)
        reactant, ts, product = arrays["reactant"], arrays["ts"], arrays["product"]
        splits, identifiers = arrays["split"].astype(str), arrays["rxn"].astype(str)
        smiles = tuple(str(text) for text in arrays["smiles"])
    reactions = tuple(
        ReactionArrays(
            numbers=numbers[first:last],
            ends=np.stack([reactant[first:last], product[first:last]]).astype(np.float64),
            ts=ts[first:last].astype(np.float64),
        )
        for first, last in zip(offset[:-1], offset[1:], strict=True)
    )
    return ReactionData(reactions=reactions, splits=splits, identifiers=identifiers, smiles=smiles)


def read_reactions(path: Path) -> ReactionData:
    """Read reactions of any known format, by the name of the file."""
    return read_npz(path)
