"""What a force field tells of generated transition states, beside the generator's own confidence.

    OMP_NUM_THREADS=1 python -m benchmarks.second_opinion --data rdb7.npz --split test -n 100

Each reaction's recommended candidate is looked at by the force field and walked toward a saddle point of it; printed is
how well each sign tells candidates that are wrong (more than 0.2 Angstrom strict RMSD from the published transition
state), and how far from it the walked candidates are. Ends are the published ones; nothing is computed by quantum
chemistry.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.saddle_starts import load
from chem.generator import EndPoints
from chem.ranking import auroc
from chem.ts_errors import strict_rmsd
from models.candidate_refiner import CandidateRefiner
from models.evaluation.confidence_summary import RIGHT_BELOW_ANGSTROM
from models.generator import DiffusionGenerator
from models.generator_sampling import SamplingConfig

SIGNS = ("no confidence", "largest force", "negative modes other than one", "walked far", "force spread")


def rows_of(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], float]:
    """One row for each reaction with a candidate, and the seconds of the second look."""
    reactions = load(arguments.data, arguments.split, arguments.n, arguments.seed)
    ends = [EndPoints(reactant=each["reactant"], product=each["product"]) for each in reactions]
    generator = DiffusionGenerator(sampling=SamplingConfig(n_samples=arguments.samples))
    best = [next(iter(found), None) for found in generator.generate(ends)]
    able = [place for place, candidate in enumerate(best) if candidate is not None]
    candidates = [candidate for candidate in best if candidate is not None]
    refiner = CandidateRefiner(
        checkpoint=arguments.potential, committee=tuple(arguments.committee), device=arguments.device
    )
    began = time.perf_counter()
    opinions = refiner.look(candidates, [ends[place] for place in able], arguments.steps)
    seconds = time.perf_counter() - began
    rows = []
    for place, candidate, opinion in zip(able, candidates, opinions, strict=True):
        if opinion is None:
            continue
        true, raw = reactions[place]["ts"].positions, candidate.geometry.positions
        walked = opinion.geometry.positions
        rows.append(
            {
                "rxn": reactions[place]["rxn"],
                "rmsd_angstrom": strict_rmsd(raw, true),
                "walked_rmsd_angstrom": strict_rmsd(walked, true),
                "converged": opinion.converged,
                "no confidence": -(candidate.confidence or 0.0),
                "largest force": opinion.largest_force_ev_per_angstrom,
                "negative modes other than one": abs(opinion.n_negative_modes - 1),
                "walked far": strict_rmsd(walked, raw),
                "force spread": opinion.force_spread_ev_per_angstrom,
            }
        )
    return rows, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=100, help="reactions")
    parser.add_argument("--samples", type=int, default=8, help="candidates of each reaction")
    parser.add_argument("--steps", type=int, default=10, help="steps of each walk")
    parser.add_argument("--potential", type=Path, help="weights of the force field; else those that are shipped")
    parser.add_argument("--committee", type=Path, action="append", default=[], help="weights of another force field")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    rows, seconds = rows_of(arguments)
    raw = np.array([row["rmsd_angstrom"] for row in rows])
    walked = np.array([row["walked_rmsd_angstrom"] for row in rows])
    wrong = raw > RIGHT_BELOW_ANGSTROM
    print(
        f"{len(rows)} reactions of {arguments.split}, {wrong.sum()} candidates wrong; {seconds:.0f} s of second looks"
    )
    print(f"RMSD, median and mean, Angstrom: {np.median(raw):.3f}, {raw.mean():.3f}")
    print(f"walked, median and mean: {np.median(walked):.3f}, {walked.mean():.3f}; nearer: {np.mean(walked < raw):.2f}")
    print(f"converged: {np.mean([row['converged'] for row in rows]):.2f}")
    summary: dict[str, Any] = {"n": len(rows), "wrong": int(wrong.sum()), "seconds": seconds, "auroc": {}}
    for sign in SIGNS:
        if rows[0][sign] is None:
            continue
        values = np.array([row[sign] for row in rows], dtype=float)
        summary["auroc"][sign] = auroc(values, wrong)
        print(f"AUROC of wrong candidates by {sign}: {summary['auroc'][sign]:.2f}")
    both = rankdata([row["no confidence"] for row in rows]) + rankdata([row["largest force"] for row in rows])
    summary["auroc"]["confidence and force, ranks added"] = auroc(both, wrong)
    print(f"AUROC by ranks of confidence and force together: {auroc(both, wrong):.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({**summary, "rows": rows}))


if __name__ == "__main__":
    main()
