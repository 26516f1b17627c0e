"""The transition-state searches of Baker and Chan (10.1002/(SICI)1096-987X(199605)17:7<888::AID-JCC12>3.0.CO;2-7).

    OMP_NUM_THREADS=1 python -m benchmarks.baker --data baker_ts.json --workers 2

Each case starts from the published geometry; it is right when it ends within 1e-4 hartree of the reference energy with
exactly one imaginary mode. Data: a JSON file with a list `cases` of name, charge, multiplicity, symbols, positions in
Angstrom and reference_energy_hartree. `--optimiser geometric` runs geomeTRIC (10.1063/1.4952956) from the level's own
Hessian beside it: one walk in its translation-rotation internal coordinates, nothing tried again; it must be installed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from ase.symbols import symbols2numbers

from chem.errors import CalculationError
from chem.frequencies import hessian_of, vibrations
from chem.levels import resolve_level
from chem.potential import GradientCounter, attach
from chem.refine import RefineSettings, StartingHessian, refine
from chem.types import Geometry
from chem.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE
from tasks.workers import WorkerLimits, WorkerPool

RIGHT_HARTREE = 1e-4


def run_case(case: dict[str, Any], level_name: str, settings: RefineSettings) -> dict[str, Any]:
    """One search."""
    found = refine(geometry_of(case), resolve_level(level_name), settings)
    row = {
        "name": case["name"],
        "gradients": found.gradient_calls,
        "hessians": found.hessian_calls,
        "gradients_gfn2": found.cheap_gradient_calls,
        "seconds": round(found.seconds, 1),
        "failure": found.failure.message if found.failure else "",
        "energy_error_hartree": float("nan"),
        "imaginary_cm1": [],
        "way": str(found.best.way),
        "ways": len(found.attempts),
    }
    if found.saddle is not None:
        row["energy_error_hartree"] = found.saddle.energy_ev / EV_PER_HARTREE - case["reference_energy_hartree"]
    if found.vibrations is not None:
        modes = found.vibrations.frequencies_cm1
        row["imaginary_cm1"] = [round(float(mode), 1) for mode in modes if mode < -settings.imaginary_threshold_cm1]
    row["right"] = is_right(row)
    return row


def run_case_with_geometric(case: dict[str, Any], level_name: str, settings: RefineSettings) -> dict[str, Any]:
    """One walk of geomeTRIC."""
    import logging

    from geometric.ase_engine import EngineASE
    from geometric.errors import GeomOptNotConvergedError, IRCError
    from geometric.molecule import Molecule
    from geometric.optimize import run_optimizer

    guess, level, counter = geometry_of(case), resolve_level(level_name), GradientCounter(budget=300)
    started = time.perf_counter()
    molecule = Molecule()
    molecule.elem, molecule.xyzs = list(case["symbols"]), [guess.positions]
    row: dict[str, Any] = {"name": case["name"], "gradients_gfn2": 0, "way": "geomeTRIC", "ways": 1, "failure": ""}
    row |= {"energy_error_hartree": float("nan"), "imaginary_cm1": []}
    logging.disable(logging.CRITICAL)
    try:
        engine = EngineASE(molecule, attach(guess, level, counter).calc)
        with tempfile.TemporaryDirectory() as folder:
            hessian = hessian_of(guess, level, counter) / EV_PER_HARTREE * ANGSTROM_PER_BOHR**2
            np.savetxt(f"{folder}/hessian.txt", hessian)
            walk = run_optimizer(
                customengine=engine,
                input=f"{folder}/walk",
                prefix=f"{folder}/walk",
                transition=True,
                hessian=f"file:{folder}/hessian.txt",
                maxiter=200,
            )
        found = guess.with_positions(np.array(walk.xyzs[-1]))
        row["energy_error_hartree"] = float(walk.qm_energies[-1]) - case["reference_energy_hartree"]
        modes = vibrations(found, hessian_of(found, level, counter)).frequencies_cm1
        row["imaginary_cm1"] = [round(float(mode), 1) for mode in modes if mode < -settings.imaginary_threshold_cm1]
    except (CalculationError, GeomOptNotConvergedError, IRCError, RuntimeError, np.linalg.LinAlgError) as error:
        row["failure"] = f"{type(error).__name__}: {error}"
    row |= {"gradients": counter.calls, "hessians": counter.hessians, "seconds": time.perf_counter() - started}
    row["right"] = is_right(row)
    return row


def is_right(row: dict[str, Any]) -> bool:
    """Whether a search ended at the reference energy with one imaginary mode."""
    return abs(row["energy_error_hartree"]) < RIGHT_HARTREE and len(row["imaginary_cm1"]) == 1


def geometry_of(case: dict[str, Any]) -> Geometry:
    """Where a case starts."""
    return Geometry(
        numbers=np.array(symbols2numbers(case["symbols"])),
        positions=np.array(case["positions"]),
        charge=case["charge"],
        multiplicity=case["multiplicity"],
    )


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="baker_ts.json")
    parser.add_argument("--optimiser", choices=("sella", "geometric"), default="sella")
    parser.add_argument("--level", default="hf/3-21g")
    parser.add_argument("--hessian", choices=get_args(StartingHessian), default=RefineSettings().starting_hessian)
    parser.add_argument("--fmax", type=float, default=RefineSettings().fmax_ev_per_angstrom, help="eV/Angstrom")
    parser.add_argument("--only", nargs="+", help="names of cases")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    cases = json.loads(arguments.data.read_text())["cases"]
    if arguments.only:
        cases = [case for case in cases if case["name"] in arguments.only]
    settings = RefineSettings(starting_hessian=arguments.hessian, fmax_ev_per_angstrom=arguments.fmax)
    rows = []
    with WorkerPool(WorkerLimits(n_workers=arguments.workers)) as pool:
        run = run_case if arguments.optimiser == "sella" else run_case_with_geometric
        job = partial(run, level_name=arguments.level, settings=settings)
        for finished in pool.run(job, iter(cases)):
            if finished.fault is not None:
                print(f"a worker failed: {finished.fault}")
                continue
            row = finished.value
            rows.append(row)
            print(
                f"{row['name']:28s} {'right' if row['right'] else 'WRONG'} {row['energy_error_hartree']:+.1e} hartree,"
                f" {row['gradients']} gradients, {row['hessians']} Hessians, {row['imaginary_cm1']},"
                f" {row['way']} {row['failure']}",
                flush=True,
            )
    gradients = [row["gradients"] for row in rows]
    print(
        f"\n{sum(row['right'] for row in rows)} of {len(cases)} right; gradients median {np.median(gradients):.0f},"
        f" mean {np.mean(gradients):.1f}; Hessians mean {np.mean([row['hessians'] for row in rows]):.2f};"
        f" starting Hessian {arguments.hessian}, {arguments.level}, {arguments.optimiser}"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
