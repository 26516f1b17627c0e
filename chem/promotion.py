"""Whether a newly trained model is better than the one in use, on the same held-out reactions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap

from chem.errors import ConfigurationError, InputError

FEWEST = 3  # pairs to draw from; a sensible number is a few dozen
Statistic = Literal["mean", "median"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRule:
    """When a candidate takes the place of the weights in use.

    Attributes:
        statistic: Of the differences of the strict RMSD of each reaction: `mean` or `median`.
        base_tolerance_angstrom: By how much the base data's held-out reactions may become worse, Angstrom.
        confidence_level: Of both intervals.
        n_resamples: Draws of the bootstrap.
        seed: Of these draws.
    """

    statistic: Statistic = "mean"
    base_tolerance_angstrom: float = 0.02
    confidence_level: float = 0.95
    n_resamples: int = 9999
    seed: int = 0

    def __post_init__(self) -> None:
        """Numbers in range."""
        if self.statistic not in ("mean", "median"):
            raise ConfigurationError(f"statistic must be mean or median, got {self.statistic!r}")
        if not 0.0 <= self.base_tolerance_angstrom < math.inf:
            raise ConfigurationError(
                f"base_tolerance_angstrom must not be negative, got {self.base_tolerance_angstrom}"
            )
        if not 0.0 < self.confidence_level < 1.0:
            raise ConfigurationError(f"confidence_level must lie between 0 and 1, got {self.confidence_level}")
        if self.n_resamples < 100:
            raise ConfigurationError(f"n_resamples must be at least 100, got {self.n_resamples}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """A difference over reactions, after less before, with its bootstrapped interval.

    Attributes:
        n: Reactions.
        difference: Mean or median of the differences.
        low: Lower end of the interval.
        high: Upper end.
    """

    n: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What was decided of a candidate.

    Attributes:
        promoted: Whether it takes over.
        reasons: One sentence for each set of reactions.
        campaign: Difference of the strict RMSD on the campaign's held-out reactions, Angstrom.
        base: The same on those of the base data.
    """

    promoted: bool
    reasons: tuple[str, ...]
    campaign: PairedDifference
    base: PairedDifference


def paired_difference(before: ArrayLike, after: ArrayLike, rule: PromotionRule) -> PairedDifference:
    """Difference of paired values with a percentile interval from draws of whole pairs (10.1214/aos/1176344552).

    Args:
        before: One value a reaction, shape (n,).
        after: Of the same reactions, shape (n,).
        rule: Statistic, level, draws and seed.

    Raises:
        InputError: The shapes differ, a value is not finite, or there are fewer than three pairs.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or first.size < FEWEST:
        raise InputError(
            f"a difference needs two lists of one length, {FEWEST} values at least, got shapes {first.shape} and"
            f" {second.shape}"
        )
    differences = second - first
    if not np.isfinite(differences).all():
        raise InputError("a difference needs finite values; leave out the reactions without any")
    statistic = np.mean if rule.statistic == "mean" else np.median
    drawn = bootstrap(
        (differences,),
        statistic,
        confidence_level=rule.confidence_level,
        n_resamples=rule.n_resamples,
        method="percentile",
        rng=np.random.default_rng(rule.seed),
    )
    low, high = drawn.confidence_interval
    return PairedDifference(n=first.size, difference=float(statistic(differences)), low=float(low), high=float(high))


def decide(campaign: PairedDifference, base: PairedDifference, rule: PromotionRule) -> Promotion:
    """Promote where the campaign's reactions became better beyond doubt and those of the base data hardly worse.

    Args:
        campaign: Difference of the strict RMSD on the campaign's held-out reactions, Angstrom.
        base: The same on those of the base data.
        rule: The tolerance.
    """
    better = campaign.high < 0.0
    kept = base.high <= rule.base_tolerance_angstrom
    told = "lies" if better else "does not lie", "ends" if kept else "does not end"
    within = f"{told[1]} within {rule.base_tolerance_angstrom:g} Å"
    reasons = (
        f"on {campaign.n} held-out reactions of the campaign the {_interval(campaign, rule)} {told[0]} below zero",
        f"on {base.n} held-out reactions of the base data the {_interval(base, rule)} {within}",
    )
    return Promotion(promoted=better and kept, reasons=reasons, campaign=campaign, base=base)


def _interval(found: PairedDifference, rule: PromotionRule) -> str:
    return (
        f"{rule.statistic} strict RMSD changed by {found.difference:+.3f} Å, {100 * rule.confidence_level:g} % interval"
        f" {found.low:+.3f} to {found.high:+.3f} Å, which"
    )
