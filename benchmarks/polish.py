"""What a polish is worth: error of the barrier after so many gradient calls, by optimiser.

Generated and true transition states are treated alike, and their energies compared: relaxed with the reacting distances
held (the first three), or walked toward the saddle point (the others): by a search that has to find its direction, that
is told it, and that is content with two vectors of its eigensolver, which is what `chem.polish` does.

    OMP_NUM_THREADS=1 python benchmarks/polish.py --data rdb7.npz --split val -n 60
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from ase.constraints import FixInternals
from ase.optimize import BFGS, LBFGS

from chem.errors import CalculationError
from chem.generator import EndPoints
from chem.guess import changing_bonds
from chem.levels import resolve_level
from chem.model_hessian import model_hessian
from chem.perception import perceive_graph
from chem.polish import EIGENSOLVER_VECTORS
from chem.potential import GradientCounter, attach
from chem.ranking import ERROR_CAP_KCAL_MOL
from chem.reaction_direction import reaction_direction
from chem.saddle import NUMERICAL_ERRORS, saddle_optimiser
from chem.types import Geometry, LevelOfTheory, Pair
from chem.units import kcal_mol
from models.evaluation.generation import reactions_of
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from models.reaction_data import read_reactions

CALLS = (0, 5, 10, 15, 25, 40)
OPTIMISERS = (
    "lbfgs",
    "bfgs, model hessian",
    "sella, minimum",
    "sella, saddle",
    "along the reaction",
    "along the reaction, 2 vectors",
)


def trace(start: Geometry, ends: EndPoints, held: list[Pair], optimiser: str, level: LevelOfTheory) -> list[float]:
    """Energies after each of `CALLS` gradient calls, eV; the last one repeated where it ended early."""
    counter = GradientCounter(budget=200)
    atoms = attach(start, level, counter)
    bonds = [[float(atoms.get_distance(i, j)), [i, j]] for i, j in held]
    energies = [float(atoms.get_potential_energy())]
    if optimiser == "sella, saddle":
        run = saddle_optimiser(atoms, None, internal=True)
    elif optimiser.startswith("along the reaction"):
        run = saddle_optimiser(
            atoms,
            reaction_direction(start.positions, ends),
            internal=True,
            eigensolver_vectors=EIGENSOLVER_VECTORS if optimiser.endswith("vectors") else None,
        )
    elif optimiser == "sella, minimum":
        from sella import Constraints, Sella

        constraints = Constraints(atoms)
        for pair in held:
            constraints.fix_bond(pair)
        run = Sella(atoms, order=0, internal=True, constraints=constraints, logfile=None)
    else:
        atoms.set_constraint(FixInternals(bonds=bonds, epsilon=1e-4))
        if optimiser == "lbfgs":
            run = LBFGS(atoms, logfile=None, maxstep=0.1)
        else:
            run = BFGS(atoms, logfile=None, maxstep=0.2)
            graph = perceive_graph(ends.reactant)
            both = type(graph)(
                numbers=graph.numbers,
                bonds=graph.bonds | perceive_graph(ends.product).bonds,
                charge=graph.charge,
                multiplicity=graph.multiplicity,
            )
            run.H0 = model_hessian(both, start.positions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in run.irun(fmax=0.02, steps=max(CALLS)):
            if counter.calls > len(energies):  # until a step is taken, what there is has the energy of the last one
                energies += [energies[-1]] * (counter.calls - len(energies) - 1)
                energies.append(float(atoms.get_potential_energy()))
    energies += [energies[-1]] * (max(CALLS) + 1 - len(energies))
    return [energies[max(0, calls - 1)] for calls in CALLS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz")
    parser.add_argument("--split", default="val")
    parser.add_argument("-n", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--optimiser", choices=OPTIMISERS, action="append", help="all by default")
    arguments = parser.parse_args()
    level = resolve_level("gfn2")
    reactions = reactions_of(read_reactions(arguments.data), arguments.split, arguments.n, arguments.seed)
    sampling = SamplingConfig(deterministic=True)
    generator = DiffusionGenerator(checkpoint=arguments.checkpoint, sampling=sampling, scored=False)
    candidates = generator.generate([reaction.ends for reaction in reactions])
    print("| optimiser | failed | s | " + " | ".join(f"{calls} calls" for calls in CALLS) + " |")
    print("|---|---|---|" + "---|" * len(CALLS))
    for optimiser in arguments.optimiser or OPTIMISERS:
        errors, failed, began = [], 0, time.process_time()
        for reaction, guessed in zip(reactions, candidates, strict=True):
            held = [pair for side in changing_bonds(reaction.ends) for pair in side]
            true = reaction.ends.reactant.with_positions(reaction.true)
            try:
                own, reference = (
                    trace(start, reaction.ends, held, optimiser, level) for start in (guessed[0].geometry, true)
                )
            except (CalculationError, *NUMERICAL_ERRORS):
                failed += 1
                errors.append([ERROR_CAP_KCAL_MOL] * len(CALLS))
                continue
            errors.append([min(abs(kcal_mol(a - b)), ERROR_CAP_KCAL_MOL) for a, b in zip(own, reference, strict=True)])
        table = np.array(errors)
        cells = " | ".join(f"{table[:, k].mean():.1f} / {np.median(table[:, k]):.1f}" for k in range(len(CALLS)))
        print(f"| {optimiser} | {failed} | {time.process_time() - began:.0f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
