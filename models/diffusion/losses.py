"""Errors of each structure in a padded batch; weighting and averaging over the batch is left to the model."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_squared_error(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean square over the coordinates that are there: sum / (3 n).

    Args:
        predicted: Shape (..., n_atoms, 3).
        target: Same shape.
        mask: 1 where an atom is, shape (..., n_atoms).

    Returns:
        Shape (...), in the square of the unit of the values; 0 for a structure without atoms.
    """
    return _squared_distances(predicted, target, mask).sum(-1) / (3.0 * _atom_counts(mask, predicted))


def root_mean_square(predicted: Tensor, target: Tensor, mask: Tensor, *, epsilon: float = 1e-12) -> Tensor:
    """Root of the mean squared distance between atoms: sqrt(sum / n + epsilon). Nothing is aligned.

    Args:
        predicted: Shape (..., n_atoms, 3).
        target: Same shape.
        mask: 1 where an atom is, shape (..., n_atoms).
        epsilon: Keeps the gradient finite where both agree, in the square of the unit of the values.

    Returns:
        Shape (...), in the unit of the values.
    """
    mean = _squared_distances(predicted, target, mask).sum(-1) / _atom_counts(mask, predicted)
    return (mean + epsilon).sqrt()


def _squared_distances(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Squared distance of every atom, zero on padding, shape (..., n_atoms)."""
    difference = predicted - target
    return torch.where(mask.bool().unsqueeze(-1), difference, torch.zeros_like(difference)).square().sum(-1)


def _atom_counts(mask: Tensor, values: Tensor) -> Tensor:
    """Number of atoms, at least 1, shape (...)."""
    return mask.to(values.dtype).sum(-1).clamp_min(1.0)
