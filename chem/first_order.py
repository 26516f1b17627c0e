"""From a stationary point to a saddle of order one: its vibrations, and the way down along a second imaginary mode."""

from __future__ import annotations

from typing import Protocol

from chem.errors import CalculationError
from chem.frequencies import Vibrations, hessian_of, pushed_along, vibrations
from chem.potential import GradientCounter
from chem.saddle import SaddlePoint
from chem.search_checks import count_imaginary
from chem.types import Geometry, LevelOfTheory


class FindSaddle(Protocol):
    """A saddle search from a guess."""

    def __call__(self, guess: Geometry, level: LevelOfTheory) -> SaddlePoint:
        """Raises `CalculationError` where it fails."""
        ...


def first_order(
    saddle: SaddlePoint,
    level: LevelOfTheory,
    counter: GradientCounter,
    imaginary_threshold_cm1: float,
    find: FindSaddle,
) -> tuple[SaddlePoint, Vibrations]:
    """The saddle with its vibrations; one of higher order is pushed once along its second mode and searched again.

    A symmetric guess keeps its symmetry in every gradient: only the Hessian shows that the energy falls on leaving it.

    Args:
        saddle: A converged stationary point.
        level: Level of theory.
        counter: Counts gradients and Hessians.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.
        find: Search to repeat from the pushed geometry.

    Returns:
        The saddle of order one that was found, else the given one; its vibrations.

    Raises:
        CalculationError: The vibrations of the given one could not be computed.
        numpy.linalg.LinAlgError: Its Hessian could not be diagonalised.
    """
    analysis = vibrations(saddle.geometry, hessian_of(saddle.geometry, level, counter, saddle.energy_ev))
    if count_imaginary(analysis, imaginary_threshold_cm1) < 2:
        return saddle, analysis
    try:
        again = find(pushed_along(saddle.geometry, analysis.modes[1]), level)
        pushed = vibrations(again.geometry, hessian_of(again.geometry, level, counter, again.energy_ev))
    except CalculationError:
        return saddle, analysis
    if count_imaginary(pushed, imaginary_threshold_cm1) != 1:
        return saddle, analysis
    return again, pushed
