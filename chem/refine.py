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
from chem.potential import GradientCounter
from chem.saddle import SaddlePoint, find_saddle
from chem.search_checks import count_imaginary
from chem.types import Geometry, LevelOfTheory

CHEAP_LEVEL = "gfn2"
StartingHessian = Literal["none", "cheap", "level"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """What a refinement may spend and asks for.

    Attributes:
        budget_gradient_calls: Gradient calls of the whole refinement at its level.
        fmax_ev_per_angstrom: Largest force on an atom of a converged saddle point.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        starting_hessian: Which Hessian of the guess the search begins with: `none`, one of GFN2-xTB (`cheap`), or one
            of the level itself (`level`).
    """

    budget_gradient_calls: int = 500
    fmax_ev_per_angstrom: float = 0.01
    imaginary_threshold_cm1: float = 30.0
    starting_hessian: StartingHessian = "level"

    def __post_init__(self) -> None:
        """Numbers are positive and finite."""
        for name in ("budget_gradient_calls", "fmax_ev_per_angstrom"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if self.imaginary_threshold_cm1 < 0:
            raise ConfigurationError(
                f"imaginary_threshold_cm1 must not be negative, got {self.imaginary_threshold_cm1}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """What a refinement found.

    Attributes:
        level: Level of theory of everything here.
        saddle: The stationary point; None where none converged.
        vibrations: Its vibrations; None where they are not known.
        failure: Why it is no proved saddle of order one; None where it is.
        gradient_calls: Energy-and-gradient evaluations at the level.
        hessian_calls: Analytic Hessians at the level.
        cheap_gradient_calls: Evaluations at GFN2-xTB, for the starting Hessian.
        seconds: Wall time.
    """

    level: LevelOfTheory
    saddle: SaddlePoint | None
    vibrations: Vibrations | None
    failure: Failure | None
    gradient_calls: int
    hessian_calls: int
    cheap_gradient_calls: int
    seconds: float


def refine(guess: Geometry, level: LevelOfTheory, settings: RefineSettings | None = None) -> Refinement:
    """Search a saddle point from a guess and prove its order by its vibrations.

    Args:
        guess: Where to start.
        level: Level of theory.
        settings: Limits and thresholds.

    Raises:
        ElementError: An element is outside what the level supports.
        GeometryError: The guess is a single atom.
    """
    if guess.n_atoms == 1:
        raise GeometryError(f"{guess.formula} is a single atom, which has no saddle point; give a molecule")
    settings = RefineSettings() if settings is None else settings
    counter, cheap = GradientCounter(budget=settings.budget_gradient_calls), GradientCounter()
    begun = time.perf_counter()

    def result(
        saddle: SaddlePoint | None = None, analysis: Vibrations | None = None, failure: Failure | None = None
    ) -> Refinement:
        return Refinement(
            level=level,
            saddle=saddle,
            vibrations=analysis,
            failure=failure,
            gradient_calls=counter.calls,
            hessian_calls=counter.hessians,
            cheap_gradient_calls=cheap.calls,
            seconds=time.perf_counter() - begun,
        )

    find = partial(find_saddle, counter=counter, fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom)
    try:
        hessian = starting_hessian(guess, level, settings.starting_hessian, counter, cheap)
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


def starting_hessian(
    guess: Geometry, level: LevelOfTheory, kind: StartingHessian, counter: GradientCounter, cheap: GradientCounter
) -> NDArray[np.float64] | None:
    """The Hessian that a search begins with, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2; None for none.

    Args:
        guess: Where the search begins.
        level: Level of the search.
        kind: Which one.
        counter: Counts what is computed at the level.
        cheap: Counts what is computed at GFN2-xTB.

    Raises:
        CalculationError: It could not be computed.
    """
    if kind == "none":
        return None
    if kind == "level":
        return hessian_of(guess, level, counter)
    return hessian_of(guess, resolve_level(CHEAP_LEVEL), cheap)
