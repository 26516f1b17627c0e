"""What a transition state of a density functional costs from a generated candidate and from a GFN2-xTB saddle point.

    OMP_NUM_THREADS=1 python -m benchmarks.dft_gradients --data rdb7.npz -n 20 --output gradients.jsonl

Each reaction is searched at one level from the published transition state, from the recommended candidate, and from the
saddle point that a GFN2-xTB search from the candidate ends in, the last two with the GFN2-xTB Hessian there to begin
with and without it. A way is right when it ends at the saddle point that the published transition state leads to,
within 0.5 kcal/mol, and that one has exactly one imaginary mode which moves the changing bonds. Gradients are those at
the level; GFN2-xTB costs next to nothing.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import read_rows, written
from benchmarks.saddle_starts import SADDLE_CALLS, SAME_SADDLE_KCAL_MOL, load
from chem.errors import CalculationError
from chem.frequencies import hessian_of, vibrations
from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.outcomes import Status
from chem.perception import perceive_graph
from chem.potential import GradientCounter
from chem.reaction_direction import reaction_direction
from chem.saddle import find_saddle
from chem.search_checks import check_mode, count_imaginary
from chem.types import Geometry, LevelOfTheory
from chem.units import kcal_mol
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from tasks.workers import WorkerLimits, WorkerPool

DFT_CALLS = 100
JOB_TIMEOUT_S = 4 * 3600.0  # five searches of up to 100 gradients each
THRESHOLD_CM1 = 50.0
WAYS = ("published", "candidate", "candidate, GFN2 Hessian", "GFN2 saddle", "GFN2 saddle, GFN2 Hessian")


def searched(
    guess: Geometry | None, level: LevelOfTheory, direction: np.ndarray | None, *, with_hessian: bool
) -> dict[str, Any]:
    """One search; without a Hessian in internal coordinates, which are the better ones then."""
    if guess is None:
        return {"calls": 0, "failure": "no GFN2-xTB saddle", "energy_ev": None}
    counter = GradientCounter(budget=DFT_CALLS)
    try:
        hessian = hessian_of(guess, resolve_level("gfn2"), GradientCounter()) if with_hessian else None
        saddle = find_saddle(
            guess,
            level,
            counter,
            direction=None if with_hessian else direction,
            hessian=hessian,
            coordinates=("cartesian",) if with_hessian else ("internal", "cartesian"),
        )
    except CalculationError as error:
        return {"calls": counter.calls, "failure": error.kind, "energy_ev": None}
    return {
        "calls": counter.calls,
        "failure": "",
        "energy_ev": saddle.energy_ev,
        "positions": saddle.geometry.positions.tolist(),
    }


def run_one(work: dict[str, Any], level_name: str) -> dict[str, Any]:
    """All ways of one reaction."""
    gfn2, level, ends = resolve_level("gfn2"), resolve_level(level_name), work["ends"]
    candidate: Geometry = work["candidate"]
    direction = reaction_direction(candidate.positions, ends)
    cheap = GradientCounter(budget=SADDLE_CALLS)
    try:
        saddle = find_saddle(candidate, gfn2, cheap, direction=direction).geometry
    except CalculationError:
        saddle = None
    search = partial(searched, level=level, direction=direction)
    row: dict[str, Any] = {
        "rxn": work["rxn"],
        "n_atoms": candidate.n_atoms,
        "level": level.key,
        "gfn2_calls": cheap.calls,
        "published": search(work["ts"], with_hessian=True),
        "candidate": search(candidate, with_hessian=False),
        "candidate, GFN2 Hessian": search(candidate, with_hessian=True),
        "GFN2 saddle": search(saddle, with_hessian=False),
        "GFN2 saddle, GFN2 Hessian": search(saddle, with_hessian=True),
    }
    found = row["published"]
    row["proved"] = False
    if found["energy_ev"] is not None:
        geometry = candidate.with_positions(np.array(found["positions"]))
        try:
            analysis = vibrations(geometry, hessian_of(geometry, level, GradientCounter()))
        except CalculationError as error:
            row["not_proved"] = str(error)
            return row
        mode = check_mode(geometry, analysis.modes[0], perceive_graph(ends.reactant), perceive_graph(ends.product))
        row["imaginary_modes"] = count_imaginary(analysis, THRESHOLD_CM1)
        row["mode"] = mode.status.value
        row["proved"] = row["imaginary_modes"] == 1 and mode.status is Status.PASSED
    return row


def is_right(row: dict[str, Any], way: str) -> bool:
    """Whether a way ended at the proved saddle point."""
    ended = row[way]["energy_ev"]
    return (
        row["proved"]
        and ended is not None
        and abs(kcal_mol(ended - row["published"]["energy_ev"])) < SAME_SADDLE_KCAL_MOL
    )


def print_table(rows: list[dict[str, Any]]) -> None:
    """Over the reactions whose published transition state is proved at the level."""
    proved = [row for row in rows if row["proved"]]
    print(f"\n{len(rows)} reactions, {len(proved)} whose transition state is proved at {rows[0]['level']}")
    print("| start | converged | right | gradients, median | mean | gradients for each right one |")
    print("|---|---|---|---|---|---|")
    for way in WAYS:
        calls = np.array([row[way]["calls"] for row in proved])
        right = np.array([is_right(row, way) for row in proved])
        converged = np.mean([row[way]["energy_ev"] is not None for row in proved])
        each = calls.sum() / right.sum() if right.any() else float("nan")
        shares = f"{converged:.2f} | {right.mean():.2f}"
        print(f"| {way} | {shares} | {np.median(calls):.0f} | {calls.mean():.1f} | {each:.1f} |")


def main() -> None:
    """Compute what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=20, help="reactions")
    parser.add_argument("--most-atoms", type=int, default=12, help="of a reaction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", default="b3lyp-svp")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True, help="JSON lines, one a reaction")
    arguments = parser.parse_args()
    rows = read_rows(arguments.output)
    drawn = load(arguments.data, arguments.split, 10**6, arguments.seed)
    drawn = [each for each in drawn if each["ts"].n_atoms <= arguments.most_atoms][: arguments.n]
    waiting = [each for each in drawn if each["rxn"] not in {row["rxn"] for row in rows}]
    for each in waiting:
        each["ends"] = EndPoints(reactant=each["reactant"], product=each["product"])
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=arguments.samples))
    for each, guessed in zip(waiting, generator.generate([each["ends"] for each in waiting]), strict=True):
        each["candidate"] = guessed[0].geometry
    limits = WorkerLimits(n_workers=arguments.workers, job_timeout_s=JOB_TIMEOUT_S)
    with WorkerPool(limits) as pool:
        for row in written(pool, partial(run_one, level_name=arguments.level), waiting, arguments.output):
            rows.append(row)
            print(", ".join(f"{way} {row[way]['calls']}" for way in WAYS), flush=True)
    print_table(rows)


if __name__ == "__main__":
    main()
