"""Rising curves through scattered values, which turn a score into an expected value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Array = NDArray[np.float64]


def monotone_curve(scores: Array, values: Array, n_knots: int) -> tuple[Array, Array]:
    """Rising piecewise-linear curve through the means of values in equal shares of the scores.

    The means are made monotone by pooling adjacent violators (10.18637/jss.v032.i05); a slight slope keeps the order of
    the scores, so that ties do not hide who is worse.

    Args:
        scores: Shape (n,).
        values: Shape (n,).
        n_knots: Knots of the curve.

    Returns:
        Knots and values, each of shape (n_knots,), both strictly rising.
    """
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, min(n_knots, len(scores)))
    means = np.array([values[group].mean() for group in groups])
    fitted = isotonic_regression(means, weights=np.array([float(len(group)) for group in groups])).x
    middle = np.array([scores[group].mean() for group in groups])
    places, shares = np.linspace(0, 1, n_knots), np.linspace(0, 1, len(groups))
    steps = np.arange(n_knots)
    return np.interp(places, shares, middle) + 1e-6 * steps, np.interp(places, shares, fitted) + 1e-3 * steps


def curve_at(scores: Array, knots: Array, values: Array) -> Array:
    """The curve at some scores, constant beyond its ends; shape of the scores."""
    found: Array = np.interp(scores, knots, values)
    return found
