"""A candidate walked a little way to its saddle point before its energy is believed.

Most of the energy error of a generated transition state is gone after a few steps. Measured on RDB7's validation split
(`benchmarks/polish.py`), steps of a saddle search leave less of it after 15 gradient calls than any relaxation that
holds the reacting distances: that one keeps what error these distances have.
"""

from __future__ import annotations

import warnings

from chem.errors import BudgetExhaustedError, CalculationError, ConfigurationError, InputError
from chem.potential import GradientCounter, attach
from chem.saddle import FMAX_EV_PER_ANGSTROM, NUMERICAL_ERRORS, saddle_optimiser
from chem.types import Geometry, LevelOfTheory

GRADIENT_CALLS = 15  # by default: more of them gain little


def polish(
    candidate: Geometry, level: LevelOfTheory, counter: GradientCounter, max_calls: int = GRADIENT_CALLS
) -> Geometry:
    """Walk toward the saddle point, by at most so many gradient calls.

    Args:
        candidate: A guessed transition state.
        level: Level of theory.
        counter: Counts every gradient.
        max_calls: Gradient calls after which to take what there is; 0 gives the candidate back as it is.

    Raises:
        CalculationError: A gradient failed, the optimiser broke down, or the budget of `counter` is spent.
        ConfigurationError: `max_calls` is negative.
    """
    if max_calls < 0:
        raise ConfigurationError(f"the polish takes 0 gradient calls or more, got {max_calls}")
    if max_calls == 0:
        return candidate
    limited = counter.child(budget=max_calls)
    atoms = attach(candidate, level, limited)
    reached = candidate.positions
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Sella warns of every coordinate that it replaces
            walk = saddle_optimiser(atoms, internal=candidate.n_atoms > 2)
            # While the lowest mode is looked for the atoms stand displaced: only whole steps count.
            for _ in walk.irun(fmax=FMAX_EV_PER_ANGSTROM, steps=max_calls):
                reached = atoms.positions.copy()
    except BudgetExhaustedError:
        if limited.calls < max_calls:  # not ours, but that of the whole calculation
            raise
    except InputError:
        raise
    except NUMERICAL_ERRORS as error:
        raise CalculationError("numerical", f"the polish broke down ({type(error).__name__}: {error})") from error
    return candidate.with_positions(reached)
