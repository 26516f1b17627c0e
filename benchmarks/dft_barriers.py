"""What a density functional makes of generated and of tight-binding transition states, against coupled cluster.

Energies of one functional at the published reactant and transition state, at the recommended candidate, at the same
polished by GFN2-xTB, and at the saddle point that a GFN2-xTB search from it ends in, whose barrier stands above the
reactant relaxed by GFN2-xTB; beside them GFN2-xTB itself. Barriers get the zero-point energies of GFN2-xTB and are
held against the published CCSD(T)-F12 ones.

    OMP_NUM_THREADS=1 python -m benchmarks.dft_barriers --data rdb7.npz --split test -n 100 --output test.jsonl
    OMP_NUM_THREADS=1 python -m benchmarks.dft_barriers --data rdb7.npz --split val --ladder-only --output val.jsonl

Each reaction is written as it is done, and one that is there is not computed again. With `--ladder-only` only what a
campaign's own ladder has: the GFN2-xTB saddle point and the reactant. From two such files, one of reactions to fit to
and one to test on, `--error-bars val.jsonl` beside `--output test.jsonl` prints entries of configs/barrier_errors.yaml.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import units

from benchmarks.saddle_starts import SADDLE_CALLS, load
from chem.barrier_errors import HALF_WIDTH_PER_MEAN
from chem.errors import CalculationError
from chem.frequencies import finite_difference_hessian, vibrations
from chem.generator import EndPoints
from chem.levels import resolve_level
from chem.polish import GRADIENT_CALLS, polish
from chem.potential import GradientCounter, single_point
from chem.pyscf_backend import PyscfBackend
from chem.reaction_direction import reaction_direction
from chem.relax import relax
from chem.saddle import find_saddle
from chem.types import Geometry
from chem.units import kcal_mol
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from tasks.workers import WorkerLimits, WorkerPool

CAP_KCAL_MOL = 50.0
RATE_KELVIN = 573.0
REACTANT_OF = {"true": "reactant", "generated": "reactant", "polished": "reactant", "gfn2_saddle": "gfn2_reactant"}
FACTOR_OF_TEN_KCAL_MOL = kcal_mol(float(units.kB) * RATE_KELVIN * np.log(10.0))


def zero_point_energy_ev(geometry: Geometry, *, is_saddle: bool) -> float:
    """Of GFN2-xTB, eV, real modes alone; of a saddle point the lowest mode is the reaction."""
    hessian = finite_difference_hessian(geometry, resolve_level("gfn2"), GradientCounter())
    modes = np.sort(vibrations(geometry, hessian).frequencies_cm1)[int(is_saddle) :]
    return 0.5 * float(modes[modes > 0].sum()) * float(units.invcm)


def run_one(work: dict[str, Any], level_name: str, *, ladder_only: bool) -> dict[str, Any]:
    """Energies of one reaction, eV; a point that failed is None, with the reason."""
    gfn2, level = resolve_level("gfn2"), resolve_level(level_name)
    ends: EndPoints = work["ends"]
    row: dict[str, Any] = {
        "rxn": work["rxn"],
        "n_atoms": ends.reactant.n_atoms,
        "confidence": work["confidence"],
        "reference_kcal_mol": work["reference_kcal_mol"],
        "level": level.key,
        "failures": {},
    }

    def attempted(name: str, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except CalculationError as error:
            row["failures"][name] = str(error)
            return None

    counter = GradientCounter(budget=SADDLE_CALLS)
    direction = reaction_direction(work["candidate"].positions, ends)
    saddle = attempted("search", lambda: find_saddle(work["candidate"], gfn2, counter, direction=direction))
    relaxed = attempted("reactant", lambda: relax(ends.reactant, gfn2, GradientCounter(budget=1000)))
    row["gfn2_saddle_calls"] = counter.calls
    points: dict[str, Geometry | None] = {
        "gfn2_reactant": None if relaxed is None else relaxed.geometry,
        "gfn2_saddle": None if saddle is None else saddle.geometry,
    }
    if not ladder_only:
        made = attempted("polish", lambda: polish(work["candidate"], ends, gfn2, GradientCounter(), GRADIENT_CALLS))
        points |= {"reactant": ends.reactant, "true": work["ts"], "generated": work["candidate"]}
        points["polished"] = None if made is None else made.geometry
    for name, geometry in points.items():
        row |= dict.fromkeys((f"{name}_gfn2_ev", f"{name}_dft_ev", f"{name}_gap_ev", f"{name}_zpe_ev"))
        if geometry is None:
            continue
        row[f"{name}_gfn2_ev"] = attempted(f"{name} gfn2", partial(single_point, geometry, gfn2, GradientCounter()))
        backend = PyscfBackend(geometry, level)
        row[f"{name}_dft_ev"] = attempted(f"{name} dft", partial(backend.energy, geometry.positions))
        row[f"{name}_gap_ev"] = None if row[f"{name}_dft_ev"] is None else backend.orbital_gap_ev
        if name != "generated":
            is_saddle = name not in REACTANT_OF.values()
            zero_point = partial(zero_point_energy_ev, geometry, is_saddle=is_saddle)
            row[f"{name}_zpe_ev"] = attempted(f"{name} zpe", zero_point)
    return row


def barrier_kcal_mol(row: dict[str, Any], point: str, theory: str, *, zero_point: bool = True) -> float:
    """Height of a point above the reactant, kcal/mol; nan where an energy is missing."""
    reactant = REACTANT_OF[point]
    energies = [row.get(f"{each}_{theory}_ev") for each in (point, reactant)]
    vibrational = [0.0, 0.0]
    if zero_point:
        own = "polished" if point == "generated" else point  # a raw candidate has no vibrations of its own
        vibrational = [row.get(f"{each}_zpe_ev") for each in (own, reactant)]
    if None in energies or None in vibrational:
        return float("nan")
    return kcal_mol(energies[0] + vibrational[0] - energies[1] - vibrational[1])


def summary(rows: list[dict[str, Any]], share: float = 0.14) -> dict[str, dict[str, float]]:
    """Errors of every way to a barrier; missing ones count as the cap.

    `against_reference`: to CCSD(T)-F12 with zero-point energies. `of_generation`: of the electronic barrier to the one
    at the published transition state with the same theory; `at_14_percent` once the least confident share of the
    reactions has been sent to quantum chemistry and counts as right.
    """
    reference = np.array([row["reference_kcal_mol"] for row in rows])
    confidence = np.array([row["confidence"] for row in rows])
    sent = np.argsort(confidence, kind="stable")[: round(share * len(rows))]
    found: dict[str, dict[str, float]] = {}
    for theory in ("gfn2", "dft"):
        true = np.array([barrier_kcal_mol(row, "true", theory, zero_point=False) for row in rows])
        for point in REACTANT_OF:
            if all(f"{point}_{theory}_ev" not in row for row in rows):
                continue
            heights = np.array([barrier_kcal_mol(row, point, theory) for row in rows])
            electronic = np.array([barrier_kcal_mol(row, point, theory, zero_point=False) for row in rows])
            missing = np.isnan(heights)
            error = np.where(missing, CAP_KCAL_MOL, np.minimum(np.abs(heights - reference), CAP_KCAL_MOL))
            own = np.abs(electronic - true)
            own = np.where(np.isnan(own), CAP_KCAL_MOL, np.minimum(own, CAP_KCAL_MOL))
            kept = own.copy()
            kept[sent] = 0.0
            found[f"{theory} at {point}"] = {
                "against_reference": float(error.mean()),
                "median": float(np.median(error)),
                "bias": float(np.nanmean(heights - reference)),
                "rates_within_10": float((error < FACTOR_OF_TEN_KCAL_MOL).mean()),
                "of_generation": float(own.mean()),
                "generation_median": float(np.median(own)),
                "at_14_percent": float(kept.mean()),
                "missing": int(missing.sum()),
            }
    return found


def ladder_errors_kcal_mol(rows: list[dict[str, Any]], theory: str) -> np.ndarray:
    """Signed errors of the barriers of a ladder to the coupled-cluster ones; one that is missing has none."""
    heights = np.array([barrier_kcal_mol(row, "gfn2_saddle", theory) for row in rows])
    errors = heights - np.array([row["reference_kcal_mol"] for row in rows])
    known: np.ndarray = errors[~np.isnan(errors)]
    return known


def print_error_bars(fitted: list[dict[str, Any]], tested: list[dict[str, Any]]) -> None:
    """Entries of configs/barrier_errors.yaml, and what their bars cover, for tight binding and for the functional."""
    names = {"gfn2": ("GFN2-xTB", ""), "dft": (tested[0]["level"].split("/density_fitting")[0], "GFN2-xTB")}
    for theory, (level, geometry) in names.items():
        own, other = (ladder_errors_kcal_mol(rows, theory) for rows in (fitted, tested))
        mean = np.abs(own).mean()
        bar = HALF_WIDTH_PER_MEAN * mean
        print(f"- level: {level}")
        if geometry:
            print(f"  geometry: {geometry}")
        print(f"  mean_absolute_error_kcal_mol: {mean:.2f}")
        print(f"  bias_kcal_mol: {own.mean():.2f}")
        print(f"  reactions: {len(own)}\n  split: val")
        print(f"  test_mean_absolute_error_kcal_mol: {np.abs(other).mean():.2f}")
        print(f"  test_coverage: {(np.abs(other) < bar).mean():.3f}\n  test_reactions: {len(other)}")
        ratio = bar / np.abs(other).mean()
        print(f"# half-width {bar:.1f} kcal/mol, {ratio:.2f} times the mean error of the tested reactions")


def prepared(arguments: argparse.Namespace, done: set[int]) -> list[dict[str, Any]]:
    """Reactions that are still to be computed, each with its recommended candidate."""
    reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    with np.load(arguments.data) as data:
        reference = dict(zip(data["rxn"].tolist(), data["dE0_kcal"].tolist(), strict=True))
    waiting = [reaction for reaction in reactions if reaction["rxn"] not in done]
    for reaction in waiting:
        reaction["ends"] = EndPoints(reactant=reaction["reactant"], product=reaction["product"])
        reaction["reference_kcal_mol"] = float(reference[reaction["rxn"]])
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=arguments.samples))
    guessed = generator.generate([reaction["ends"] for reaction in waiting])
    for reaction, candidates in zip(waiting, guessed, strict=True):
        reaction["candidate"], reaction["confidence"] = candidates[0].geometry, candidates[0].confidence
    return waiting


def main() -> None:
    """Compute what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=100, help="reactions drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", default="wb97x-631gs")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ladder-only", action="store_true", help="only what a campaign's own ladder has")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines, one a reaction")
    parser.add_argument("--error-bars", type=Path, help="JSON lines to fit error bars to, of another split")
    arguments = parser.parse_args()
    rows = []
    if arguments.output.exists():
        rows = [json.loads(line) for line in arguments.output.read_text().splitlines()]
    if arguments.error_bars is not None:
        print_error_bars([json.loads(line) for line in arguments.error_bars.read_text().splitlines()], rows)
        return
    waiting = prepared(arguments, {row["rxn"] for row in rows})
    job = partial(run_one, level_name=arguments.level, ladder_only=arguments.ladder_only)
    with (
        WorkerPool(WorkerLimits(n_workers=arguments.workers)) as pool,
        arguments.output.open("a", encoding="utf-8") as file,
    ):
        for finished in pool.run(job, iter(waiting)):
            if finished.fault is not None:
                print(f"a worker failed: {finished.fault}")
                continue
            rows.append(finished.value)
            file.write(json.dumps(finished.value) + "\n")
            file.flush()
            print(f"{len(rows)} of {arguments.n}, rxn {finished.value['rxn']}", flush=True)
    print(f"\n{len(rows)} reactions, {arguments.level}, errors in kcal/mol, capped at {CAP_KCAL_MOL:g}")
    print("| barrier | to CCSD(T)-F12: mean | median | bias | rates within 10 at 573 K | to the true one | 14 % sent |")
    print("|---|---|---|---|---|---|---|")
    for name, value in summary(rows).items():
        print(
            f"| {name} | {value['against_reference']:.1f} | {value['median']:.1f} | {value['bias']:+.1f}"
            f" | {value['rates_within_10']:.2f} | {value['of_generation']:.1f} | {value['at_14_percent']:.1f} |"
        )


if __name__ == "__main__":
    main()
