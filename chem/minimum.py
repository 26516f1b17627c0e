"""A minimum from a guess, proved by its vibrations."""

from __future__ import annotations

from dataclasses import dataclass

from chem.errors import CalculationError
from chem.frequencies import Vibrations, hessian_of, pushed_along, vibrations
from chem.potential import GradientCounter
from chem.relax import Relaxation, relax
from chem.search_checks import count_imaginary
from chem.types import Geometry, LevelOfTheory

FMAX_EV_PER_ANGSTROM = 0.01
MOST_PUSHES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """A structure without imaginary modes.

    Attributes:
        geometry: Its structure.
        energy_ev: Its electronic energy.
        vibrations: Its vibrations.
    """

    geometry: Geometry
    energy_ev: float
    vibrations: Vibrations


def find_minimum(
    guess: Geometry, level: LevelOfTheory, counter: GradientCounter, imaginary_threshold_cm1: float = 30.0
) -> Minimum:
    """Relax a guess; where it ends on a saddle point, leave it along the imaginary mode and relax again.

    Args:
        guess: Where to start.
        level: Level of theory.
        counter: Counts gradients and Hessians; its budget limits both relaxations.
        imaginary_threshold_cm1: Imaginary modes above minus this count as numerical noise.

    Raises:
        CalculationError: A relaxation did not converge, an evaluation failed, or imaginary modes are left.
    """
    start = guess
    for _ in range(1 + MOST_PUSHES):
        relaxed = _relaxed(start, level, counter)
        hessian = hessian_of(relaxed.geometry, level, counter, relaxed.energy_ev)
        analysis = vibrations(relaxed.geometry, hessian)
        if count_imaginary(analysis, imaginary_threshold_cm1) == 0:
            return Minimum(geometry=relaxed.geometry, energy_ev=relaxed.energy_ev, vibrations=analysis)
        start = pushed_along(relaxed.geometry, analysis.modes[0])
    lowest = float(analysis.frequencies_cm1[0])
    raise CalculationError(
        "wrong_order",
        f"after {MOST_PUSHES} pushes along its imaginary mode the structure still has one of {lowest:.0f} cm-1;"
        " start from another guess",
    )


def _relaxed(start: Geometry, level: LevelOfTheory, counter: GradientCounter) -> Relaxation:
    if start.n_atoms == 1:
        return relax(start, level, counter)
    relaxed = relax(start, level, counter, fmax_ev_per_angstrom=FMAX_EV_PER_ANGSTROM)
    if not relaxed.converged:
        raise CalculationError("not_converged", "the relaxation did not converge; start from another guess")
    return relaxed
