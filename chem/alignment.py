"""Superposition of two structures in one atom order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chem.errors import GeometryError

Positions = NDArray[np.float64]  # (n_atoms, 3) Angstrom


def align(mobile: Positions, target: Positions, weights: NDArray[np.float64] | None = None) -> Positions:
    """Move a structure onto another by the best translation and proper rotation (10.1107/S0567739476001873).

    A reflection is never used, so handedness survives.

    Args:
        mobile: Structure to move, shape (n_atoms, 3), Angstrom.
        target: Structure to move it onto, same shape and atom order.
        weights: Weight of each atom, shape (n_atoms,), not negative; None weighs all alike.

    Returns:
        The moved structure, shape (n_atoms, 3), Angstrom.

    Raises:
        GeometryError: The shapes differ, or no weight is positive.
    """
    if mobile.shape != target.shape or mobile.ndim != 2 or mobile.shape[1] != 3:
        raise GeometryError(
            f"structures to align must share one shape (n_atoms, 3), got {mobile.shape}, {target.shape}"
        )
    share = np.ones(len(mobile)) if weights is None else np.asarray(weights, dtype=np.float64)
    if share.shape != (len(mobile),) or (share < 0).any() or not share.sum() > 0:
        raise GeometryError(f"weights must be {len(mobile)} numbers, none negative and one positive")
    share = share / share.sum()
    mobile_center, target_center = share @ mobile, share @ target
    covariance = (mobile - mobile_center).T @ ((target - target_center) * share[:, None])  # (3, 3) Angstrom^2
    left, _, right = np.linalg.svd(covariance)
    handedness = np.sign(np.linalg.det(left @ right))
    rotation = left @ np.diag([1.0, 1.0, handedness]) @ right
    moved: Positions = (mobile - mobile_center) @ rotation + target_center
    return moved


def rmsd(mobile: Positions, target: Positions, weights: NDArray[np.float64] | None = None) -> float:
    """Root-mean-square deviation after `align`, Angstrom; weights as there."""
    share = np.ones(len(mobile)) if weights is None else np.asarray(weights, dtype=np.float64)
    squares = ((align(mobile, target, weights) - target) ** 2).sum(axis=1)
    return float(np.sqrt(share @ squares / share.sum()))
