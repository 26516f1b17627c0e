"""A guess relaxed around its reacting bonds, as a further start for the saddle search."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ase.constraints import FixInternals
from ase.optimize import LBFGS

from chem.errors import CalculationError, InputError
from chem.potential import GradientCounter, attach
from chem.saddle import NUMERICAL_ERRORS
from chem.types import Geometry, LevelOfTheory, Pair

FMAX_EV_PER_ANGSTROM = 0.1
MAX_STEP_ANGSTROM = 0.1
HELD_WITHIN_ANGSTROM = 1e-4


def relax_around(
    guess: Geometry, held: Sequence[Pair], level: LevelOfTheory, counter: GradientCounter, max_steps: int
) -> Geometry:
    """Relax everything but some distances, which keep their values.

    Args:
        guess: Where to start.
        held: Pairs whose distances are held, the bonds that break or form.
        level: Level of theory.
        counter: Counts every gradient.
        max_steps: Steps after which to take what there is; convergence is not needed of a start.

    Raises:
        CalculationError: A gradient failed, the budget is spent, or the distances could not be held.
    """
    atoms = attach(guess, level, counter)
    bonds = [[float(atoms.get_distance(i, j)), [i, j]] for i, j in held]
    atoms.set_constraint(FixInternals(bonds=bonds, epsilon=HELD_WITHIN_ANGSTROM))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LBFGS(atoms, logfile=None, maxstep=MAX_STEP_ANGSTROM).run(fmax=FMAX_EV_PER_ANGSTROM, steps=max_steps)
    except InputError:
        raise
    except NUMERICAL_ERRORS as error:
        raise CalculationError("constraint", f"the reacting distances could not be held: {error}") from error
    return guess.with_positions(atoms.positions)
