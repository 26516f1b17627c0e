"""What is done with a candidate: believed or sent to quantum chemistry.

What is plainly doubtful is sent at once; all other candidates are polished first, since how the polish went says most
of the error that is left. They are ranked by the expected error of their barrier in kcal/mol, which is low where the
candidate is good. A rule turns the scores and errors of a calibration set into a threshold; a candidate is believed
when its score is below. The threshold is fixed by default, so that a decision does not depend on which reactions happen
to share its batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chem.barrier_estimate import BarrierEstimate
from chem.errors import ConfigurationError, InputError
from chem.outcomes import Action, Decision
from chem.types import TSCandidate

Policy = Literal["all", "triage", "none"]
LEAST_CONFIDENCE_OF_REJECTED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRule:
    """Send the worst share of the reactions.

    Attributes:
        share: How much of them is sent, 0 to 1.
    """

    share: float = 0.14

    def __post_init__(self) -> None:
        """The share is one."""
        if not 0.0 <= self.share <= 1.0:
            raise ConfigurationError(f"share must lie in 0 to 1, got {self.share}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRule:
    """Send as few reactions as keep the expected error of the others within a target.

    Attributes:
        target_kcal_mol: Wanted bound on the mean barrier error over all reactions, verified ones counted as zero.
        cap_kcal_mol: What larger errors count as: the bound holds for capped errors.
    """

    target_kcal_mol: float = 2.6
    cap_kcal_mol: float = 20.0

    def __post_init__(self) -> None:
        """The target is positive and below the cap."""
        if not 0.0 < self.target_kcal_mol < self.cap_kcal_mol < math.inf:
            raise ConfigurationError(
                "target_kcal_mol must be positive and below a finite cap_kcal_mol, got"
                f" {self.target_kcal_mol} and {self.cap_kcal_mol}"
            )


Rule = QuantileRule | RiskRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Reactions whose scores and true errors are both known, none of them used to train what gives the scores.

    Attributes:
        expected_error_kcal_mol: Score of each candidate, shape (n,), kcal/mol; infinite for those that are always sent,
            such as those that fail a hard check.
        error_kcal_mol: True absolute barrier error, shape (n,), kcal/mol; infinite where the calculation failed.
        source: Where they come from, such as `val` or `audit of campaign c3`.
    """

    expected_error_kcal_mol: NDArray[np.float64]
    error_kcal_mol: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        """Check the shapes and values; freeze copies of the arrays."""
        scores = np.array(self.expected_error_kcal_mol, dtype=np.float64)
        errors = np.array(self.error_kcal_mol, dtype=np.float64)
        if scores.ndim != 1 or scores.shape != errors.shape or not scores.size:
            raise InputError(
                f"calibration {self.source}: scores and errors must be two lists of one length, not empty; got shapes"
                f" {scores.shape} and {errors.shape}"
            )
        _check_scores(scores, f"calibration {self.source}")
        if np.isnan(errors).any() or (errors < 0.0).any():
            raise InputError(
                f"calibration {self.source}: errors must be numbers from 0; give absolute errors, infinite where the"
                " calculation failed"
            )
        scores.setflags(write=False)
        errors.setflags(write=False)
        object.__setattr__(self, "expected_error_kcal_mol", scores)
        object.__setattr__(self, "error_kcal_mol", errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Below which expected error a candidate is believed, and where that number comes from.

    Attributes:
        below_kcal_mol: Candidates with a lower score are believed; minus infinity where all are sent, plus infinity
            where all are believed that have a finite score.
        rule: The rule that made it.
        source: Which reactions it was made from.
        n_reactions: How many they were.
        share_sent: Share of them that it sends.
        fulfilled: Whether the rule could be met; where not, everything is sent.
    """

    below_kcal_mol: float
    rule: Rule
    source: str
    n_reactions: int
    share_sent: float
    fulfilled: bool = True

    def describe(self) -> str:
        """Rule and origin in words, for the record."""
        origin = f"calibrated on {self.n_reactions} reactions of {self.source}"
        if isinstance(self.rule, QuantileRule):
            return f"quantile rule: worst {100 * self.rule.share:g} %, {origin}"
        words = (
            f"risk rule: mean error of at most {self.rule.target_kcal_mol:g} kcal/mol, errors capped at"
            f" {self.rule.cap_kcal_mol:g} kcal/mol, {origin} and valid for reactions like them"
        )
        return words if self.fulfilled else f"{words}; too few reactions for any threshold, so everything is sent"


def quantile_threshold(scores: ArrayLike, share: float) -> float:
    """Score from which on a share of the reactions is sent, kcal/mol.

    Reactions with scores below it are believed. Equal scores meet with the same decision, so ties, and shares that are
    no whole number of reactions, send more than the share, never less.

    Args:
        scores: Expected errors, shape (n,), kcal/mol: of a calibration set for a fixed threshold (the default of
            `threshold_from`), or of a whole frontier to rank one round within itself.
        share: Share to send, 0 to 1.

    Returns:
        Plus infinity where no reaction is to be sent, minus infinity where all are.

    Raises:
        InputError: There are no scores, or one is not a number.
        ConfigurationError: The share is out of range.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise InputError(f"scores must be a list that is not empty, got shape {values.shape}")
    _check_scores(values, "triage")
    n_sent = math.ceil(QuantileRule(share=share).share * values.size - 1e-9)  # 0.14 * 50 is above 7 in binary
    if n_sent == 0:
        return math.inf
    if n_sent == values.size:
        return -math.inf
    return float(np.sort(values)[-n_sent])


def risk_threshold(calibration: Calibration, rule: RiskRule) -> Threshold:
    """Highest threshold that conformal risk control allows (10.48550/arXiv.2208.02814).

    With L_i(t) = min(error_i, cap) where score_i < t and 0 elsewhere, the threshold is the supremum of the t with
    (n mean(L(t)) + cap) / (n + 1) <= target. Then the expected L of a further reaction is within the target, given that
    it is exchangeable with the calibration set. A campaign leaves the reactions it was calibrated on behind, and renews
    the set from its own audit; the threshold says which set it was.

    Args:
        calibration: Scores and true errors.
        rule: Target and cap.

    Returns:
        The threshold. With fewer than cap / target - 1 reactions no threshold can be shown to keep the target: then it
        is minus infinity and `fulfilled` is False.
    """
    scores = calibration.expected_error_kcal_mol
    losses = np.minimum(calibration.error_kcal_mol, rule.cap_kcal_mol)
    steps, group = np.unique(scores, return_inverse=True)
    risen = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=losses))])  # losses below each step, then all
    allowed = risen + rule.cap_kcal_mol <= rule.target_kcal_mol * (scores.size + 1) * (1.0 + 1e-12)
    fulfilled = bool(allowed[0])
    below = float(np.append(steps, np.inf)[np.flatnonzero(allowed)[-1]]) if fulfilled else -math.inf
    return _threshold(below, rule, scores, calibration.source, fulfilled=fulfilled)


