"""Reactions as padded tensors: what every model of this package reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.elements import bond_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionArrays:
    """One reaction in one atom order, as numpy arrays.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        ends: Reactant and product, shape (2, n_atoms, 3), Angstrom; each fragment of each side in any frame.
        ts: Transition state, shape (n_atoms, 3), Angstrom; None where it is to be generated.
    """

    numbers: NDArray[np.int64]
    ends: NDArray[np.float64]
    ts: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionBatch:
    """Reactions side by side, padded to the largest; padding is zero everywhere.

    Attributes:
        numbers: Atomic numbers, shape (batch, n_atoms).
        mask: True where an atom is, shape (batch, n_atoms).
        ends: Reactant and product, shape (batch, 2, n_atoms, 3), Angstrom.
        bonded: Bonds perceived on either side, shape (batch, 2, n_atoms, n_atoms), bool.
        together: Atoms in one fragment of either side (each with itself), same shape, bool.
        ts: Transition states, shape (batch, n_atoms, 3), Angstrom; zero where not known.
        start: Where generation begins, same shape.
    """

    numbers: Tensor
    mask: Tensor
    ends: Tensor
    bonded: Tensor
    together: Tensor
    ts: Tensor
    start: Tensor

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> ReactionBatch:
        """The same batch elsewhere, positions in another precision where one is given."""
        moved = {}
        for field in fields(self):
            tensor = getattr(self, field.name)
            moved[field.name] = tensor.to(device, dtype if tensor.is_floating_point() else None)
        return ReactionBatch(**moved)

    @property
    def changing(self) -> Tensor:
        """Bonds that only one side has, shape (batch, n_atoms, n_atoms), bool."""
        return self.bonded[:, 0] ^ self.bonded[:, 1]

    def __len__(self) -> int:
        """Number of reactions."""
        return int(self.numbers.shape[0])

    @staticmethod
    def stack(parts: Sequence[ReactionBatch]) -> ReactionBatch:
        """Batches of one padding, one after the other."""
        return ReactionBatch(
            **{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(ReactionBatch)}
        )

    def select(self, index: Tensor | Sequence[int]) -> ReactionBatch:
        """Some of the reactions, trimmed to the largest of them."""
        index = torch.as_tensor(index)
        n = int(self.mask[index].sum(-1).max())
        return ReactionBatch(
            numbers=self.numbers[index, :n],
            mask=self.mask[index, :n],
            ends=self.ends[index, :, :n],
            bonded=self.bonded[index, :, :n, :n],
            together=self.together[index, :, :n, :n],
            ts=self.ts[index, :n],
            start=self.start[index, :n],
        )


def perceive_bonds(numbers: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
    """Bonds from distances, as `chem.perception` sees them; shape (batch, 2, n_atoms, n_atoms), bool."""
    limits = bond_limits(numbers).to(ends)  # (batch, n_atoms, n_atoms) Angstrom
    both = (mask.unsqueeze(-1) & mask.unsqueeze(-2)).unsqueeze(1)
    other = ~torch.eye(numbers.shape[1], dtype=torch.bool, device=numbers.device)
    return (torch.cdist(ends, ends) < limits.unsqueeze(1)) & both & other


def fragments_of(bonded: Tensor, mask: Tensor) -> Tensor:
    """Which atoms are connected through bonds, each with itself; shape as `bonded`, bool."""
    n_atoms = bonded.shape[-1]
    reach = bonded.float() + torch.eye(n_atoms, device=bonded.device) * mask.unsqueeze(1).unsqueeze(-1)
    steps = 1
    while steps < n_atoms:
        reach = (reach @ reach).clamp_max(1.0)
        steps *= 2
    return reach > 0


def collate(reactions: Sequence[ReactionArrays], n_atoms: int = 0) -> ReactionBatch:
    """Pad reactions into one batch; start geometries are left at zero (see `models.start`).

    Args:
        reactions: One or more.
        n_atoms: Atoms to pad to; at least the largest reaction's.
    """
    n_atoms = max(n_atoms, *(len(reaction.numbers) for reaction in reactions))
    numbers = torch.zeros(len(reactions), n_atoms, dtype=torch.long)
    ends = torch.zeros(len(reactions), 2, n_atoms, 3)
    ts = torch.zeros(len(reactions), n_atoms, 3)
    for place, reaction in enumerate(reactions):
        n = len(reaction.numbers)
        numbers[place, :n] = torch.from_numpy(np.array(reaction.numbers, dtype=np.int64))
        own = np.asarray(reaction.ends, dtype=np.float64)
        ends[place, :, :n] = torch.from_numpy(own - own.mean(axis=1, keepdims=True)).float()
        if reaction.ts is not None:
            true = np.asarray(reaction.ts, dtype=np.float64)
            ts[place, :n] = torch.from_numpy(true - true.mean(axis=0)).float()
    mask = numbers > 0
    bonded = perceive_bonds(numbers, mask, ends)
    return ReactionBatch(
        numbers=numbers,
        mask=mask,
        ends=ends,
        bonded=bonded,
        together=fragments_of(bonded, mask),
        ts=ts,
        start=torch.zeros_like(ts),
    )
