"""How well scores rank reactions: by which error they have, and by what is gained when the worst are verified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, spearmanr

from chem.errors import InputError

ERROR_CAP_KCAL_MOL = 50.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TriageCurve:
    """Mean barrier error against the share of reactions that is verified; verified ones have no error.

    Attributes:
        shares: Share that is sent to quantum chemistry, 0 to 1, shape (n_shares,).
        scored_kcal_mol: Mean error when those with the worst scores are sent, kcal/mol, same shape.
        random_kcal_mol: The same when they are drawn at random.
        oracle_kcal_mol: The same when they are those with the largest errors: the best that any score can do.
    """

    shares: FloatArray
    scored_kcal_mol: FloatArray
    random_kcal_mol: FloatArray
    oracle_kcal_mol: FloatArray


def capped_errors(errors_kcal_mol: ArrayLike, cap_kcal_mol: float = ERROR_CAP_KCAL_MOL) -> tuple[FloatArray, int]:
    """Absolute barrier errors that a mean can be taken of, and how many calculations had failed.

    Args:
        errors_kcal_mol: Signed or absolute errors, kcal/mol; NaN or infinite where the calculation failed.
        cap_kcal_mol: What larger errors and failures count as.

    Returns:
        The errors, shape (n,), kcal/mol, and the number of failures, which is to be reported beside them.
    """
    errors = np.abs(np.asarray(errors_kcal_mol, dtype=np.float64))
    failed = ~np.isfinite(errors)
    return np.minimum(np.where(failed, cap_kcal_mol, errors), cap_kcal_mol), int(failed.sum())


def auroc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """Area under the receiver operating characteristic (10.1148/radiology.143.1.7063747).

    It is the probability that a positive scores above a negative, a tie counting half.

    Args:
        scores: Shape (n,), high where positive is expected.
        positive: Truth values, shape (n,).

    Returns:
        From 0 to 1, 0.5 by chance; None where all are positive or none is.

    Raises:
        InputError: The shapes differ, or a score is not finite.
    """
    values, truth = _paired("scores", scores, "positive", positive)
    right = truth.astype(bool)
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        return None
    ranks = rankdata(values)
    return float((ranks[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


def rank_correlation(scores: ArrayLike, errors: ArrayLike) -> float | None:
    """Spearman's correlation of ranks, ties taking their mean rank.

    Args:
        scores: Shape (n,).
        errors: Shape (n,).

    Returns:
        From -1 to 1; None where either is constant or there are fewer than two.

    Raises:
        InputError: The shapes differ, or a value is not finite.
    """
    first, second = _paired("scores", scores, "errors", errors)
    if not np.ptp(first) or not np.ptp(second):
        return None
    return float(spearmanr(first, second).statistic)


def calibration_error(confidences: ArrayLike, right: ArrayLike, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal mass (10.1609/aaai.v29i1.9602).

    The mean distance between the mean confidence of a bin and the share in it that is right, weighted by size. Equal
    confidences share one mean outcome, so that the bins' edges do not depend on the order of the input.

    Args:
        confidences: Probabilities of being right, shape (n,), 0 to 1.
        right: Truth values, shape (n,).
        n_bins: Bins; no more than there are values are made.

    Raises:
        InputError: The shapes differ, a confidence is no probability, or `n_bins` is below 1.
    """
    values, truth = _paired("confidences", confidences, "right", right)
    if values.min() < 0.0 or values.max() > 1.0:
        raise InputError(f"confidences must lie in 0 to 1, got {values.min()} to {values.max()}")
    if n_bins < 1:
        raise InputError(f"n_bins must be at least 1, got {n_bins}")
    gaps = values - _mean_of_ties(values, truth)
    bins = np.array_split(gaps[np.argsort(values)], min(n_bins, values.size))
    return float(sum(abs(each.sum()) for each in bins) / values.size)


def triage_curve(scores: ArrayLike, errors_kcal_mol: ArrayLike, shares: ArrayLike) -> TriageCurve:
    """Mean error over all reactions when a share of them is verified, beside random and oracle triage.

    Where a share is no whole number of reactions, the next one counts in part. Equal scores share their mean error,
    which is what a draw among them gives on average.

    Args:
        scores: Expected errors, shape (n,): the highest are sent first.
        errors_kcal_mol: True absolute errors, shape (n,), finite: see `capped_errors`, kcal/mol.
        shares: Shares sent, each 0 to 1, shape (n_shares,).

    Raises:
        InputError: The shapes differ, a value is not finite, an error is negative, or a share is out of range.
    """
    values, errors = _paired("scores", scores, "errors_kcal_mol", errors_kcal_mol)
    if errors.min() < 0.0:
        raise InputError(f"errors_kcal_mol must not be negative, got {errors.min()}; give absolute errors")
    wanted = np.atleast_1d(np.asarray(shares, dtype=np.float64))
    if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
        raise InputError(f"shares must lie in 0 to 1, got {wanted.tolist()}")
    return TriageCurve(
        shares=wanted,
        scored_kcal_mol=_remaining(_mean_of_ties(values, errors)[np.argsort(-values)], wanted),
        random_kcal_mol=errors.mean() * (1.0 - wanted),
        oracle_kcal_mol=_remaining(-np.sort(-errors), wanted),
    )


def captured_share(scores: ArrayLike, errors_kcal_mol: ArrayLike, share: float = 0.14) -> float | None:
    """Share of what an oracle gains over chance that the scores gain: (random - ours) / (random - oracle).

    Args:
        scores: Expected errors, shape (n,): the highest are sent first.
        errors_kcal_mol: True absolute errors, shape (n,), finite: see `capped_errors`, kcal/mol.
        share: Share of the reactions that is sent, 0 to 1.

    Returns:
        1 for a perfect ranking, 0 by chance, negative below; None where an oracle gains nothing, as when all errors
        are equal.

    Raises:
        InputError: As in `triage_curve`.
    """
    curve = triage_curve(scores, errors_kcal_mol, [share])
    random, ours, oracle = curve.random_kcal_mol[0], curve.scored_kcal_mol[0], curve.oracle_kcal_mol[0]
    if random - oracle <= 1e-12 * random:
        return None
    return float((random - ours) / (random - oracle))


def _remaining(errors: FloatArray, shares: FloatArray) -> FloatArray:
    """Mean error left when the first share of the errors is set to zero, linear between whole numbers; kcal/mol."""
    left = errors.sum() - np.concatenate([[0.0], np.cumsum(errors)])
    remaining: FloatArray = np.maximum(np.interp(shares * errors.size, np.arange(errors.size + 1), left), 0.0)
    return remaining / errors.size


def _mean_of_ties(keys: FloatArray, values: FloatArray) -> FloatArray:
    """Each value replaced by the mean of those with the same key."""
    _, group = np.unique(keys, return_inverse=True)
    means: FloatArray = np.bincount(group, weights=values) / np.bincount(group)
    return means[group]


def _paired(first_name: str, first: ArrayLike, second_name: str, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise InputError(
            f"{first_name} and {second_name} must be two lists of one length, not empty; got shapes {one.shape},"
            f" {other.shape}"
        )
    for name, values in ((first_name, one), (second_name, other)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} hold a value that is not finite; count failed calculations as the cap first")
    return one, other