def threshold_from(calibration: Calibration, rule: Rule) -> Threshold:
    """The fixed threshold that a rule takes from a calibration set.

    Args:
        calibration: Scores and true errors; `QuantileRule` looks at the scores alone.
        rule: What is wanted.
    """
    if isinstance(rule, RiskRule):
        return risk_threshold(calibration, rule)
    scores = calibration.expected_error_kcal_mol
    return _threshold(quantile_threshold(scores, rule.share), rule, scores, calibration.source)


def threshold_within(scores: ArrayLike, rule: QuantileRule, source: str) -> Threshold:
    """A threshold that ranks a whole frontier within itself: the share is met, but decisions depend on the company.

    Args:
        scores: Expected errors of the frontier, shape (n,), kcal/mol.
        rule: The share.
        source: What to call the frontier, such as `round 3 itself`.
    """
    values = np.asarray(scores, dtype=np.float64)
    return _threshold(quantile_threshold(values, rule.share), rule, values, source)


def first_look(
    policy: Policy,
    candidates: Sequence[TSCandidate | None],
    faults: Sequence[tuple[str, ...]],
    *,
    calibrated: bool,
) -> list[Decision]:
    """Decide which candidates are worth a polish; the others go to quantum chemistry at once.

    Under `triage`, a reaction is sent when there is no candidate, when a hard check fails, when the candidate has no
    confidence or none above 0, and when nothing was calibrated; in this order. The other policies name failed checks
    too, though these decide nothing there.

    Args:
        policy: `all` verifies every reaction, `none` takes every candidate as an estimate, `triage` verifies the
            doubtful ones.
        candidates: The one that ranks first of each reaction; None where there is none.
        faults: What `chem.hard_checks.hard_checks` says of each.
        calibrated: Whether the errors that the generator expects were held against true ones.

    Returns:
        Decisions with their reasons, one for each reaction, in order: `refine`, or `polish` and then `settled`.
    """
    return [
        _first_look(policy, best, fault, calibrated=calibrated) for best, fault in zip(candidates, faults, strict=True)
    ]


