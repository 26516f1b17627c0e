"""How good a barrier head is on reactions that it was not trained on, beside the cheap level alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.ranking import ERROR_CAP_KCAL_MOL, rank_correlation
from models.barrier import targets_kcal_mol
from models.barrier_data import BarrierBatch
from models.barrier_estimates import BarrierHead
from models.barrier_training import corrections_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierHeadSummary:
    """Forward barriers over one kind of candidate against the reference; errors above 50 kcal/mol count as 50 in means.

    Attributes:
        n: Candidates, each of another reaction.
        mae_kcal_mol: Mean absolute error of the head.
        median_kcal_mol: Median absolute error of the head.
        uncorrected_mae_kcal_mol: Mean absolute error of the cheap level alone.
        uncorrected_median_kcal_mol: Median of it.
        shifted_mae_kcal_mol: Mean absolute error of the cheap level with one correction for all reactions: the median
            that true transition states of the training need.
        coverage: Share of the reference barriers within the 95 % bar; None where nothing was calibrated.
        half_width_mean_kcal_mol: Mean half-width of that bar; None likewise.
        rank_correlation: Of the expected error and the error, Spearman; None where it is not defined.
        good: Reactions whose reference barrier lies at or below the rejection.
        rejected_share: Share of all whose bar lies above the rejection as a whole, which is what a campaign rejects.
        good_lost_share: Share of the good ones among these; None where there are none.
        rejected_by_mean_share: Share of all whose expected barrier lies above, whatever its bar.
        good_lost_by_mean_share: Share of the good ones among these; None likewise.
        uncorrected_good_lost_share: Share of the good ones that the cheap level alone puts above; None likewise.
    """

    n: int
    mae_kcal_mol: float
    median_kcal_mol: float
    uncorrected_mae_kcal_mol: float
    uncorrected_median_kcal_mol: float
    shifted_mae_kcal_mol: float
    coverage: float | None
    half_width_mean_kcal_mol: float | None
    rank_correlation: float | None
    good: int
    rejected_share: float
    good_lost_share: float | None
    rejected_by_mean_share: float
    good_lost_by_mean_share: float | None
    uncorrected_good_lost_share: float | None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarise_head(
    reference: Array, uncorrected: Array, correction: Array, half_width: Array, *, shift: float, reject_above: float
) -> BarrierHeadSummary:
    """Errors, coverage, and what a rejection costs; all arrays of shape (n,), kcal/mol.

    Args:
        reference: Reference barriers.
        uncorrected: Heights of the candidates above their reactants at the cheap level.
        correction: What the head adds.
        half_width: Of its 95 % bars, infinite where nothing was calibrated.
        shift: One correction for all.
        reject_above: Barriers above it are hopeless.
    """
    estimate = uncorrected + correction
    error = np.abs(reference - estimate)
    alone = np.abs(reference - uncorrected)
    good = reference <= reject_above
    rejected, by_mean = estimate - half_width > reject_above, estimate > reject_above
    calibrated = bool(np.isfinite(half_width).all())
    rank = rank_correlation(half_width, error) if calibrated else None
    return BarrierHeadSummary(
        n=len(reference),
        mae_kcal_mol=_mean(error),
        median_kcal_mol=round(float(np.median(error)), 3),
        uncorrected_mae_kcal_mol=_mean(alone),
        uncorrected_median_kcal_mol=round(float(np.median(alone)), 3),
        shifted_mae_kcal_mol=_mean(np.abs(reference - uncorrected - shift)),
        coverage=round(float((error <= half_width).mean()), 4) if calibrated else None,
        half_width_mean_kcal_mol=round(float(half_width.mean()), 3) if calibrated else None,
        rank_correlation=None if rank is None else round(rank, 3),
        good=int(good.sum()),
        rejected_share=round(float(rejected.mean()), 4),
        good_lost_share=_share(rejected, good),
        rejected_by_mean_share=round(float(by_mean.mean()), 4),
        good_lost_by_mean_share=_share(by_mean, good),
        uncorrected_good_lost_share=_share(uncorrected > reject_above, good),
    )


def evaluate_head(head: BarrierHead, batch: BarrierBatch, reject_above: float) -> tuple[BarrierHeadSummary, float]:
    """A summary of candidates with known barriers, and how many the head judges in a second.

    Args:
        head: Trained weights.
        batch: Candidates, each of another reaction.
        reject_above: As in `summarise_head`.
    """
    batch = batch.to(head.device)
    began = time.perf_counter()
    found = corrections_of(head.network, batch)
    seconds = time.perf_counter() - began
    reference = batch.reference_kcal_mol.cpu().double().numpy()
    summary = summarise_head(
        reference,
        reference - targets_kcal_mol(batch).cpu().double().numpy(),
        found.kcal_mol[:, 0].cpu().double().numpy(),
        head.network.half_width_kcal_mol(found)[:, 0].cpu().double().numpy(),
        shift=float(head.checkpoint.card["median_correction_kcal_mol"]),
        reject_above=reject_above,
    )
    return summary, len(batch) / seconds


def _mean(errors: Array) -> float:
    return round(float(np.minimum(errors, ERROR_CAP_KCAL_MOL).mean()), 3)


def _share(which: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return round(float(which[among].mean()), 4) if among.any() else None
