"""Search for a first-order saddle point from a guess, with Sella.

Sella (10.1021/acs.jctc.2c00395) steps by partitioned rational-function optimisation in redundant internal coordinates,
with the lowest Hessian mode kept right by an iterative eigensolver. Its settings below were chosen by counting gradient
calls and time over generated guesses of RDB7 reactions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from chem.errors import CalculationError, InputError
from chem.potential import GradientCounter, attach
from chem.restart import Restart
from chem.types import Geometry, LevelOfTheory

FMAX_EV_PER_ANGSTROM = 0.02
EIGENSOLVER_RESIDUAL = 0.4  # Sella's gamma; 0.1 spends a fifth more gradient calls from rough guesses
# What Sella, jax, scipy and numpy throw when coordinates degenerate or a decomposition fails. LinAlgError and jax's
# runtime errors derive from these. TypeError, AttributeError and KeyError mean a bug and pass.
NUMERICAL_ERRORS = (RuntimeError, ValueError, ArithmeticError, IndexError, AssertionError)

FEWEST_WITH_INTERNAL = 2  # atoms; internal coordinates of two are not worth the name

FloatArray = NDArray[np.float64]
Coordinates = Literal["internal", "cartesian"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaddlePoint:
    """A converged stationary point that is meant to be a saddle of order one.

    Attributes:
        geometry: Its structure.
        energy_ev: Its electronic energy.
        coordinates: `internal` or `cartesian`, whichever the search converged in.
        note: Why internal coordinates were given up; empty when they were not.
    """

    geometry: Geometry
    energy_ev: float
    coordinates: Coordinates
    note: str = ""


def find_saddle(
    guess: Geometry,
    level: LevelOfTheory,
    counter: GradientCounter,
    *,
    direction: FloatArray | None = None,
    hessian: FloatArray | None = None,
    fmax_ev_per_angstrom: float = FMAX_EV_PER_ANGSTROM,
    max_steps: int = 500,
    coordinates: Sequence[Coordinates] = ("internal", "cartesian"),
    restart: Restart | None = None,
) -> SaddlePoint:
    """Walk uphill along one mode and downhill along all others until the forces vanish.

    Internal coordinates first; where they break down (near-linear angles, atoms on top of each other), Cartesian ones
    from the same guess.

    Args:
        guess: Where to start.
        level: Level of theory.
        counter: Counts every gradient; its budget is what limits the search.
        direction: How the atoms move in the reaction, shape (n_atoms, 3), any length: from
            `chem.reaction_direction`. None leaves the search for the mode to the gradient, which takes more calls.
        hessian: Second derivatives at the guess, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2, of this level or a
            cheaper one; the search then begins along their lowest mode without looking for one.
        fmax_ev_per_angstrom: Largest force on an atom at which to stop.
        max_steps: Steps after which to give up.
        coordinates: Coordinates to search in, each tried where those before it broke down.
        restart: Keeps the geometry of every step.

    Raises:
        CalculationError: The search did not converge, a gradient failed, or the budget is spent.
    """
    note = ""
    ways = [way for way in coordinates if way == "cartesian" or guess.n_atoms > FEWEST_WITH_INTERNAL] or ["cartesian"]
    for way in ways:
        try:
            return _search(
                guess, level, counter, fmax_ev_per_angstrom, max_steps, direction, hessian, way, note, restart
            )
        except InputError:  # a ValueError too, but the caller's
            raise
        except NUMERICAL_ERRORS as error:
            note = f"{type(error).__name__}: {error}"[:300]
    raise CalculationError("numerical", f"the optimiser broke down ({note})")


def saddle_optimiser(
    atoms: Atoms,
    direction: FloatArray | None,
    *,
    internal: bool,
    hessian: FloatArray | None = None,
    eigensolver_vectors: int | None = None,
) -> Any:
    """Sella on atoms with a calculator, as every search here runs it; an ASE optimiser.

    Args:
        atoms: Where to start; moved in place.
        direction: Where the eigensolver starts, shape (n_atoms, 3); None takes the gradient.
        internal: Whether it walks in internal coordinates.
        hessian: Second derivatives to start with, as in `find_saddle`.
        eigensolver_vectors: Most vectors, and so gradient calls, of one diagonalisation; None goes on until it
            converges. Few of them are the fastest way down, but may lead to another saddle point.
    """
    from sella import Sella  # noqa: PLC0415 - brings jax, which takes two seconds

    walk = Sella(
        atoms,
        order=1,
        internal=internal,
        allow_fragments=internal,
        exact_geodesic=False,  # the exact one costs a third more time for the same steps
        gamma=EIGENSOLVER_RESIDUAL,
        logfile=None,
    )
    if direction is not None:
        # Sella takes a starting vector in its own reduced coordinates only, which exist once it does.
        walk.pes.v0 = reduced_direction(walk, direction)
    if hessian is not None:
        # Sella asks a function for Hessians again and again, or for none; this one is for the start alone.
        wanted = walk.pes._convert_cartesian_hessian_to_internal(hessian) if internal else hessian
        walk.pes.get_g()
        walk.pes.set_H(wanted, initialized=True)
        walk.initialized = True
    if eigensolver_vectors is not None:
        walk.diagkwargs["maxiter"] = eigensolver_vectors
    return walk


def reduced_direction(walk: Any, direction: FloatArray) -> FloatArray:
    """A Cartesian displacement in the coordinates in which a Sella walk diagonalises, of unit length, shape (n,)."""
    moved = direction.ravel()
    if walk.pes.int is not None:
        jacobian = walk.pes.int.jacobian()
        moved = jacobian @ np.pad(moved, (0, jacobian.shape[1] - moved.size))  # dummy atoms stay
    reduced: FloatArray = walk.pes.get_Ufree().T @ moved
    return reduced / np.linalg.norm(reduced)


def _search(
    guess: Geometry,
    level: LevelOfTheory,
    counter: GradientCounter,
    fmax: float,
    max_steps: int,
    direction: FloatArray | None,
    hessian: FloatArray | None,
    coordinates: Coordinates,
    note: str,
    restart: Restart | None,
) -> SaddlePoint:
    atoms = attach(guess, level, counter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sella warns of every coordinate that it replaces
        walk = saddle_optimiser(atoms, direction, internal=coordinates == "internal", hessian=hessian)
        if restart is not None:
            walk.attach(lambda: restart.keep(guess, atoms.positions[: guess.n_atoms]))
        converged = bool(walk.run(fmax=fmax, steps=max_steps))
    if not converged:
        largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        raise CalculationError(
            "not_converged",
            f"no saddle within {max_steps} steps in {coordinates} coordinates; the largest force is {largest:.3f}"
            f" eV/Angstrom, {fmax} was asked for",
        )
    return SaddlePoint(
        geometry=guess.with_positions(atoms.positions),
        energy_ev=float(atoms.get_potential_energy()),
        coordinates=coordinates,
        note=note,
    )
