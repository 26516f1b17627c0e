"""What the barriers of a ladder are worth: GFN2-xTB transition states, proved, with energies of a functional, on RDB7.

As in a campaign, each reaction is searched at GFN2-xTB from generated candidates, and counts where every check passes:
its path connects the published ends, relaxed. Its energies at the functional stand at that transition state and at the
lower of the reactants that are known, the relaxed published one and the end of the path. Zero-point energies are of
GFN2-xTB. The barriers are held against the published CCSD(T)-F12 ones (10.1038/s41597-022-01529-6).

    OMP_NUM_THREADS=1 python -m benchmarks.ladder_barriers --data rdb7.npz --split val -n 100 --output val.jsonl
    OMP_NUM_THREADS=1 python -m benchmarks.ladder_barriers --data rdb7.npz --split test -n 100 --output test.jsonl
    python -m benchmarks.ladder_barriers --fitted val.jsonl --tested test.jsonl

The last prints the table and the entries of configs/barrier_errors.yaml. Each reaction is written as it is done, and
one that is there is not computed again; another level is added to those that are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import units

from benchmarks.rows import read_rows, written
from benchmarks.saddle_starts import ends_of, load
from chem.barrier_errors import CAP_KCAL_MOL, HALF_WIDTH_PER_MEAN
from chem.errors import CalculationError
from chem.frequencies import finite_difference_hessian, vibrations
from chem.levels import resolve_level
from chem.outcomes import Outcome, Status
from chem.potential import GradientCounter, single_point
from chem.search import SearchSettings, search_transition_state
from chem.search_starts import search_starts
from chem.types import Geometry
from chem.units import kcal_mol
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from tasks.workers import WorkerLimits, WorkerPool

GFN2 = "gfn2"
RATE_KELVIN = 573.0
FACTOR_OF_TEN_KCAL_MOL = kcal_mol(float(units.kB) * RATE_KELVIN * np.log(10.0))


def zero_point_energy_ev(geometry: Geometry, *, is_saddle: bool) -> float:
    """Of GFN2-xTB, eV, real modes alone; of a saddle point the lowest mode is the reaction."""
    hessian = finite_difference_hessian(geometry, resolve_level(GFN2), GradientCounter())
    modes = np.sort(vibrations(geometry, hessian).frequencies_cm1)[int(is_saddle) :]
    return 0.5 * float(modes[modes > 0].sum()) * float(units.invcm)


def proved(work: dict[str, Any], budget: int) -> dict[str, Any]:
    """The search of one reaction at GFN2-xTB: how it ended, and both points of the barrier where it is proved."""
    row: dict[str, Any] = {key: work[key] for key in ("rxn", "reference_kcal_mol")}
    if "skipped" in work:
        return row | {"outcome": work["skipped"], "gradient_calls": 0}
    gfn2, ends = resolve_level(GFN2), work["ends"]
    settings = SearchSettings(budget_gradient_calls=budget)
    result = search_transition_state(ends, search_starts(work["candidates"], ends), gfn2, settings)
    row |= {"outcome": result.outcome.value, "gradient_calls": result.gradient_calls}
    state = result.best.transition_state
    if state is None or result.outcome is not Outcome.INTENDED:
        return row
    relaxed = single_point(ends.reactant, gfn2, GradientCounter())
    lower_end = state.reactant_end is not None and (state.reactant_end_energy_ev or 0.0) < relaxed
    reactant = state.reactant_end if lower_end and state.reactant_end is not None else ends.reactant
    points = {"ts": state.geometry, "reactant": reactant}
    return row | {
        "verdict": state.verdict.status.value,
        "numbers": reactant.numbers.tolist(),
        "positions": {name: geometry.positions.tolist() for name, geometry in points.items()},
        "zpe_ev": {name: zero_point_energy_ev(each, is_saddle=name == "ts") for name, each in points.items()},
        "energy_ev": {gfn2.key: {name: single_point(each, gfn2, GradientCounter()) for name, each in points.items()}},
    }


def run_one(work: dict[str, Any], level_name: str, budget: int) -> dict[str, Any]:
    """One reaction, searched unless it was, with energies of a level."""
    row = dict(work["row"]) if "row" in work else proved(work, budget)
    if "positions" not in row:
        return row
    level, energies = resolve_level(level_name), {}
    for name, positions in row["positions"].items():
        geometry = Geometry(numbers=np.array(row["numbers"]), positions=np.array(positions))
        try:
            energies[name] = single_point(geometry, level, GradientCounter())
        except CalculationError as error:
            row["failure"] = f"{name}: {error}"
    row["energy_ev"] = {**row["energy_ev"], level.key: energies}
    return row


def errors_kcal_mol(rows: Sequence[dict[str, Any]], level_key: str) -> np.ndarray:
    """Signed errors to coupled cluster of the proved barriers that have energies of a level."""
    found = []
    for row in rows:
        energy = row.get("energy_ev", {}).get(level_key, {})
        if row.get("verdict") == Status.PASSED and {"ts", "reactant"} <= set(energy):
            height = energy["ts"] - energy["reactant"] + row["zpe_ev"]["ts"] - row["zpe_ev"]["reactant"]
            found.append(kcal_mol(height) - row["reference_kcal_mol"])
    return np.array(found)


def print_tables(fitted: list[dict[str, Any]], tested: list[dict[str, Any]]) -> None:
    """Errors of every level, what bars fitted to other reactions cover, and entries of configs/barrier_errors.yaml."""
    keys = sorted({key for row in tested for key in row.get("energy_ev", {})})
    gfn2 = resolve_level(GFN2).key
    ended = [row["outcome"] for row in tested]
    print(f"{len(tested)} reactions: " + ", ".join(f"{ended.count(each)} {each}" for each in sorted(set(ended))))
    print(
        "| energies | proved | mean error | median | bias | rates within 10 at 573 K | 95 % bar | covers | bar/mean |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    entries = []
    for key in keys:
        own, other = (errors_kcal_mol(rows, key) for rows in (fitted, tested))
        if not len(own) or not len(other):
            continue
        mean, fitted_mean = np.abs(other).mean(), np.minimum(np.abs(own), CAP_KCAL_MOL).mean()
        bar = HALF_WIDTH_PER_MEAN * fitted_mean
        covered = (np.abs(other) < bar).mean()
        rates = (np.abs(other) < FACTOR_OF_TEN_KCAL_MOL).mean()
        print(
            f"| {key} | {len(other)} | {mean:.2f} | {np.median(np.abs(other)):.2f} | {other.mean():+.2f} | {rates:.2f}"
            f" | {bar:.1f} | {covered:.2f} | {bar / mean:.2f} |"
        )
        entries += [f"- level: {key.split('/density_fitting')[0]}", *([] if key == gfn2 else [f"  geometry: {gfn2}"])]
        entries += [f"  mean_absolute_error_kcal_mol: {fitted_mean:.2f}", f"  bias_kcal_mol: {own.mean():.2f}"]
        entries += [f"  reactions: {len(own)}", "  split: val", f"  test_mean_absolute_error_kcal_mol: {mean:.2f}"]
        entries += [f"  test_coverage: {covered:.3f}", f"  test_reactions: {len(other)}"]
    print("\n" + "\n".join(entries))


def prepared(arguments: argparse.Namespace, done: set[int], pool: WorkerPool) -> list[dict[str, Any]]:
    """Reactions that are still to be searched, with relaxed ends and candidates."""
    reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    with np.load(arguments.data) as data:
        reference = dict(zip(data["rxn"].tolist(), data["dE0_kcal"].tolist(), strict=True))
    waiting = [each | {"reference_kcal_mol": float(reference[each["rxn"]])} for each in reactions]
    waiting = [each for each in waiting if each["rxn"] not in done]
    relaxing = pool.run(partial(ends_of, level_name=GFN2, source="published"), iter(waiting))
    made = [finished.value for finished in relaxing if finished.value is not None]
    able = [work for work in made if "skipped" not in work]
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=arguments.samples))
    for work, candidates in zip(able, generator.generate([work["ends"] for work in able]), strict=True):
        work["candidates"] = candidates
    return made


def main() -> None:
    """Compute what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="rdb7.npz")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=100, help="reactions drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", default="b3lyp-svp", help="of the energies")
    parser.add_argument("--budget", type=int, default=1500, help="GFN2-xTB gradient calls of one search")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON lines")
    parser.add_argument("--fitted", type=Path, help="JSON lines that error bars are fitted to")
    parser.add_argument("--tested", type=Path, help="JSON lines of other reactions")
    arguments = parser.parse_args()
    if arguments.output is None:
        print_tables(read_rows(arguments.fitted), read_rows(arguments.tested))
        return
    rows = read_rows(arguments.output)
    key = resolve_level(arguments.level).key
    with WorkerPool(WorkerLimits(n_workers=arguments.workers)) as pool:
        work = prepared(arguments, {row["rxn"] for row in rows}, pool)
        work += [{"row": row} for row in rows if "positions" in row and key not in row["energy_ev"]]
        job = partial(run_one, level_name=arguments.level, budget=arguments.budget)
        for row in written(pool, job, work, arguments.output):
            print(row["outcome"], flush=True)


if __name__ == "__main__":
    main()
