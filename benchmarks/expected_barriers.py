"""What the barrier head makes of saddle points and ends as a campaign stores them: at GFN2-xTB, not at DFT.

    OMP_NUM_THREADS=1 python -m benchmarks.expected_barriers --data rdb7.npz --split test -n 200

Ends are relaxed at the level and saddle points searched from the published ones (tasks/stationary_points.py).
Expected forward barriers are held against the published ones, CCSD(T)-F12 with zero-point energy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from chem.levels import resolve_level
from chem.units import kcal_mol
from models.barrier_estimates import BarrierHead
from models.reaction_data import read_reactions
from tasks.stationary_points import errors_of, stationary_points
from tasks.workers import WorkerLimits

CAP_KCAL_MOL = 50.0  # larger errors count as this in means


def main() -> None:
    """Run and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="rdb7.npz, with dE0_kcal")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=200, help="reactions drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", default="gfn2")
    parser.add_argument("--checkpoint", type=Path, help="weights of the head; else those that are shipped")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, default=Path("runs/expected_barriers.jsonl"), help="kept for the next run")
    arguments = parser.parse_args()
    head = BarrierHead(arguments.checkpoint, "cpu")
    points = stationary_points(
        read_reactions(arguments.data),
        resolve_level(arguments.level),
        arguments.rows,
        WorkerLimits(n_workers=arguments.workers),
        split=arguments.split,
        limit=arguments.n,
        seed=arguments.seed,
    )
    errors, widths = errors_of(head, points)
    heights = np.array([kcal_mol(one.candidates[0].energy_ev - one.ends_ev[0]) for one in points.reactions])
    references = np.array([one.reference_kcal_mol for one in points.reactions])
    shift, factor = float(head.network.stationary_shift_kcal_mol), float(head.network.stationary_factor)
    print(f"{len(errors)} of {arguments.n} reactions of {arguments.split}; left out: {points.left_out}")
    for name, off in {"uncorrected": references - heights, "corrected": errors, "and shifted": errors - shift}.items():
        size = np.minimum(np.abs(off), CAP_KCAL_MOL)
        print(f"{name}: off by {size.mean():.2f} on average, {np.median(size):.2f} in the median, kcal/mol")
    inside = np.abs(errors - shift) <= factor * widths
    print(f"within the 95 % error bar: {inside.mean():.3f}; mean half-width {factor * widths.mean():.1f} kcal/mol")


if __name__ == "__main__":
    main()
