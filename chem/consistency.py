"""Heights of steps made consistent: around every ring of steps the energies add up to nothing.

Each step is known from its own end points, whose conformers are not those of its neighbours, and some heights are
estimates. Around a ring such heights do not add up, and mass-action kinetics would run around it for ever, against the
second law (Wegscheider, 10.1007/BF01517735).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import lsqr

from chem.network import Step

TOLERANCE = 1e-12  # relative, of the least squares
REWEIGHTINGS = 10
NOISE_KCAL_MOL = 0.1  # what is smaller counts alike


def consistent(steps: Sequence[Step]) -> list[Step]:
    """The same steps with heights that belong to one energy of each species.

    Energies of species are fitted to the energies of reaction by least absolute deviations (reweighted least squares),
    so that one wrong step does not bend its neighbours; what remains of a step is shared between its two heights.

    Args:
        steps: Known reactions.
    """
    names = sorted({name for step in steps for name in (*step.reactants, *step.products)})
    index = {name: number for number, name in enumerate(names)}
    entries = [
        (number, index[name], sign)
        for number, step in enumerate(steps)
        for side, sign in ((step.reactants, -1.0), (step.products, 1.0))
        for name in side
    ]
    if not entries:
        return list(steps)
    rows, columns, signs = zip(*entries, strict=True)
    change = coo_array((signs, (rows, columns)), shape=(len(steps), len(names))).tocsr()
    energies = np.array([step.barrier_forward_kcal_mol - step.barrier_reverse_kcal_mol for step in steps])
    fitted = np.zeros(len(steps))
    weights = np.ones(len(steps))
    for _ in range(REWEIGHTINGS):
        weighted = change.multiply(weights[:, None]).tocsr()
        solved = lsqr(weighted, weights * energies, atol=TOLERANCE, btol=TOLERANCE, iter_lim=10 * sum(change.shape))
        fitted = change @ solved[0]
        weights = 1.0 / np.sqrt(np.maximum(np.abs(energies - fitted), NOISE_KCAL_MOL))
    return [
        replace(
            step,
            barrier_forward_kcal_mol=step.barrier_forward_kcal_mol - float(half),
            barrier_reverse_kcal_mol=step.barrier_reverse_kcal_mol + float(half),
        )
        for step, half in zip(steps, 0.5 * (energies - fitted), strict=True)
    ]
