"""Intrinsic reaction coordinate: the steepest-descent path from a saddle point, in mass-weighted coordinates.

The path is integrated by the local quadratic approximation (Page and McIver, 10.1063/1.454172): within each step the
surface is its second-order expansion, whose steepest-descent line is known in closed form. The Hessian of the saddle
point is already paid for by its frequencies; along the path it is updated from gradients by Bofill's formula
(10.1002/jcc.540150102), as in Hratchian and Schlegel (10.1063/1.1724823).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from chem.frequencies import masses_amu
from chem.potential import GradientCounter, attach
from chem.relax import Relaxation, relax
from chem.types import Geometry, LevelOfTheory

FIRST_DROP_EV = 0.01  # how far below the saddle the first displacement aims
STEP_RANGE = (0.02, 0.4)  # length of one step, Angstrom amu^1/2
START_STEP = 0.15
FMAX_EV_PER_ANGSTROM = 0.05  # where the path hands over to the relaxation
MAX_POINTS = 80
TRUSTED_ERROR, REJECTED_ERROR = 0.15, 0.5  # of the predicted energy drop
RELAX_STEP_ANGSTROM = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """One side of the path.

    Attributes:
        end: Relaxed structure that this side leads to.
        energies_ev: Along the path, saddle point first.
        length: Arc length, Angstrom amu^1/2.
        reached_basin: Whether the path itself came down to small forces before the relaxation took over.
    """

    end: Relaxation
    energies_ev: tuple[float, ...]
    length: float
    reached_basin: bool


def follow_irc(
    saddle: Geometry,
    energy_ev: float,
    hessian: NDArray[np.float64],
    mode: NDArray[np.float64],
    level: LevelOfTheory,
    counter: GradientCounter,
) -> tuple[Branch, Branch]:
    """Follow the path to both sides and relax each end to its minimum.

    Args:
        saddle: Converged saddle point.
        energy_ev: Its electronic energy.
        hessian: Second derivatives there, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.
        mode: Cartesian displacement of the imaginary mode, shape (n_atoms, 3).
        level: Level of theory.
        counter: Counts every gradient.

    Returns:
        The branch along +mode and the one along -mode.

    Raises:
        CalculationError: A gradient failed or the budget is spent.
    """
    first = _descend(saddle, energy_ev, hessian, mode, level, counter)
    second = _descend(saddle, energy_ev, hessian, -mode, level, counter)
    return first, second


def quadratic_descent(
    gradient: NDArray[np.float64], curvatures: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    """Steepest-descent displacement on a quadratic surface, in the eigenvectors of its Hessian.

    Solves dx/dt = -(g + H x) from x(0) = 0: x_k(t) = -g_k (1 - exp(-h_k t)) / h_k, up to the t at which the
    displacement is `length` long, or to the minimum where that is nearer.

    Args:
        gradient: Components along the eigenvectors, shape (n,), eV/(Angstrom amu^1/2).
        curvatures: Eigenvalues, shape (n,), eV/(Angstrom^2 amu).
        length: Wanted displacement, Angstrom amu^1/2.
    """
    safe = np.where(np.abs(curvatures) < 1e-8, 1e-8, curvatures)

    def displacement(log_time: float) -> NDArray[np.float64]:
        exponent = np.clip(-safe * np.exp(log_time), -300.0, 300.0)  # keeps squares finite
        moved: NDArray[np.float64] = gradient * np.expm1(exponent) / safe
        return moved

    def excess(log_time: float) -> float:
        return float(np.linalg.norm(displacement(log_time))) - length

    low, high = -25.0, 25.0
    if excess(high) <= 0.0:
        return displacement(high)
    return displacement(float(brentq(excess, low, high, xtol=1e-6)))


def bofill_update(
    hessian: NDArray[np.float64], step: NDArray[np.float64], change: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Hessian after a step: symmetric rank one and Powell mixed by Bofill's weight (10.1002/jcc.540150102).

    Args:
        hessian: Before, shape (n, n).
        step: Displacement, shape (n,).
        change: Change of the gradient over it, shape (n,).
    """
    residual = change - hessian @ step
    square, overlap, error = step @ step, step @ residual, residual @ residual
    if square < 1e-12 or error < 1e-16:
        return hessian
    weight = overlap**2 / (square * error)
    rank_one = np.outer(residual, residual) / overlap if abs(overlap) > 1e-10 else np.zeros_like(hessian)
    powell = (np.outer(residual, step) + np.outer(step, residual)) / square - overlap * np.outer(step, step) / square**2
    updated: NDArray[np.float64] = hessian + weight * rank_one + (1.0 - weight) * powell
    return updated


def _descend(
    saddle: Geometry,
    energy_ev: float,
    hessian: NDArray[np.float64],
    mode: NDArray[np.float64],
    level: LevelOfTheory,
    counter: GradientCounter,
) -> Branch:
    atoms = attach(saddle, level, counter)
    roots = np.repeat(np.sqrt(masses_amu(saddle.numbers)), 3)
    weighted = hessian / np.outer(roots, roots)
    origin = saddle.positions.ravel() * roots

    def evaluate(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        atoms.positions = (point / roots).reshape(-1, 3)
        forces = atoms.get_forces().ravel()
        return float(atoms.get_potential_energy()), -forces / roots

    direction = mode.ravel() * roots
    direction /= np.linalg.norm(direction)
    curvature = float(direction @ weighted @ direction)
    step = float(np.clip(np.sqrt(2.0 * FIRST_DROP_EV / max(-curvature, 1e-6)), *STEP_RANGE))
    point = origin + step * direction
    energy, gradient = evaluate(point)
    weighted = bofill_update(weighted, step * direction, gradient)
    energies, length, reached = [energy_ev, energy], step, False
    step = START_STEP
    for _ in range(MAX_POINTS):
        largest = float(np.linalg.norm((gradient * roots).reshape(-1, 3), axis=1).max())
        # Near the saddle the forces are small as well: the path must have left it before it can have arrived.
        if largest < FMAX_EV_PER_ANGSTROM and energy_ev - energy > 2.0 * FIRST_DROP_EV:
            reached = True
            break
        curvatures, vectors = np.linalg.eigh(weighted)
        moved = vectors @ quadratic_descent(vectors.T @ gradient, curvatures, step)
        predicted = float(gradient @ moved + 0.5 * moved @ weighted @ moved)
        new_energy, new_gradient = evaluate(point + moved)
        weighted = bofill_update(weighted, moved, new_gradient - gradient)
        error = abs(new_energy - energy - predicted) / max(abs(predicted), 1e-6)
        if (new_energy > energy or error > REJECTED_ERROR) and step > STEP_RANGE[0]:
            step = max(step / 2.0, STEP_RANGE[0])
            continue
        point, energy, gradient = point + moved, new_energy, new_gradient
        energies.append(energy)
        length += float(np.linalg.norm(moved))
        step = float(np.clip(step * (1.4 if error < TRUSTED_ERROR else 0.7), *STEP_RANGE))
    end = relax(
        saddle.with_positions((point / roots).reshape(-1, 3)),
        level,
        counter,
        max_step_angstrom=RELAX_STEP_ANGSTROM,
        hessian=weighted * np.outer(roots, roots),
    )
    return Branch(end=end, energies_ev=tuple(energies), length=length, reached_basin=reached)
