"""What the models know of an element without training: its covalent radius."""

from __future__ import annotations

import torch
from torch import Tensor

# Hydrogen to xenon, Angstrom (10.1039/b801115j); the first entry stands for padding.
COVALENT_RADII_ANGSTROM = (
    0.20,
    *(0.31, 0.28),
    *(1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58),
    *(1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02, 1.06),
    *(2.03, 1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.20, 1.19, 1.20, 1.20, 1.16),
    *(2.20, 1.95, 1.90, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39, 1.40),
)  # fmt: skip
BOND_FACTOR = 1.3  # as chem.perception has it; a test says so


def bond_limits(numbers: Tensor) -> Tensor:
    """Distance below which two atoms are bonded.

    Args:
        numbers: Atomic numbers up to xenon, shape (batch, n_atoms).

    Returns:
        Shape (batch, n_atoms, n_atoms), Angstrom.
    """
    radii = torch.tensor(COVALENT_RADII_ANGSTROM, device=numbers.device)[numbers]
    return BOND_FACTOR * (radii.unsqueeze(-1) + radii.unsqueeze(-2))
