"""Structures as padded tensors: what the models read that know one molecule at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.reaction_batch import perceive_bonds


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureArrays:
    """One structure, as numpy arrays.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        positions: Shape (n_atoms, 3), Angstrom.
        energy_ev: Electronic energy, eV; None where it is not known.
        forces_ev_per_angstrom: Shape (n_atoms, 3), eV/Angstrom; None likewise.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    energy_ev: float | None = None
    forces_ev_per_angstrom: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureBatch:
    """Structures side by side, padded to the largest; padding is zero everywhere.

    Attributes:
        numbers: Atomic numbers, shape (batch, n_atoms).
        mask: True where an atom is, shape (batch, n_atoms).
        positions: Centred, shape (batch, n_atoms, 3), Angstrom.
        bonded: Bonds, shape (batch, n_atoms, n_atoms), bool; all False where they are not known.
        energies_ev: Electronic energies, shape (batch,), eV, float64; zero where not known.
        forces_ev_per_angstrom: Shape (batch, n_atoms, 3), eV/Angstrom; zero likewise.
    """

    numbers: Tensor
    mask: Tensor
    positions: Tensor
    bonded: Tensor
    energies_ev: Tensor
    forces_ev_per_angstrom: Tensor

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> StructureBatch:
        """The same batch elsewhere, positions in another precision where one is given."""
        moved = {}
        for field in fields(self):
            tensor = getattr(self, field.name)
            keeps = field.name == "energies_ev" or not tensor.is_floating_point()
            moved[field.name] = tensor.to(device, None if keeps else dtype)
        return StructureBatch(**moved)

    def __len__(self) -> int:
        """Number of structures."""
        return int(self.numbers.shape[0])

    def select(self, index: Tensor | Sequence[int]) -> StructureBatch:
        """Some of the structures, trimmed to the largest of them."""
        index = torch.as_tensor(index)
        n = int(self.mask[index].sum(-1).max())
        return StructureBatch(
            numbers=self.numbers[index, :n],
            mask=self.mask[index, :n],
            positions=self.positions[index, :n],
            bonded=self.bonded[index, :n, :n],
            energies_ev=self.energies_ev[index],
            forces_ev_per_angstrom=self.forces_ev_per_angstrom[index, :n],
        )


def collate_structures(structures: Sequence[StructureArrays], dtype: torch.dtype = torch.float32) -> StructureBatch:
    """Pad structures into one batch; bonds are perceived from their distances."""
    n_atoms = max(len(each.numbers) for each in structures)
    numbers = torch.zeros(len(structures), n_atoms, dtype=torch.long)
    positions = torch.zeros(len(structures), n_atoms, 3, dtype=dtype)
    energies = torch.zeros(len(structures), dtype=torch.float64)
    forces = torch.zeros_like(positions)
    for place, each in enumerate(structures):
        n = len(each.numbers)
        numbers[place, :n] = torch.from_numpy(np.asarray(each.numbers, dtype=np.int64))
        own = np.asarray(each.positions, dtype=np.float64)
        positions[place, :n] = torch.from_numpy(own - own.mean(axis=0))
        if each.energy_ev is not None:
            energies[place] = each.energy_ev
        if each.forces_ev_per_angstrom is not None:
            forces[place, :n] = torch.from_numpy(np.asarray(each.forces_ev_per_angstrom))
    mask = numbers > 0
    bonded = perceive_bonds(numbers, mask, positions.unsqueeze(1)).squeeze(1)
    return StructureBatch(
        numbers=numbers,
        mask=mask,
        positions=positions,
        bonded=bonded,
        energies_ev=energies,
        forces_ev_per_angstrom=forces,
    )
