"""What a density functional makes of generated transition states: the error of their barriers, and what triage leaves.

Energies of one functional at the published transition state and at the recommended candidate, both as they are and
polished by GFN2-xTB. The error of a barrier is the difference to the true transition state with the same functional,
above one reactant; the share of the reactions whose polish makes the judge expect the largest errors is then sent to
quantum chemistry and counts as right. A rate at 573 K is within a factor of ten where the error is below kT ln 10.

    OMP_NUM_THREADS=1 python -m benchmarks.dft_barriers --data rdb7.npz --split test -n 100 --output generated.jsonl

Each reaction is written as it is done, and one that is there is not computed again.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ladder_barriers import FACTOR_OF_TEN_KCAL_MOL, RATE_KELVIN
from benchmarks.rows import read_rows, written
from benchmarks.saddle_starts import load
from chem.errors import CalculationError
from chem.estimate import above_ends
from chem.generator import EndPoints
from chem.hard_checks import hard_checks
from chem.levels import resolve_level
from chem.outcomes import TransitionState
from chem.polish import GRADIENT_CALLS, polish
from chem.potential import GradientCounter, single_point
from chem.types import Geometry
from chem.units import kcal_mol
from chem.walk_features import walk_features
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig
from models.walk_judge import load_judge
from tasks.workers import WorkerLimits, WorkerPool

CAP_KCAL_MOL = 50.0
SHARE_SENT = 0.14


def run_one(work: dict[str, Any], level_name: str) -> dict[str, Any]:
    """Energies of one reaction that its row lacks, eV; a point that failed is None, with the reason."""
    gfn2, level, ends = resolve_level("gfn2"), resolve_level(level_name), work["ends"]
    row: dict[str, Any] = work["row"]
    points: dict[str, Geometry] = {"true": work["ts"], "generated": work["candidate"]}
    states: dict[str, TransitionState] = {}
    before, after = (single_point(each, gfn2, GradientCounter()) for each in (ends.reactant, ends.product))
    for name, polished_name in (("true", "true_polished"), ("generated", "polished")):
        try:
            found = polish(points[name], ends, gfn2, GradientCounter(), GRADIENT_CALLS)
        except CalculationError as error:
            row["failures"][polished_name] = str(error)
            continue
        points[polished_name] = found.geometry
        states[polished_name] = above_ends(found, ends, gfn2, before, after)
    if "polished" in states and not hard_checks(states["polished"].geometry, ends):
        features = walk_features(states["polished"])
        row["features"] = None if features is None else features.tolist()
    for name, geometry in points.items():
        if row.get(f"{name}_dft_ev") is None:
            try:
                row[f"{name}_dft_ev"] = single_point(geometry, level, GradientCounter())
            except CalculationError as error:
                row["failures"][name] = str(error)
    return row


def errors_kcal_mol(rows: list[dict[str, Any]], point: str, against: str) -> np.ndarray:
    """Absolute errors of the barriers, capped; those that are missing count as the cap."""
    own, true = (np.array([row.get(f"{name}_dft_ev") or np.nan for row in rows]) for name in (point, against))
    errors = np.abs(kcal_mol(own - true))
    capped: np.ndarray = np.where(np.isnan(errors), CAP_KCAL_MOL, np.minimum(errors, CAP_KCAL_MOL))
    return capped


def print_table(rows: list[dict[str, Any]]) -> None:
    """Errors with none and with the doubtful share sent, and the share of rates within a factor of ten."""
    judge = load_judge(None)
    scores = np.array(
        [judge.expected(np.array([row["features"]]))[0] if row.get("features") else np.inf for row in rows]
    )
    sent = np.argsort(-scores, kind="stable")[: round(SHARE_SENT * len(rows))]
    print(f"\n{len(rows)} reactions, {rows[0]['level']}, errors in kcal/mol, capped at {CAP_KCAL_MOL:g}")
    print(f"| barrier | mean | median | {SHARE_SENT:.0%} sent | rates within 10 at {RATE_KELVIN:g} K | after triage |")
    print("|---|---|---|---|---|---|")
    for point, against in (("generated", "true"), ("polished", "true"), ("polished", "true_polished")):
        errors = errors_kcal_mol(rows, point, against)
        left = errors.copy()
        left[sent] = 0.0
        shares = [(each < FACTOR_OF_TEN_KCAL_MOL).mean() for each in (errors, left)]
        print(
            f"| {point} against {against} | {errors.mean():.1f} | {np.median(errors):.1f} | {left.mean():.1f}"
            f" | {shares[0]:.2f} | {shares[1]:.2f} |"
        )


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
    parser.add_argument("--output", type=Path, required=True, help="JSON lines, one a reaction")
    arguments = parser.parse_args()
    known = {row["rxn"]: row for row in read_rows(arguments.output)}
    work = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    for each in work:
        each["ends"] = EndPoints(reactant=each["reactant"], product=each["product"])
        empty = {"rxn": each["rxn"], "level": resolve_level(arguments.level).key, "failures": {}}
        each["row"] = known.get(each["rxn"], empty)
    work = [each for each in work if "features" not in each["row"]]
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=arguments.samples))
    for each, candidates in zip(work, generator.generate([each["ends"] for each in work]), strict=True):
        each["candidate"] = candidates[0].geometry
    with WorkerPool(WorkerLimits(n_workers=arguments.workers)) as pool:
        for row in written(pool, partial(run_one, level_name=arguments.level), work, arguments.output):
            known[row["rxn"]] = row
            print(flush=True)
    print_table(list(known.values()))


if __name__ == "__main__":
    main()
