"""The checks of a verification, beyond those that every searched transition state must stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chem.errors import CalculationError
from chem.heights import Heights, electronic_heights, gibbs_heights, zero_point_heights
from chem.minimum import Minimum
from chem.outcomes import Barrier, Check, CheckName, Status, TransitionState
from chem.potential import GradientCounter, single_point
from chem.thermochemistry import REFERENCE_TEMPERATURE_K
from chem.verdict_rules import judged
from chem.wavefunction import wavefunction_report


def check_minima(minima: Sequence[Minimum | str]) -> Check:
    """Whether both ends of the path are minima: no imaginary mode beyond noise; a text says why one is not known."""
    evidence: dict[str, Any] = {}
    for side, found in zip(("reactant_end", "product_end"), minima, strict=True):
        if isinstance(found, str):
            evidence[f"{side}_reason"] = found
        elif len(found.vibrations.frequencies_cm1):
            evidence[f"{side}_lowest_frequency_cm1"] = round(float(found.vibrations.frequencies_cm1[0]), 2)
    known = not any(isinstance(found, str) for found in minima)
    return Check(
        name=CheckName.ENDS_ARE_MINIMA, status=Status.PASSED if known else Status.COULD_NOT_CHECK, evidence=evidence
    )


def check_reaction_energy(state: TransitionState, barrier: Barrier | None = None) -> Check:
    """Whether the heights of both directions differ by the energy of the reaction, to 1e-6 eV.

    The barrier, as it is stored, against the energies of the two ends; with zero-point energies and as free energies at
    298.15 K against ends and saddle point on their own.

    Args:
        state: With both ends.
        barrier: As it is stored; None takes that of the state.
    """
    barrier = state.barrier if barrier is None else barrier
    electronic = electronic_heights(state)
    if barrier is None or electronic is None:
        return Check(
            name=CheckName.REACTION_ENERGY_CONSISTENT,
            status=Status.COULD_NOT_CHECK,
            evidence={"reason": "an end of the path has no energy"},
        )
    evidence: dict[str, Any] = {}
    mismatches = [barrier.forward_ev - barrier.reverse_ev - electronic.reaction_ev]
    kinds: tuple[tuple[str, Heights | None], ...] = (
        ("electronic", electronic),
        ("e0", zero_point_heights(state)),
        ("gibbs_298", gibbs_heights(state, REFERENCE_TEMPERATURE_K)),
    )
    for kind, heights in kinds:
        if heights is None:
            continue
        mismatches.append(heights.forward_ev - heights.reverse_ev - heights.reaction_ev)
        for name in ("forward", "reverse", "reaction"):
            evidence[f"{kind}_{name}_ev"] = round(getattr(heights, f"{name}_ev"), 6)
    largest = max(abs(each) for each in mismatches)
    return judged(CheckName.REACTION_ENERGY_CONSISTENT, {**evidence, "largest_mismatch_ev": largest})


def check_one_level(state: TransitionState, counter: GradientCounter) -> Check:
    """Whether all three energies are of one level and one electronic state: computed afresh, they come out the same.

    Along a path the density of each point starts the next, and can carry an excited state with it.
    """
    evidence: dict[str, Any] = {"level": state.level.key}
    points = (
        ("transition_state", state.geometry, state.energy_ev),
        ("reactant_end", state.reactant_end, state.reactant_end_energy_ev),
        ("product_end", state.product_end, state.product_end_energy_ev),
    )
    for name, geometry, energy in points:
        if geometry is None or energy is None:
            evidence["reason"] = f"the {name.replace('_', ' ')} has no energy"
            return Check(name=CheckName.ONE_LEVEL, status=Status.COULD_NOT_CHECK, evidence=evidence)
        try:
            fresh = single_point(geometry, state.level, counter)
        except CalculationError as error:
            evidence["reason"] = f"{name.replace('_', ' ')}: {error}"
            return Check(name=CheckName.ONE_LEVEL, status=Status.COULD_NOT_CHECK, evidence=evidence)
        evidence[f"{name}_afresh_ev"] = round(fresh - energy, 6)
    return judged(CheckName.ONE_LEVEL, evidence)


def check_spin(state: TransitionState) -> tuple[Check, ...]:
    """Whether the wavefunction of the transition state is a pure spin state and no other lies below it.

    Returns:
        No check at all where the level has no wavefunction to look at, such as tight binding.
    """
    try:
        report = wavefunction_report(state.geometry, state.level)
    except CalculationError as error:
        failed = Check(
            name=CheckName.NO_SPIN_CONTAMINATION, status=Status.COULD_NOT_CHECK, evidence={"reason": str(error)}
        )
        return (failed,)
    if report is None:
        return ()
    evidence = {
        "spin_square": round(report.spin_square, 4),
        "spin_square_of_pure_state": report.spin_square_of_pure_state,
        "is_stable": report.is_stable,
        "broken_symmetry_lowering_ev": report.broken_symmetry_lowering_ev,
        "broken_symmetry_spin_square": report.broken_symmetry_spin_square,
    }
    return (judged(CheckName.NO_SPIN_CONTAMINATION, evidence),)
