"""How far the confidence can be trusted: does it rank, and does it say how often it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chem.ranking import auroc, calibration_error, rank_correlation
from models.evaluation.structures import JudgedReaction

RIGHT_BELOW_ANGSTROM = 0.2  # strict deviation under which a transition state is right
N_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Reactions of like confidence.

    Attributes:
        n: How many.
        confidence: Their mean confidence.
        share_right: Share of them that is right.
    """

    n: int
    confidence: float
    share_right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSummary:
    """Confidence in the recommended samples against what they are.

    Attributes:
        auroc: Probability that a right one has more confidence than a wrong one; None where all or none are right.
        spearman: Rank correlation of doubt (one minus the confidence) with the strict deviation: 1 is perfect.
        calibration_error: Expected calibration error over bins of equal mass.
        share_right: Share under 0.2 Angstrom.
        bins: What the calibration diagram shows, by rising confidence.
    """

    auroc: float | None
    spearman: float | None
    calibration_error: float
    share_right: float
    bins: tuple[ReliabilityBin, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "auroc": self.auroc,
            "spearman": self.spearman,
            "calibration_error": self.calibration_error,
            "share_right": self.share_right,
            "calibration_bins": [
                {"n": each.n, "confidence": each.confidence, "share_right": each.share_right} for each in self.bins
            ],
        }


def summarise_confidence(reactions: Sequence[JudgedReaction]) -> ConfidenceSummary | None:
    """Summary over the reactions that have a confidence; None where none has."""
    scored = [each for each in reactions if each.confidence is not None]
    if not scored:
        return None
    confidences = np.array([each.confidence for each in scored], dtype=np.float64)
    deviations = np.array([each.errors["recommended"].rmsd_strict for each in scored])
    right = deviations < RIGHT_BELOW_ANGSTROM
    groups = np.array_split(np.argsort(confidences, kind="stable"), min(N_BINS, len(scored)))
    return ConfidenceSummary(
        auroc=auroc(confidences, right),
        spearman=rank_correlation(1.0 - confidences, deviations),
        calibration_error=calibration_error(confidences, right, N_BINS),
        share_right=float(right.mean()),
        bins=tuple(
            ReliabilityBin(
                n=len(group), confidence=float(confidences[group].mean()), share_right=float(right[group].mean())
            )
            for group in groups
        ),
    )
