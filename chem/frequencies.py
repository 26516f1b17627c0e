"""Harmonic frequencies from finite differences of gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units
from ase.data import atomic_masses_common
from numpy.typing import NDArray

from chem.errors import CalculationError
from chem.potential import GradientCounter, analytic_hessian, attach
from chem.types import Geometry, LevelOfTheory

HESSIAN_STEP_ANGSTROM = 0.005
PUSH_ANGSTROM = 0.15  # of the atom that moves most, off a stationary point of too high an order
LINEAR_TOLERANCE = 0.01  # rotation whose inertia is below this share (of square roots) of the largest does not count
# cm-1 in the square root of one eV/(Angstrom^2 amu)
CM1_PER_SQRT_EV_ANGSTROM2_AMU = units._hbar * np.sqrt(units._e / units._amu) * 1e10 / units._e / units.invcm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vibrations:
    """Harmonic vibrations of one structure.

    Attributes:
        frequencies_cm1: Ascending, shape (n_modes,), imaginary ones negative; 3N-6 modes, 3N-5 of linear molecules.
        modes: Cartesian displacement of each mode, shape (n_modes, n_atoms, 3), each of unit length.
        hessian: Second derivatives, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.
    """

    frequencies_cm1: NDArray[np.float64]
    modes: NDArray[np.float64]
    hessian: NDArray[np.float64]


def masses_amu(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Masses of the most common isotopes, shape (n_atoms,), amu."""
    masses: NDArray[np.float64] = np.asarray(atomic_masses_common[numbers], dtype=np.float64)
    return masses


def finite_difference_hessian(
    geometry: Geometry,
    level: LevelOfTheory,
    counter: GradientCounter,
    step_angstrom: float = HESSIAN_STEP_ANGSTROM,
) -> NDArray[np.float64]:
    """Second derivatives by central differences of gradients, 6 evaluations an atom.

    Args:
        geometry: Where.
        level: Level of theory.
        counter: Counts the evaluations.
        step_angstrom: Displacement to either side.

    Returns:
        Symmetric matrix, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.

    Raises:
        CalculationError: An evaluation failed or the budget does not cover the rest.
    """
    atoms = attach(geometry, level, counter)
    needed = 6 * geometry.n_atoms
    if counter.remaining < needed:
        raise CalculationError("budget", f"the Hessian needs {needed} gradient calls, {counter.remaining:.0f} are left")
    origin = geometry.positions.ravel()
    hessian = np.zeros((origin.size, origin.size))
    for index in range(origin.size):
        for sign in (1.0, -1.0):
            displaced = origin.copy()
            displaced[index] += sign * step_angstrom
            atoms.positions = displaced.reshape(-1, 3)
            hessian[index] -= sign * atoms.get_forces().ravel() / (2.0 * step_angstrom)
    symmetric: NDArray[np.float64] = 0.5 * (hessian + hessian.T)
    return symmetric


def hessian_of(
    geometry: Geometry, level: LevelOfTheory, counter: GradientCounter, energy_ev: float | None = None
) -> NDArray[np.float64]:
    """Second derivatives: the program's own where it has them, else from finite differences.

    Args:
        geometry: Where.
        level: Level of theory.
        counter: Counts the analytic Hessian, or the gradients.
        energy_ev: Energy that is known there; an analytic Hessian must be of the same electronic state.

    Returns:
        Symmetric matrix, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.

    Raises:
        CalculationError: An evaluation failed or the budget does not cover the gradients.
    """
    analytic = analytic_hessian(geometry, level, counter, energy_ev)
    return finite_difference_hessian(geometry, level, counter) if analytic is None else analytic


def rigid_motions(geometry: Geometry) -> NDArray[np.float64]:
    """Orthonormal mass-weighted translations and rotations, shape (3 n_atoms, 3, 5 or 6)."""
    masses = masses_amu(geometry.numbers)
    roots = np.sqrt(masses)[:, None]
    centered = geometry.positions - masses @ geometry.positions / masses.sum()
    translations = [(np.broadcast_to(axis, centered.shape) * roots).ravel() for axis in np.eye(3)]
    rotations = [(np.cross(axis, centered) * roots).ravel() for axis in np.eye(3)]
    # Translations and rotations about the centre of mass are orthogonal to each other when mass-weighted.
    basis = [vector / np.linalg.norm(vector) for vector in translations]
    left, sizes, _ = np.linalg.svd(np.array(rotations).T, full_matrices=False)
    if geometry.n_atoms > 1:
        basis += [left[:, k] for k in range(3) if sizes[k] > LINEAR_TOLERANCE * sizes[0]]
    return np.array(basis).T


def vibrations(geometry: Geometry, hessian: NDArray[np.float64]) -> Vibrations:
    """Normal modes with translations and rotations projected out (10.1021/ar50094a006, section on projection).

    Args:
        geometry: Structure of the Hessian, a stationary point for the result to mean anything.
        hessian: Shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.
    """
    roots = np.repeat(np.sqrt(masses_amu(geometry.numbers)), 3)
    weighted = hessian / np.outer(roots, roots)
    rigid = rigid_motions(geometry)
    # The vibrational space is the orthogonal complement of the rigid motions: the trailing columns of a full QR.
    complete, _ = np.linalg.qr(rigid, mode="complete")
    internal = complete[:, rigid.shape[1] :]  # (3 n_atoms, n_modes)
    curvatures, vectors = np.linalg.eigh(internal.T @ weighted @ internal)
    frequencies = np.sign(curvatures) * np.sqrt(np.abs(curvatures)) * CM1_PER_SQRT_EV_ANGSTROM2_AMU
    cartesian = (internal @ vectors).T / roots
    # An eigenvector's sign is arbitrary; the largest component positive makes two runs agree.
    largest = np.take_along_axis(cartesian, np.abs(cartesian).argmax(axis=1)[:, None], axis=1)
    lengths = np.linalg.norm(cartesian, axis=1, keepdims=True) * np.sign(largest)
    modes = (cartesian / lengths).reshape(len(frequencies), geometry.n_atoms, 3)
    return Vibrations(frequencies_cm1=frequencies, modes=modes, hessian=hessian)


def pushed_along(geometry: Geometry, mode: NDArray[np.float64]) -> Geometry:
    """A structure displaced along a mode of shape (n_atoms, 3) until its fastest atom has moved `PUSH_ANGSTROM`."""
    return geometry.with_positions(geometry.positions + PUSH_ANGSTROM * mode / np.linalg.norm(mode, axis=1).max())
