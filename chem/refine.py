"""A saddle point of order one from a guess, at any level: no reaction is asked for, so none is checked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chem.errors import CalculationError, ConfigurationError, GeometryError
from chem.first_order import first_order
from chem.frequencies import Vibrations, hessian_of
from chem.levels import resolve_level
from chem.outcomes import Failure, Stage
from chem.potential import GradientCounter, check_elements
from chem.restart import Restart
from chem.saddle import Coordinates, SaddlePoint, find_saddle
from chem.search_checks import count_imaginary
from chem.types import Geometry, LevelOfTheory

CHEAP_LEVEL = "gfn2"
StartingHessian = Literal["none", "cheap", "level"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to search a saddle point from a guess.

    Attributes:
        hessian: Which Hessian of the guess it begins with: `none`, one of GFN2-xTB (`cheap`), or one of the level
            itself (`level`).
        coordinates: What it walks in.
    """

    hessian: StartingHessian
    coordinates: Coordinates

    def __str__(self) -> str:
        """As it is recorded."""
        named = {"none": "no Hessian", "cheap": "GFN2-xTB Hessian", "level": "own Hessian"}
        return f"{named[self.hessian]}, {self.coordinates} coordinates"


def ways_from(first: StartingHessian) -> tuple[Way, ...]:
    """Ways to a saddle point, tried in this order until one is proved.

    With a Hessian, Cartesian coordinates are at least as good as internal ones, which lose it where they are badly
    conditioned; without one, internal coordinates are the better ones. A Hessian of the guess may also lead astray, so
    that searches without it come last.
    """
    begin: dict[StartingHessian, tuple[StartingHessian, ...]] = {
        "none": (),
        "cheap": ("cheap", "level"),
        "level": ("level",),
    }
    with_hessian = [Way(hessian=hessian, coordinates="cartesian") for hessian in begin[first]]
    internal = [Way(hessian=first, coordinates="internal")] if first == "level" else []
    without = [Way(hessian="none", coordinates="internal"), Way(hessian="none", coordinates="cartesian")]
    return (*with_hessian, *internal, *without)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """What a refinement may spend and asks for.

    Attributes:
        budget_gradient_calls: Gradient calls of the whole refinement at its level.
        attempt_gradient_calls: Gradient calls of one way; where it fails, the next is tried.
        fmax_ev_per_angstrom: Largest force on an atom of a converged saddle point.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        starting_hessian: Which Hessian of the guess the first way begins with, as in `Way`.
    """

    budget_gradient_calls: int = 500
    attempt_gradient_calls: int = 150
    fmax_ev_per_angstrom: float = 0.01
    imaginary_threshold_cm1: float = 30.0
    starting_hessian: StartingHessian = "level"

    def __post_init__(self) -> None:
        """Numbers are positive and finite."""
        for name in ("budget_gradient_calls", "attempt_gradient_calls", "fmax_ev_per_angstrom"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if self.imaginary_threshold_cm1 < 0:
            raise ConfigurationError(
                f"imaginary_threshold_cm1 must not be negative, got {self.imaginary_threshold_cm1}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefineAttempt:
    """What became of one way.

    Attributes:
        way: The way.
        saddle: The stationary point; None where none converged.
        vibrations: Its vibrations; None where they are not known.
        failure: Why it is no proved saddle of order one; None where it is.
        gradient_calls: Energy-and-gradient evaluations at the level.
    """

    way: Way
    saddle: SaddlePoint | None
    vibrations: Vibrations | None
    failure: Failure | None
    gradient_calls: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """What a refinement found.

    Attributes:
        level: Level of theory of everything here.
        attempts: Every way that was tried, in order; at least one.
        gradient_calls: Energy-and-gradient evaluations at the level.
        hessian_calls: Analytic Hessians at the level.
        cheap_gradient_calls: Evaluations at GFN2-xTB, for the starting Hessian.
        seconds: Wall time.
    """

    level: LevelOfTheory
    attempts: tuple[RefineAttempt, ...]
    gradient_calls: int
    hessian_calls: int
    cheap_gradient_calls: int
    seconds: float

    @property
    def best(self) -> RefineAttempt:
        """The proved one, else the first that converged to anything, else the last."""
        proved = [attempt for attempt in self.attempts if attempt.failure is None]
        converged = [attempt for attempt in self.attempts if attempt.saddle is not None]
        return (*proved, *converged, self.attempts[-1])[0]

    @property
    def saddle(self) -> SaddlePoint | None:
        """Stationary point of the best attempt."""
        return self.best.saddle

    @property
    def vibrations(self) -> Vibrations | None:
        """Its vibrations."""
        return self.best.vibrations

    @property
    def failure(self) -> Failure | None:
        """Why there is no proved saddle of order one; None where there is."""
        return self.best.failure


def refine(
    guess: Geometry,
    level: LevelOfTheory,
    settings: RefineSettings | None = None,
    restart: Restart | None = None,
) -> Refinement:
    """Search a saddle point from a guess and prove its order by its vibrations, in several ways until one is proved.

    Args:
        guess: Where to start.
        level: Level of theory.
        settings: Limits and thresholds.
        restart: Where the last geometry is kept; one that is there replaces the guess.

    Raises:
        ElementError: An element is outside what the level supports.
        GeometryError: The guess is a single atom.
    """
    if guess.n_atoms == 1:
        raise GeometryError(f"{guess.formula} is a single atom, which has no saddle point; give a molecule")
    settings = RefineSettings() if settings is None else settings
    check_elements(guess, level)
    guess = guess if restart is None else restart.geometry_or(guess)
    counter, cheap = GradientCounter(budget=settings.budget_gradient_calls), GradientCounter()
    begun = time.perf_counter()
    hessians = StartingHessians(guess, level, counter, cheap)
    attempts: list[RefineAttempt] = []
    for way in ways_from(settings.starting_hessian):
        if attempts and counter.remaining < 1:
            break
        attempts.append(_attempt(guess, level, way, hessians, counter, settings, restart))
        if attempts[-1].failure is None:
            break
    return Refinement(
        level=level,
        attempts=tuple(attempts),
        gradient_calls=counter.calls,
        hessian_calls=counter.hessians,
        cheap_gradient_calls=cheap.calls,
        seconds=time.perf_counter() - begun,
    )


def _attempt(
    guess: Geometry,
    level: LevelOfTheory,
    way: Way,
    hessians: StartingHessians,
    counter: GradientCounter,
    settings: RefineSettings,
    restart: Restart | None,
) -> RefineAttempt:
    before = counter.calls

    def result(
        saddle: SaddlePoint | None = None, analysis: Vibrations | None = None, failure: Failure | None = None
    ) -> RefineAttempt:
        spent = counter.calls - before
        return RefineAttempt(way=way, saddle=saddle, vibrations=analysis, failure=failure, gradient_calls=spent)

    try:
        hessian = hessians.of(way.hessian)
        find = partial(
            find_saddle,
            counter=counter.child(settings.attempt_gradient_calls),
            fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom,
            coordinates=(way.coordinates,),
            restart=restart,
        )
        saddle = find(guess, level, hessian=hessian)
    except CalculationError as error:
        return result(failure=Failure(stage=Stage.SADDLE, kind=error.kind, message=str(error)))
    try:
        saddle, analysis = first_order(saddle, level, counter, settings.imaginary_threshold_cm1, find)
    except CalculationError as error:
        return result(saddle, failure=Failure(stage=Stage.FREQUENCIES, kind=error.kind, message=str(error)))
    except np.linalg.LinAlgError as error:
        message = f"the Hessian could not be diagonalised: {error}"
        return result(saddle, failure=Failure(stage=Stage.FREQUENCIES, kind="numerical", message=message))
    number = count_imaginary(analysis, settings.imaginary_threshold_cm1)
    if number == 1:
        return result(saddle, analysis)
    message = f"{number} imaginary modes, one was wanted; start from another guess"
    return result(saddle, analysis, Failure(stage=Stage.FREQUENCIES, kind="wrong_saddle_order", message=message))


class StartingHessians:
    """The Hessians of a guess that searches begin with, each computed once."""

    def __init__(self, guess: Geometry, level: LevelOfTheory, counter: GradientCounter, cheap: GradientCounter) -> None:
        """Counts what is computed at the level in `counter`, what at GFN2-xTB in `cheap`."""
        self._guess, self._level, self._counter, self._cheap = guess, level, counter, cheap
        self._known: dict[StartingHessian, NDArray[np.float64] | None] = {"none": None}

    def of(self, kind: StartingHessian) -> NDArray[np.float64] | None:
        """Second derivatives, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2; None for `none`.

        Raises:
            CalculationError: It could not be computed.
        """
        if kind not in self._known:
            level, counter = (self._level, self._counter)
            if kind == "cheap":
                level, counter = resolve_level(CHEAP_LEVEL), self._cheap
            self._known[kind] = hessian_of(self._guess, level, counter)
        return self._known[kind]
