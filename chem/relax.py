"""Relaxation of a structure to its local minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.optimize import BFGS
from numpy.typing import NDArray

from chem.potential import GradientCounter, attach
from chem.types import Geometry, LevelOfTheory

FMAX_EV_PER_ANGSTROM = 0.02
MAX_STEP_ANGSTROM = 0.1  # larger first steps jump over low barriers into the next basin
START_CURVATURE_EV_PER_ANGSTROM2 = 70.0
LOWEST_CURVATURE_EV_PER_ANGSTROM2 = 2.0  # of a Hessian to start from; lower ones make the first steps wild


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxation:
    """What a relaxation ended in.

    Attributes:
        geometry: Last structure.
        energy_ev: Its electronic energy.
        converged: Whether the largest force fell below the threshold within the steps.
    """

    geometry: Geometry
    energy_ev: float
    converged: bool


def relax(
    geometry: Geometry,
    level: LevelOfTheory,
    counter: GradientCounter,
    *,
    fmax_ev_per_angstrom: float = FMAX_EV_PER_ANGSTROM,
    max_steps: int = 500,
    max_step_angstrom: float = MAX_STEP_ANGSTROM,
    hessian: NDArray[np.float64] | None = None,
) -> Relaxation:
    """Relax all atoms by BFGS in Cartesian coordinates.

    Args:
        geometry: Where to start.
        level: Level of theory.
        counter: Counts every gradient.
        fmax_ev_per_angstrom: Largest force on an atom at which to stop.
        max_steps: Steps after which to give up.
        max_step_angstrom: Largest displacement of an atom in one step.
        hessian: Second derivatives to start from, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2; they need not be
            positive definite.

    Raises:
        CalculationError: A gradient failed or the budget is spent.
    """
    atoms = attach(geometry, level, counter)
    optimiser = BFGS(atoms, logfile=None, maxstep=max_step_angstrom, alpha=START_CURVATURE_EV_PER_ANGSTROM2)
    if hessian is not None:
        # A start that is not positive definite stalls BFGS, whose update keeps the sign of each curvature.
        curvatures, vectors = np.linalg.eigh(hessian)
        optimiser.H0 = (vectors * np.maximum(np.abs(curvatures), LOWEST_CURVATURE_EV_PER_ANGSTROM2)) @ vectors.T
    converged = bool(optimiser.run(fmax=fmax_ev_per_angstrom, steps=max_steps))
    return Relaxation(
        geometry=geometry.with_positions(atoms.positions),
        energy_ev=float(atoms.get_potential_energy()),
        converged=converged,
    )
