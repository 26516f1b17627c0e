"""From a converged saddle point to a verdict: its vibrations, its path, its ends, every check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chem import search_checks as checks
from chem import verification_checks as further
from chem.errors import CalculationError
from chem.first_order import FindSaddle, first_order
from chem.frequencies import Vibrations
from chem.generator import EndPoints
from chem.irc import Branch, follow_irc
from chem.minimum import Minimum, find_minimum
from chem.outcomes import (
    SEARCH_CHECKS,
    Check,
    Failure,
    Outcome,
    Stage,
    Status,
    TransitionState,
    Verdict,
)
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.relax import Relaxation
from chem.saddle import SaddlePoint
from chem.types import LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """What a saddle point is asked for.

    Attributes:
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        further_checks: Whether the checks of a verification are run as well: one state on all three points, spin.
        end_frequencies: Whether the ends are proved minima by their vibrations, which also gives zero-point energies.
    """

    imaginary_threshold_cm1: float
    further_checks: bool = False
    end_frequencies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What a saddle point was found to be.

    Attributes:
        outcome: Of the attempt that led to it.
        failure: Why, where it failed.
        transition_state: With all that was learned about it.
    """

    outcome: Outcome
    failure: Failure | None
    transition_state: TransitionState


def judge(
    saddle: SaddlePoint,
    ends: EndPoints,
    level: LevelOfTheory,
    counter: GradientCounter,
    find: FindSaddle,
    settings: JudgeSettings,
) -> Judgement:
    """Frequencies, path and checks of a converged saddle point.

    Args:
        saddle: Where the search converged.
        ends: The reaction that was asked for, in the atom order of the saddle point.
        level: Level of theory of everything.
        counter: Counts every gradient and Hessian.
        find: Search to repeat where the saddle point is one of higher order.
        settings: Thresholds, and which checks are run.
    """
    plain = TransitionState(geometry=saddle.geometry, energy_ev=saddle.energy_ev, level=level, verdict=Verdict())

    def fail(stage: Stage, kind: str, message: str, known: TransitionState, done: Sequence[Check]) -> Judgement:
        ran = {check.name for check in done}
        rest = [checks.not_checked(name, message) for name in SEARCH_CHECKS if name not in ran]
        return Judgement(
            outcome=Outcome.FAILED,
            failure=Failure(stage=stage, kind=kind, message=message),
            transition_state=replace(known, verdict=Verdict(checks=(*done, *rest))),
        )

    try:
        saddle, analysis = first_order(saddle, level, counter, settings.imaginary_threshold_cm1, find)
    except CalculationError as error:
        return fail(Stage.FREQUENCIES, error.kind, str(error), plain, ())
    except np.linalg.LinAlgError as error:
        return fail(Stage.FREQUENCIES, "numerical", f"the Hessian could not be diagonalised: {error}", plain, ())
    order = checks.check_order(analysis, settings.imaginary_threshold_cm1)
    known = TransitionState(
        geometry=saddle.geometry,
        energy_ev=saddle.energy_ev,
        level=level,
        verdict=Verdict(),
        frequencies_cm1=_frequencies(analysis),
        imaginary_mode=analysis.modes[0] if len(analysis.modes) else None,
    )
    if order.status is not Status.PASSED:
        number = checks.count_imaginary(analysis, settings.imaginary_threshold_cm1)
        return fail(
            Stage.FREQUENCIES, "wrong_saddle_order", f"{number} imaginary modes, one was wanted", known, (order,)
        )
    mode = checks.check_mode(
        saddle.geometry, analysis.modes[0], perceive_graph(ends.reactant), perceive_graph(ends.product)
    )
    try:
        branches = follow_irc(saddle.geometry, saddle.energy_ev, analysis.hessian, analysis.modes[0], level, counter)
    except CalculationError as error:
        return fail(Stage.IRC, error.kind, str(error), known, (order, mode))
    except np.linalg.LinAlgError as error:
        return fail(Stage.IRC, "numerical", f"the path broke down: {error}", known, (order, mode))
    branches = checks.orient(branches, ends)
    minima: tuple[Minimum | str, ...] = ()
    if settings.end_frequencies:
        minima = tuple(_minimum(branch, level, counter, settings.imaginary_threshold_cm1) for branch in branches)
        branches = (_settled(branches[0], minima[0]), _settled(branches[1], minima[1]))
    first, last = (branch.end for branch in branches)
    match = checks.check_ends(branches, ends)
    energies = checks.check_energies(saddle.energy_ev, first.energy_ev, last.energy_ev)
    proved = replace(
        known,
        reactant_end=first.geometry,
        product_end=last.geometry,
        reactant_end_energy_ev=first.energy_ev,
        product_end_energy_ev=last.energy_ev,
    )
    done = [order, mode, match, energies]
    if minima:
        before, after = (() if isinstance(each, str) else _frequencies(each.vibrations) for each in minima)
        proved = replace(proved, reactant_end_frequencies_cm1=before, product_end_frequencies_cm1=after)
        done += [further.check_minima(minima), further.check_reaction_energy(proved)]
    if settings.further_checks:
        done += [further.check_one_level(proved, counter), *further.check_spin(proved)]
    proved = replace(proved, verdict=Verdict(checks=tuple(done)))
    failure, outcome = None, Outcome.UNINTENDED
    if match.status is Status.COULD_NOT_CHECK:
        outcome = Outcome.FAILED
        failure = Failure(stage=Stage.IRC, kind="not_converged", message=str(match.evidence["reason"]))
    elif perceive_graph(first.geometry).bonds == perceive_graph(last.geometry).bonds:
        outcome = Outcome.FAILED
        failure = Failure(stage=Stage.IRC, kind="conformational", message="both ends of the path have the same bonds")
    elif match.status is Status.PASSED:
        outcome = Outcome.INTENDED
    return Judgement(outcome=outcome, failure=failure, transition_state=proved)


def _frequencies(analysis: Vibrations) -> tuple[float, ...]:
    return tuple(float(value) for value in analysis.frequencies_cm1)


def _minimum(branch: Branch, level: LevelOfTheory, counter: GradientCounter, threshold_cm1: float) -> Minimum | str:
    """The minimum that an end of the path settles in, or why it is not known."""
    try:
        return find_minimum(branch.end.geometry, level, counter, threshold_cm1)
    except CalculationError as error:
        return str(error)
    except np.linalg.LinAlgError as error:
        return f"the Hessian could not be diagonalised: {error}"


def _settled(branch: Branch, minimum: Minimum | str) -> Branch:
    if isinstance(minimum, str):
        return branch
    end = Relaxation(geometry=minimum.geometry, energy_ev=minimum.energy_ev, converged=True)
    return replace(branch, end=end)
