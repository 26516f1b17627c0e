"""Structures in space from distance windows: distance geometry, then a fit."""

from __future__ import annotations

import hashlib

import numpy as np
from rdkit import DistanceGeometry, rdBase
from scipy.optimize import minimize

from chem.distance_windows import DistanceWindows, FloatArray

LONGEST_ANGSTROM = 50.0  # stands for no upper limit in triangle smoothing
FIT_STEPS = 400


def seed_from(*parts: object) -> int:
    """A seed below 2^31 from anything that prints the same every time."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "little") & 0x7FFFFFFF


def embed(windows: DistanceWindows, seed: int) -> FloatArray:
    """One random structure that fits the windows (Blaney and Dixon, 10.1002/9780470125823.ch6).

    Distances are drawn between the triangle-smoothed limits, turned into coordinates and fitted by `fit`; where the
    drawn ones have no coordinates in three dimensions, the fit starts from normally distributed points.

    Args:
        windows: What the structure has to fit.
        seed: Below 2^31; the same seed gives the same structure.

    Returns:
        Positions, shape (n_atoms, 3), Angstrom. Whether they fit is for `strain` to say.
    """
    n_atoms = len(windows.lower)
    if n_atoms == 1:
        return np.zeros((1, 3))
    upper = np.minimum(windows.upper, LONGEST_ANGSTROM)
    bounds = np.triu(upper, k=1) + np.tril(np.minimum(windows.lower, upper), k=-1)
    with rdBase.BlockLogs():
        # A graph such as a cage can contradict the ideal angles: what smoothing cannot reconcile the fit spreads out.
        if not DistanceGeometry.DoTriangleSmoothing(bounds, 0.3):
            bounds = np.triu(upper, k=1) + np.tril(np.minimum(windows.lower, upper), k=-1)
        try:
            start = np.array(DistanceGeometry.EmbedBoundsMatrix(bounds, 10, False, 3, [], max(seed, 1)))
        except ValueError:
            start = np.zeros((0, 3))
    if start.shape != (n_atoms, 3) or not np.isfinite(start).all():
        generator = np.random.default_rng(seed)
        start = generator.normal(scale=0.7 * n_atoms ** (1 / 3), size=(n_atoms, 3))
    return fit(start, windows)


def fit(start: FloatArray, windows: DistanceWindows) -> FloatArray:
    """The structure nearest downhill from a start whose distances lie in the windows, least squares outside them.

    Args:
        start: Shape (n_atoms, 3), Angstrom.
        windows: What to fit.

    Returns:
        Positions, shape (n_atoms, 3), Angstrom.
    """

    def function(flat: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = _strain_and_gradient(flat.reshape(-1, 3), windows)
        return value, gradient.ravel()

    result = minimize(function, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": FIT_STEPS})
    positions: FloatArray = result.x.reshape(-1, 3)
    return positions


def strain(positions: FloatArray, windows: DistanceWindows) -> float:
    """Weighted sum of squared violations of the windows, Angstrom^2."""
    return _strain_and_gradient(positions, windows)[0]


def _strain_and_gradient(positions: FloatArray, windows: DistanceWindows) -> tuple[float, FloatArray]:
    vectors = positions[:, None, :] - positions[None, :, :]
    distances = np.sqrt((vectors**2).sum(axis=-1) + 1e-12)
    excess = distances - np.clip(distances, windows.lower, windows.upper)
    np.fill_diagonal(excess, 0.0)
    weighted = windows.stiffness * excess
    gradient: FloatArray = 2.0 * ((weighted / distances)[:, :, None] * vectors).sum(axis=1)
    return 0.5 * float((weighted * excess).sum()), gradient