def _first_look(policy: Policy, best: TSCandidate | None, faults: tuple[str, ...], *, calibrated: bool) -> Decision:
    if best is None:
        return _refine("no candidate: the search starts from a band")
    if policy == "none":
        return Decision(action=Action.POLISH, reasons=("the campaign verifies nothing", *faults))
    if policy == "all":
        return _refine("the campaign verifies everything", *faults)
    if faults:
        return _refine(*faults)
    if best.confidence is None:
        return _refine(f"generator {best.generator} gives no calibrated confidence", *best.unscored_reasons)
    if best.confidence == 0.0:
        return _refine(f"generator {best.generator} gives no chance to its candidate", *best.unscored_reasons)
    if not calibrated:
        return _refine("no calibration says how far a confidence can be trusted")
    return Decision(action=Action.POLISH, reasons=(f"the generator gives it a chance of {best.confidence:.2f}",))


def weighed(
    look: Decision, confidence: float | None, estimate: BarrierEstimate | None, reject_above_kcal_mol: float
) -> Decision:
    """Reject a candidate whose barrier is hopeless before it is polished; the others keep what is expected of them.

    Args:
        look: What `first_look` decided. Only what it leaves to the polish is rejected: of a candidate that fails a hard
            check, or that nothing vouches for, the height says little of the reaction.
        confidence: Of the candidate. Below 0.5 it is rather wrong than right, and a wrong one lies too high.
        estimate: Expected barrier; None where nothing expects one.
        reject_above_kcal_mol: A barrier is hopeless where its whole 95 % error bar lies above this, kcal/mol.
    """
    if estimate is None or look.action is not Action.POLISH:
        return look
    reasons = (*look.reasons, estimate.describe())
    likely = confidence is not None and confidence >= LEAST_CONFIDENCE_OF_REJECTED
    if likely and estimate.least_barrier_kcal_mol > reject_above_kcal_mol:
        words = f"the whole error bar lies above {reject_above_kcal_mol:g} kcal/mol"
        return Decision(action=Action.REJECT, reasons=(*reasons, words))
    return Decision(action=look.action, reasons=reasons)


def settled(
    policy: Policy, threshold: Threshold | None, look: Decision, score_kcal_mol: float | None, *, failure: str = ""
) -> Decision:
    """Decide on a polished candidate.

    Args:
        policy: As in `first_look`.
        threshold: From `threshold_from` or `threshold_within`; None where nothing was calibrated.
        look: What `first_look` decided; its reasons are kept.
        score_kcal_mol: Expected error of the barrier that the polish left; None where nothing expects one.
        failure: Why the polish gave no barrier; empty where it did.

    Returns:
        `accept` or `refine`, with the reasons.
    """
    if policy == "none":  # what failed stays failed
        return Decision(action=Action.ACCEPT, reasons=look.reasons, score_kcal_mol=score_kcal_mol)
    if failure:
        return _refine(*look.reasons, f"the estimate failed: {failure}")
    if threshold is None:
        return _refine(*look.reasons, "no calibration says how far a confidence can be trusted")
    if score_kcal_mol is None or math.isnan(score_kcal_mol):
        return _refine(*look.reasons, "no expected barrier error is known")
    accepted = score_kcal_mol < threshold.below_kcal_mol
    relation = "is below" if accepted else "is not below"
    words = f"expected barrier error {score_kcal_mol:.2f} kcal/mol {relation} {_limit(threshold)}"
    return Decision(
        action=Action.ACCEPT if accepted else Action.REFINE,
        reasons=(*look.reasons, words),
        score_kcal_mol=score_kcal_mol,
    )


def _refine(*reasons: str) -> Decision:
    return Decision(action=Action.REFINE, reasons=reasons)


def _limit(threshold: Threshold) -> str:
    return f"the threshold {threshold.below_kcal_mol:.2f} kcal/mol ({threshold.describe()})"


def _threshold(
    below: float, rule: Rule, scores: NDArray[np.float64], source: str, *, fulfilled: bool = True
) -> Threshold:
    return Threshold(
        below_kcal_mol=below,
        rule=rule,
        source=source,
        n_reactions=int(scores.size),
        share_sent=float(np.mean(~(scores < below))),
        fulfilled=fulfilled,
    )


def _check_scores(scores: NDArray[np.float64], what: str) -> None:
    if np.isnan(scores).any():
        raise InputError(f"{what}: a score is not a number; give infinity for candidates that are always sent")
