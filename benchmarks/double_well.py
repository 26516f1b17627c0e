"""Boltzmann's distribution of a double well from its energy, from data, and from both, as DiG learns it.

    OMP_NUM_THREADS=1 python -m benchmarks.double_well --samples 100 --seeds 3

A particle moves in an uneven, bent double well of x and y. A network learns the score of the diffusion of its
distribution three ways (10.1038/s42256-024-00837-3): from the energy alone (Fokker-Planck equation and forces at points
that follow no distribution), from few exact samples alone, and from both. The likelihood of exact samples under each
network gives one Kullback-Leibler divergence, a histogram of its own samples the other.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from torch import Tensor

from benchmarks.planar_density import PlanarTarget, compared, print_medians


def double_well_energy(points: Tensor) -> Tensor:
    """E / kT, shape (n, 2) to (n,)."""
    x, y = points.unbind(-1)
    return 2.5 * (x.square() - 1.0).square() + 0.6 * x + 3.0 * (y - 0.5 * x.square()).square()


TARGET = PlanarTarget(energy=double_well_energy, half_width=2.5)


def main() -> None:
    """All ways, several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100, help="exact samples to learn from")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--test", type=int, default=300, help="exact samples to measure on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    rows = compared(
        TARGET, n_samples=arguments.samples, n_test=arguments.test, seeds=arguments.seeds, steps=arguments.steps
    )
    print_medians(rows)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
