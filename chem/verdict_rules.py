"""What the numbers of a check must be for it to pass: the thresholds, and the judgement of evidence by them.

Kept apart from the checks, which compute the numbers, so that what is stored can be judged again without computing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chem.outcomes import Check, CheckName, Status
from chem.potential import SAME_STATE_EV

MODE_SHARE_THRESHOLD = 0.5  # see `chem.search_checks.check_mode`
ORDER_TOLERANCE_EV = 1e-4  # what the convergence of SCF and forces leaves uncertain
CONSISTENT_EV = 1e-6
SPIN_CONTAMINATION = 0.1  # of <S^2>, above the value of the pure state
BROKEN_SYMMETRY_EV = 0.043  # 1 kcal/mol: a closed shell further above a broken-symmetry solution gives a wrong barrier


def _one_mode(evidence: Mapping[str, Any]) -> bool:
    return bool(evidence["n_imaginary"] == 1)


def _mode_moves_bonds(evidence: Mapping[str, Any]) -> bool:
    return bool(evidence["share_of_changing_bonds"] >= MODE_SHARE_THRESHOLD)


def _above_both_ends(evidence: Mapping[str, Any]) -> bool:
    heights = evidence["height_above_reactant_end_ev"], evidence["height_above_product_end_ev"]
    return bool(min(heights) > ORDER_TOLERANCE_EV)


def _same_reaction_energy(evidence: Mapping[str, Any]) -> bool:
    return bool(evidence["largest_mismatch_ev"] < CONSISTENT_EV)


def _same_state(evidence: Mapping[str, Any]) -> bool:
    points = ("transition_state", "reactant_end", "product_end")
    return bool(max(abs(evidence[f"{point}_afresh_ev"]) for point in points) < SAME_STATE_EV)


def _pure_spin(evidence: Mapping[str, Any]) -> bool:
    contamination = evidence["spin_square"] - evidence["spin_square_of_pure_state"]
    lowering = evidence["broken_symmetry_lowering_ev"] or 0.0
    return bool(contamination < SPIN_CONTAMINATION and lowering < BROKEN_SYMMETRY_EV)


RULES: Mapping[CheckName, Callable[[Mapping[str, Any]], bool]] = {
    CheckName.ONE_IMAGINARY_MODE: _one_mode,
    CheckName.MODE_MOVES_CHANGING_BONDS: _mode_moves_bonds,
    CheckName.ENERGIES_ORDERED: _above_both_ends,
    CheckName.REACTION_ENERGY_CONSISTENT: _same_reaction_energy,
    CheckName.ONE_LEVEL: _same_state,
    CheckName.NO_SPIN_CONTAMINATION: _pure_spin,
}


def judged(name: CheckName, evidence: Mapping[str, Any]) -> Check:
    """A check that was computed, passed or failed by its numbers.

    Args:
        name: One of `RULES`.
        evidence: With the numbers that its rule reads.
    """
    return Check(name=name, status=Status.PASSED if RULES[name](evidence) else Status.FAILED, evidence=evidence)


def judged_again(check: Check) -> Check:
    """A stored check as the thresholds of today judge its numbers.

    What could not be computed stays `could_not_check`, and a check without a rule stays as it is. Where the state
    changes, the evidence names the one before as `earlier_status`.
    """
    if check.status is Status.COULD_NOT_CHECK or check.name not in RULES:
        return check
    again = judged(check.name, check.evidence)
    if again.status is check.status:
        return check
    return replace(again, evidence={**check.evidence, "earlier_status": check.status.value})
