"""The transition state of one reaction: starts tried in order until one is proved, every attempt recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from chem.alignment import rmsd
from chem.errors import CalculationError, ConfigurationError
from chem.frequencies import hessian_of
from chem.generator import EndPoints
from chem.guess import changing_bonds
from chem.judgement import JudgeSettings, judge
from chem.levels import resolve_level
from chem.neb import highest_image
from chem.outcomes import Attempt, Failure, Outcome, SearchResult, Stage, TransitionState
from chem.perception import perceive_graph
from chem.potential import GradientCounter, attach
from chem.reaction_direction import reaction_direction
from chem.refine import CHEAP_LEVEL
from chem.saddle import SaddlePoint, find_saddle
from chem.search_polish import relax_around
from chem.ts_conformers import conformer_guesses
from chem.types import Geometry, LevelOfTheory, TSCandidate

TIGHT_BINDING_PROGRAMS = ("xtb-python", "tblite")
SAME_SADDLE_EV, SAME_SADDLE_ANGSTROM = 1e-3, 0.03  # two searches that ended closer than this found one saddle


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """What a search may spend and what it asks for.

    Attributes:
        budget_gradient_calls: Gradient calls of the whole search.
        attempt_gradient_calls: Gradient calls of one attempt: saddle search, frequencies and path.
        saddle_gradient_calls: Gradient calls of the saddle search within one attempt.
        neb_gradient_calls: Gradient calls of the band, on top of those of its attempt; like the relaxation below, of
            GFN2-xTB where the level is no tight binding.
        fmax_ev_per_angstrom: Largest force on an atom of a converged saddle point.
        polish_steps: Steps of the relaxation around the reacting distances that gives each candidate a second chance; 0
            leaves it out.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        use_neb: Whether a band is tried after the last candidate.
        n_images: Interior images of the band.
        neb_level: Level of theory of the band, by name, whose gradient calls do not count; None for that of the search,
            or GFN2-xTB as above.
        conformers: Further conformers of a proved transition state to search, by turning its spectator bonds.
        further_checks: Whether the checks of a verification are run as well, the vibrations of both ends included.
    """

    budget_gradient_calls: int = 3000
    attempt_gradient_calls: int = 800
    saddle_gradient_calls: int = 200
    neb_gradient_calls: int = 500
    fmax_ev_per_angstrom: float = 0.02
    polish_steps: int = 40
    imaginary_threshold_cm1: float = 30.0
    use_neb: bool = True
    n_images: int = 7
    neb_level: str | None = None
    conformers: int = 0
    further_checks: bool = False

    def __post_init__(self) -> None:
        """Numbers are positive."""
        for name in (
            "budget_gradient_calls",
            "attempt_gradient_calls",
            "saddle_gradient_calls",
            "neb_gradient_calls",
            "fmax_ev_per_angstrom",
            "n_images",
        ):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be positive and finite, got {getattr(self, name)}")
        for name in ("imaginary_threshold_cm1", "polish_steps", "conformers"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative, got {getattr(self, name)}")


def search_transition_state(
    ends: EndPoints,
    candidates: Sequence[TSCandidate],
    level: LevelOfTheory,
    settings: SearchSettings,
    spent: GradientCounter | None = None,
) -> SearchResult:
    """Find the transition state between two ends and prove it.

    Starts are tried in the order of `starts`. Each is refined to a saddle point, and checked: exactly one imaginary
    mode, which moves the changing bonds; the steepest-descent path leads to the two ends; the energies are ordered. The
    first intended one ends the search, but for its other conformers where they are asked for; the budget ends it
    otherwise. Expected failures are attempts with a `Failure`; only bad input and bugs raise.

    Args:
        ends: Relaxed reactant and product in one atom order.
        candidates: Guesses, best first; may be empty where the band is allowed.
        level: Level of theory of everything.
        settings: Limits and thresholds. Gradient calls limit a search, never its time, so that a run can be repeated.
        spent: Everything is counted there as well.

    Returns:
        Every attempt, in order.

    Raises:
        ConfigurationError: There is nothing to try: no candidate and no band.
        ElementError: An element is outside what the level supports.
    """
    if not candidates and not settings.use_neb:
        raise ConfigurationError("there is nothing to try: give candidates, or allow the band with use_neb")
    counter = GradientCounter(budget=settings.budget_gradient_calls, parent=spent)
    attach(ends.reactant, level, counter)  # unsupported elements show here, before anything is spent
    if perceive_graph(ends.reactant).bonds == perceive_graph(ends.product).bonds:
        failure = Failure(
            stage=Stage.PREPARE,
            kind="same_bonds",
            message="reactant and product have the same bonds, so there is no reaction to search; check the ends",
        )
        return SearchResult(level=level, attempts=(_failed("none", 0, 0.0, failure),))
    attempts: list[Attempt] = []
    for start in starts(candidates, settings):
        if attempts and counter.remaining < 1:
            break
        attempts.append(_attempt(start, ends, level, settings, counter, attempts))
        if attempts[-1].outcome is Outcome.INTENDED:
            break
    for start in _conformers(attempts[-1], ends, level, settings, counter):
        if counter.remaining < 1:
            break
        attempts.append(_attempt(start, ends, level, settings, counter, attempts))
    return SearchResult(level=level, attempts=tuple(attempts))


def _conformers(
    proved: Attempt, ends: EndPoints, level: LevelOfTheory, settings: SearchSettings, counter: GradientCounter
) -> list[Start]:
    """Starts from other conformers of an intended transition state; none where none are asked for or affordable."""
    if settings.conformers == 0 or proved.outcome is not Outcome.INTENDED or proved.transition_state is None:
        return []
    graphs = (perceive_graph(ends.reactant), perceive_graph(ends.product))
    saddle = proved.transition_state.geometry
    try:
        guesses = conformer_guesses(saddle, *graphs, level, counter, settings.conformers)
    except CalculationError:  # the budget; what is proved stays
        return []
    return [
        Start(name=f"conformer:{place}", guess=guess, polished=settings.polish_steps > 0)
        for place, guess in enumerate(guesses)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """Where one attempt begins.

    Attributes:
        name: As stored with the attempt, such as `classical:0`, `classical:0:polished` or `neb`.
        guess: Geometry; None for the band, which makes its own.
        polished: Whether the guess is relaxed around its reacting distances first.
    """

    name: str
    guess: Geometry | None
    polished: bool = False


def starts(candidates: Sequence[TSCandidate], settings: SearchSettings) -> list[Start]:
    """The first candidate as it is, every candidate polished, the others as they are, the band.

    The best raw guess is the cheapest start that works. Where it fails, polished ones reach more of the missing saddles
    than further raw ones do (RDB7, GFN2-xTB: 6 to 8 of 17 against 3 to 6).
    """
    raw = [
        Start(name=f"{candidate.generator}:{place}", guess=candidate.geometry)
        for place, candidate in enumerate(candidates)
    ]
    polished = [Start(name=f"{start.name}:polished", guess=start.guess, polished=True) for start in raw]
    band = [Start(name="neb", guess=None)]
    return [
        *raw[:1],
        *(polished if settings.polish_steps else []),
        *raw[1:],
        *(band if settings.use_neb else []),
    ]


def _failed(
    start: str, calls: int, seconds: float, failure: Failure, transition_state: TransitionState | None = None
) -> Attempt:
    return Attempt(
        start=start,
        gradient_calls=calls,
        seconds=seconds,
        outcome=Outcome.FAILED,
        failure=failure,
        transition_state=transition_state,
    )


def _attempt(
    begin: Start,
    ends: EndPoints,
    level: LevelOfTheory,
    settings: SearchSettings,
    counter: GradientCounter,
    earlier: Sequence[Attempt],
) -> Attempt:
    """One start, from guess to verdict."""
    start = begin.name
    began, before = time.perf_counter(), counter.calls

    def spent() -> tuple[int, float]:
        return counter.calls - before, time.perf_counter() - began

    try:
        guess = _guess(begin, ends, level, settings, counter)
    except CalculationError as error:
        return _failed(start, *spent(), Failure(stage=Stage.GENERATE, kind=error.kind, message=str(error)))
    own = counter.child(settings.attempt_gradient_calls)
    try:
        saddle = _find(guess, level, ends, own, settings)
    except CalculationError as error:
        return _failed(start, *spent(), Failure(stage=Stage.SADDLE, kind=error.kind, message=str(error)))
    for attempt in earlier:
        if attempt.transition_state is not None and _same_saddle(saddle, attempt.transition_state):
            calls, seconds = spent()
            return replace(attempt, start=start, gradient_calls=calls, seconds=seconds)
    judged = judge(
        saddle,
        ends,
        level,
        own,
        partial(_find, ends=ends, own=own, settings=settings),
        JudgeSettings(
            imaginary_threshold_cm1=settings.imaginary_threshold_cm1,
            further_checks=settings.further_checks,
            end_frequencies=settings.further_checks,
        ),
    )
    calls, seconds = spent()
    return Attempt(
        start=start,
        gradient_calls=calls,
        seconds=seconds,
        outcome=judged.outcome,
        failure=judged.failure,
        transition_state=judged.transition_state,
    )


def _guess(
    begin: Start, ends: EndPoints, level: LevelOfTheory, settings: SearchSettings, counter: GradientCounter
) -> Geometry:
    # A guess need not be of the level that it is for, and GFN2-xTB costs next to nothing beside all but tight binding.
    cheap = level.program not in TIGHT_BINDING_PROGRAMS
    own, spent = (resolve_level(CHEAP_LEVEL), GradientCounter()) if cheap else (level, counter)
    if begin.guess is None:
        if settings.neb_level is not None:
            own, spent = resolve_level(settings.neb_level), GradientCounter()
        return highest_image(ends, own, spent.child(settings.neb_gradient_calls), n_images=settings.n_images)
    if not begin.polished:
        return begin.guess
    broken, formed = changing_bonds(ends)
    return relax_around(begin.guess, (*broken, *formed), own, spent, settings.polish_steps)


def _find(
    guess: Geometry, level: LevelOfTheory, ends: EndPoints, own: GradientCounter, settings: SearchSettings
) -> SaddlePoint:
    if level.program in TIGHT_BINDING_PROGRAMS:
        return find_saddle(
            guess,
            level,
            own.child(settings.saddle_gradient_calls),
            direction=reaction_direction(guess.positions, ends),
            fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom,
        )
    # A gradient costs seconds or minutes here, a Hessian of GFN2-xTB next to nothing.
    hessian = hessian_of(guess, resolve_level(CHEAP_LEVEL), GradientCounter())
    return find_saddle(
        guess,
        level,
        own.child(settings.saddle_gradient_calls),
        hessian=hessian,
        fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom,
        coordinates=("cartesian",),
    )


def _same_saddle(saddle: SaddlePoint, known: TransitionState) -> bool:
    return (
        abs(saddle.energy_ev - known.energy_ev) < SAME_SADDLE_EV
        and rmsd(saddle.geometry.positions, known.geometry.positions) < SAME_SADDLE_ANGSTROM
    )
