"""A candidate walked a little way to its saddle point before its energy is believed.

Most of the energy error of a generated transition state is gone after a few steps. Measured on RDB7's validation split
(`benchmarks/polish.py`), steps of a saddle search leave less of it after 15 gradient calls than any relaxation that
holds the reacting distances: that one keeps what error these distances have. And how the walk went tells more of the
error that is left than the candidate itself does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from chem.alignment import rmsd
from chem.errors import BudgetExhaustedError, CalculationError, ConfigurationError, InputError
from chem.generator import EndPoints
from chem.outcomes import Walk
from chem.potential import GradientCounter, attach
from chem.reaction_direction import FloatArray, reaction_direction
from chem.saddle import FMAX_EV_PER_ANGSTROM, NUMERICAL_ERRORS, reduced_direction, saddle_optimiser
from chem.ts_errors import core_atoms, core_rmsd
from chem.types import Geometry, LevelOfTheory

GRADIENT_CALLS = 15  # by default: more of them gain little
EIGENSOLVER_VECTORS = 2  # from the direction of the reaction that is enough to know which way is up


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polished:
    """Where a polish ended.

    Attributes:
        geometry: The polished candidate.
        energy_ev: Its electronic energy.
        walk: How it got there; None where no polish was asked for.
    """

    geometry: Geometry
    energy_ev: float
    walk: Walk | None


def polish(
    candidate: Geometry,
    ends: EndPoints,
    level: LevelOfTheory,
    counter: GradientCounter,
    max_calls: int = GRADIENT_CALLS,
) -> Polished:
    """Walk toward the saddle point, by at most so many gradient calls.

    Args:
        candidate: A guessed transition state, atoms in the order of the ends.
        ends: Reactant and product; they say which mode is to be climbed.
        level: Level of theory.
        counter: Counts every gradient.
        max_calls: Gradient calls after which to take what there is; 0 takes the energy of the candidate as it is, with
            one call.

    Raises:
        CalculationError: A gradient failed, the optimiser broke down, or the budget of `counter` is spent.
        ConfigurationError: `max_calls` is negative.
    """
    if max_calls < 0:
        raise ConfigurationError(f"the polish takes 0 gradient calls or more, got {max_calls}")
    if max_calls == 0:
        energy = float(attach(candidate, level, counter).get_potential_energy())
        return Polished(geometry=candidate, energy_ev=energy, walk=None)
    limited = counter.child(budget=max_calls)
    atoms = attach(candidate, level, limited)
    direction = reaction_direction(candidate.positions, ends)
    points: list[_Point] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Sella warns of every coordinate that it replaces
            walk = saddle_optimiser(
                atoms,
                direction,
                internal=candidate.n_atoms > 2,
                eigensolver_vectors=None if direction is None else EIGENSOLVER_VECTORS,
            )
            # While the lowest mode is looked for the atoms stand displaced: only whole steps count.
            for _ in walk.irun(fmax=FMAX_EV_PER_ANGSTROM, steps=max_calls):
                points.append(_point(atoms, walk, direction))  # noqa: PERF401 - these survive the end of the budget
    except BudgetExhaustedError:
        if limited.calls < max_calls:  # not ours, but that of the whole calculation
            raise
    except InputError:
        raise
    except NUMERICAL_ERRORS as error:
        raise CalculationError("numerical", f"the polish broke down ({type(error).__name__}: {error})") from error
    first, last = points[0], points[-1]
    core = core_atoms(ends) or range(candidate.n_atoms)
    return Polished(
        geometry=candidate.with_positions(last.positions),
        energy_ev=last.energy_ev,
        walk=Walk(
            gradient_calls=limited.calls,
            energy_change_ev=last.energy_ev - first.energy_ev,
            largest_force_ev_per_angstrom=last.largest_force,
            lowest_curvature=last.curvature,
            mode_overlap=last.overlap,
            moved_angstrom=rmsd(last.positions, first.positions),
            core_moved_angstrom=core_rmsd(last.positions, first.positions, core),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    """Where a walk stands after a whole step; the fields are those of `Walk` and `Polished`."""

    positions: FloatArray
    energy_ev: float
    largest_force: float
    curvature: float
    overlap: float


def _point(atoms: Atoms, walk: Any, direction: FloatArray | None) -> _Point:
    hessian = walk.pes.get_HL_projected(walk.pes.get_Ufree())
    lowest = int(np.argmin(hessian.evals))
    overlap = 0.0 if direction is None else abs(float(hessian.evecs[:, lowest] @ reduced_direction(walk, direction)))
    return _Point(
        positions=atoms.positions.copy(),
        energy_ev=float(atoms.get_potential_energy()),
        largest_force=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        curvature=float(hessian.evals[lowest]),
        overlap=overlap,
    )
