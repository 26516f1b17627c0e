"""Errors of the barriers of many reactions, and what triage makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chem.ranking import ERROR_CAP_KCAL_MOL, TriageCurve, capped_errors, captured_share, rank_correlation, triage_curve
from chem.types import LevelOfTheory
from chem.walk_features import walk_features
from models.evaluation.barrier_energies import BarrierEnergies
from models.evaluation.structures import JudgedReaction
from models.walk_judge import WalkJudge

SHARE_SENT = 0.14
CURVE_SHARES = tuple(percent / 100 for percent in range(51))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarrierSummary:
    """Errors of the barriers of many reactions, failures counted as the cap; kcal/mol, after the polish unless raw.

    Attributes:
        structure: Which sample they are of: `recommended`, or `deterministic` where nothing ranks the samples.
        level: Method and program, such as `GFN2-xTB`.
        polish_gradient_calls: Most gradient calls of a polish.
        n: Reactions.
        failures: Reactions counted as the cap after the polish, by what failed.
        raw_failures: Reactions counted as the cap without the polish.
        gradient_calls: All gradient calls spent.
        mean_polish_calls: Gradient calls of the polish of a generated structure, mean.
        raw: Mean error of the structures as they stand.
        raw_median: Median of it.
        mean: Mean error, nothing sent to quantum chemistry.
        median: Median of it.
        first_raw: Mean error of the first stochastic sample as it stands; None where it was not measured.
        first: The same after the polish.
        curve: Mean error against the share sent; None where no score ranks the reactions.
        at_14_percent: Mean error with the worst 14 % sent; None likewise.
        random_at_14_percent: The same, drawn at random: what a draw gives on average.
        oracle_at_14_percent: The same, those with the largest errors.
        captured_share: Share of what an oracle gains over chance that the score gains.
        spearman: Rank correlation of the expected with the true error.
    """

    structure: str
    level: str
    polish_gradient_calls: int
    n: int
    failures: Mapping[str, int]
    raw_failures: int
    gradient_calls: int
    mean_polish_calls: float
    raw: float
    raw_median: float
    mean: float
    median: float
    first_raw: float | None
    first: float | None
    curve: TriageCurve | None
    at_14_percent: float | None
    random_at_14_percent: float
    oracle_at_14_percent: float
    captured_share: float | None
    spearman: float | None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        left_out = {"curve", "mean"}
        values = {name: getattr(self, name) for name in self.__slots__ if name not in left_out}
        curve = (
            None
            if self.curve is None
            else {
                "share_sent": self.curve.shares.tolist(),
                "ours": self.curve.scored_kcal_mol.tolist(),
                "random": self.curve.random_kcal_mol.tolist(),
                "oracle": self.curve.oracle_kcal_mol.tolist(),
            }
        )
        return {**values, "failures": dict(self.failures), "all": self.mean, "curve": curve}


def summarise_barriers(
    outcomes: Sequence[BarrierEnergies],
    expected_kcal_mol: Sequence[float | None],
    *,
    structure: str,
    level: LevelOfTheory,
    polish_gradient_calls: int,
) -> BarrierSummary:
    """Mean errors and what triage makes of them.

    Args:
        outcomes: One for each reaction.
        expected_kcal_mol: Expected error of each, kcal/mol, infinite for those that are always sent; None
            without a score.
        structure: Kind of sample that is summarised.
        level: Level of theory of the energies.
        polish_gradient_calls: As the jobs had it.
    """
    errors, _ = capped_errors([each.error_kcal_mol(structure, polished=True) for each in outcomes])
    raw, n_raw_failed = capped_errors([each.error_kcal_mol(structure, polished=False) for each in outcomes])
    failures: dict[str, int] = {}
    for reason in (each.failure(structure) for each in outcomes):
        if reason:
            failures[reason] = failures.get(reason, 0) + 1
    spent = [energies for each in outcomes for energies in each.energies.values()]
    polishes = [each.energies[structure].polish_gradient_calls for each in outcomes if structure in each.energies]
    scores = _finite_scores(expected_kcal_mol)
    bounds = triage_curve(np.zeros(len(errors)), errors, [SHARE_SENT])
    curve = None if scores is None else triage_curve(scores, errors, CURVE_SHARES)
    return BarrierSummary(
        structure=structure,
        level=level.method,
        polish_gradient_calls=polish_gradient_calls,
        n=len(errors),
        failures=failures,
        raw_failures=n_raw_failed,
        gradient_calls=sum(each.gradient_calls for each in spent),
        mean_polish_calls=float(np.mean(polishes)) if polishes else 0.0,
        raw=float(raw.mean()),
        raw_median=float(np.median(raw)),
        mean=float(errors.mean()),
        median=float(np.median(errors)),
        first_raw=_mean_of("first", outcomes, polished=False),
        first=_mean_of("first", outcomes, polished=True),
        curve=curve,
        at_14_percent=None if scores is None else float(triage_curve(scores, errors, [SHARE_SENT]).scored_kcal_mol[0]),
        random_at_14_percent=float(bounds.random_kcal_mol[0]),
        oracle_at_14_percent=float(bounds.oracle_kcal_mol[0]),
        captured_share=None if scores is None else captured_share(scores, errors, SHARE_SENT),
        spearman=None if scores is None else rank_correlation(scores, errors),
    )


def expected_after_polish(
    outcomes: Sequence[BarrierEnergies],
    judged: Sequence[JudgedReaction],
    *,
    structure: str,
    judge: WalkJudge | None,
) -> list[float | None]:
    """Expected errors as triage sees them when the polishes have ended, kcal/mol; arguments as above.

    Infinite for those that are always sent: what the confidence does not cover, what fails a hard check, and what could
    not be polished. Without a judge, or where none was to be polished, those from before.

    Args:
        outcomes: One for each reaction.
        judged: The same reactions with their confidence.
        structure: Kind of sample that is summarised.
        judge: The generator's.
    """
    before = [each.expected_error_kcal_mol for each in judged]
    states = [each.energies[structure].polished if structure in each.energies else None for each in outcomes]
    if judge is None or all(state is None for state in states):
        return before
    found: list[float | None] = []
    for expected, state in zip(before, states, strict=True):
        if expected is None or np.isinf(expected):
            found.append(expected)
            continue
        features = None if state is None else walk_features(state)
        found.append(float("inf") if features is None else judge.expected_errors_kcal_mol([features])[0])
    return found


def _mean_of(kind: str, outcomes: Sequence[BarrierEnergies], *, polished: bool) -> float | None:
    if not any(kind in each.energies for each in outcomes):
        return None
    errors, _ = capped_errors([each.error_kcal_mol(kind, polished=polished) for each in outcomes])
    return float(errors.mean())


def _finite_scores(expected_kcal_mol: Sequence[float | None]) -> NDArray[np.float64] | None:
    """Scores that rank: reactions that are always sent come before all others; None where a score is missing."""
    if any(each is None for each in expected_kcal_mol):
        return None
    scores = np.array(expected_kcal_mol, dtype=np.float64)
    highest = max(ERROR_CAP_KCAL_MOL, float(scores[np.isfinite(scores)].max(initial=0.0)))
    ranked: NDArray[np.float64] = np.where(np.isfinite(scores), scores, highest + 1.0)
    return ranked
