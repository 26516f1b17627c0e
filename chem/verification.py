"""A known transition state proved at another level of theory: the higher rungs of a ladder of levels.

`verify_transition_state` refines the saddle point and runs every check again; `with_energies` only takes energies of
another level at the three points that are known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from chem.errors import CalculationError, ConfigurationError
from chem.generator import EndPoints
from chem.judgement import JudgeSettings, judge
from chem.outcomes import (
    Attempt,
    CheckName,
    Failure,
    Outcome,
    SearchResult,
    Stage,
    TransitionState,
    Verdict,
)
from chem.potential import GradientCounter, attach, single_point
from chem.refine import StartingHessians, Way, ways_from
from chem.restart import Restart
from chem.saddle import find_saddle
from chem.search_checks import check_energies
from chem.types import Geometry, LevelOfTheory

GEOMETRY_OPTION = "geometry"  # of a level whose energies stand at points of another


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """What a verification may spend and asks for.

    Attributes:
        budget_gradient_calls: Gradient calls of the whole verification.
        saddle_gradient_calls: Gradient calls of one saddle search.
        fmax_ev_per_angstrom: Largest force on an atom of a converged saddle point.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        end_frequencies: Whether the ends are proved minima, which also gives zero-point and free energies.
    """

    budget_gradient_calls: int = 1000
    saddle_gradient_calls: int = 150
    fmax_ev_per_angstrom: float = 0.01
    imaginary_threshold_cm1: float = 50.0
    end_frequencies: bool = True

    def __post_init__(self) -> None:
        """Numbers are positive."""
        for name in ("budget_gradient_calls", "saddle_gradient_calls", "fmax_ev_per_angstrom"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be positive, got {getattr(self, name)}")
        if self.imaginary_threshold_cm1 < 0:
            raise ConfigurationError(
                f"imaginary_threshold_cm1 must not be negative, got {self.imaginary_threshold_cm1}"
            )


def verify_transition_state(
    known: TransitionState,
    level: LevelOfTheory,
    settings: VerificationSettings,
    counter: GradientCounter | None = None,
    restart: Restart | None = None,
) -> SearchResult:
    """Search the saddle point of a known transition state at another level and prove it there.

    The search starts from the known saddle point, in the ways of `chem.refine.ways_from`: first with the Hessian of
    GFN2-xTB. The first that converges is judged with every check.

    Args:
        known: With both ends, which say what reaction it is.
        level: Level of theory of everything that comes out.
        settings: Limits and thresholds.
        counter: Counts the whole verification as well; its own budget is not renewed.
        restart: Where the last geometry of the saddle search is kept; one that is there replaces the known one.

    Returns:
        One attempt for each start; atoms in the order of the known one, the reactant's end first.

    Raises:
        ElementError: An element is outside what the level supports.
        ConfigurationError: The known transition state lacks an end.
    """
    if known.reactant_end is None or known.product_end is None:
        raise ConfigurationError("a transition state without both ends cannot be verified; search it first")
    ends = EndPoints(reactant=known.reactant_end, product=known.product_end)
    counter = GradientCounter(budget=settings.budget_gradient_calls, parent=counter)
    attach(known.geometry, level, counter)  # unsupported elements show here, before anything is spent
    guess = known.geometry if restart is None else restart.geometry_or(known.geometry)
    hessians = StartingHessians(guess, level, counter, GradientCounter())
    attempts: list[Attempt] = []
    for way in ways_from("cheap"):
        if attempts and counter.remaining < 1:
            break
        name = f"{known.level.name}: {way}"
        attempts.append(_attempt(name, guess, ends, level, settings, counter, way, hessians, restart))
        if attempts[-1].outcome is not Outcome.FAILED:
            break
    return SearchResult(level=level, attempts=tuple(attempts))


def _attempt(
    name: str,
    guess: Geometry,
    ends: EndPoints,
    level: LevelOfTheory,
    settings: VerificationSettings,
    counter: GradientCounter,
    way: Way,
    hessians: StartingHessians,
    restart: Restart | None,
) -> Attempt:
    began, before = time.perf_counter(), counter.calls
    find = partial(
        find_saddle,
        counter=counter.child(settings.saddle_gradient_calls),
        fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom,
        coordinates=(way.coordinates,),
        restart=restart,
    )
    state: TransitionState | None = None
    failure: Failure | None = None
    outcome = Outcome.FAILED
    try:
        saddle = find(guess, level, hessian=hessians.of(way.hessian))
    except CalculationError as error:
        failure = Failure(stage=Stage.SADDLE, kind=error.kind, message=str(error))
    else:
        judged = judge(
            saddle,
            ends,
            level,
            counter,
            find,
            JudgeSettings(
                imaginary_threshold_cm1=settings.imaginary_threshold_cm1,
                further_checks=True,
                end_frequencies=settings.end_frequencies,
            ),
        )
        state, failure, outcome = judged.transition_state, judged.failure, judged.outcome
    return Attempt(
        start=name,
        gradient_calls=counter.calls - before,
        seconds=time.perf_counter() - began,
        outcome=outcome,
        failure=failure,
        transition_state=state,
    )


def with_energies(known: TransitionState, level: LevelOfTheory, counter: GradientCounter) -> TransitionState:
    """The three points of a known transition state with energies of another level.

    Modes, path and ends were proved at the level of the geometries, and the evidence of those checks says so; that the
    saddle point lies above both ends is checked anew.

    Args:
        known: With both ends.
        level: Level of theory of the energies.
        counter: Counts three evaluations.

    Returns:
        At a level whose identity holds both, such as `wb97x-d3bj/def2-tzvp` at geometries of `GFN2-xTB`.

    Raises:
        CalculationError: An energy could not be computed.
        ElementError: An element is outside what the level supports.
        ConfigurationError: The known transition state lacks an end.
    """
    if known.reactant_end is None or known.product_end is None:
        raise ConfigurationError("a transition state without both ends has no barrier to take energies for")

    points = (known.geometry, known.reactant_end, known.product_end)
    saddle, reactant, product = (single_point(each, level, counter) for each in points)
    ordered = check_energies(saddle, reactant, product)
    kept = [
        replace(check, evidence={**check.evidence, "checked_at_level": known.level.key})
        for check in known.verdict.checks
        if check.name is not CheckName.ENERGIES_ORDERED
    ]
    checks = (*kept, ordered) if known.verdict.checks else ()
    return replace(
        known,
        energy_ev=saddle,
        level=composite_level(level, known.level.key),
        verdict=Verdict(checks=checks),
        reactant_end_energy_ev=reactant,
        product_end_energy_ev=product,
        walk=None,
    )


def composite_level(energies: LevelOfTheory, geometry_key: str) -> LevelOfTheory:
    """The level of energies at geometries of another, whose key is part of its identity."""
    options = tuple(sorted((*energies.options, (GEOMETRY_OPTION, geometry_key))))
    return replace(energies, name=f"{energies.name}//{geometry_key}", options=options)
