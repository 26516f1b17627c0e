"""How near the likelihood of a diffusion model comes to the exact density, where both are known.

    OMP_NUM_THREADS=1 python -m benchmarks.likelihoods

A mixture of two Gaussians of n atoms has a score in closed form at every time of the process, and a density. The
likelihood integrates the divergence of the probability flow of that score along it, the divergence in full or by
Hutchinson's probes: the same ones at every time, or others at each. Errors are told relative to the mean size of the
logarithm of the density; 2 % is the aim.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from models.diffusion.likelihood import log_likelihood
from models.diffusion.noise import rademacher_probes
from models.diffusion.processes import VariancePreserving
from models.diffusion.samplers import NoisedState
from models.diffusion.schedules import polynomial_schedule

PROCESS = VariancePreserving(schedule=polynomial_schedule(1000, precision=1e-4), centered=True)
WEIGHT = 0.3  # of the first Gaussian
WIDTHS = (0.15, 0.4)  # standard deviations, in the unit of the process
Probes = Literal["none", "same", "others"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to compute it; errors are of the logarithm of the density, relative to its mean size."""

    n_atoms: int
    steps: int
    probes: Probes
    n_probes: int
    mean_relative_error: float
    worst_relative_error: float
    bias_per_degree_of_freedom: float
    seconds_per_structure: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Two Gaussians in the subspace of centred structures.

    Attributes:
        middles: Shape (2, n_atoms, 3), centred.
    """

    middles: Tensor

    def log_parts(self, values: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithm of weight times density of each part, (batch, 2), and variances (2, batch) at a time."""
        alpha, sigma = PROCESS.coefficients(time, values)
        spreads = torch.tensor(WIDTHS, dtype=values.dtype).square()
        variances = torch.stack([(alpha.square() * each + sigma.square()).flatten() for each in spreads])
        apart = values.unsqueeze(1) - alpha.unsqueeze(1) * self.middles
        dimension = 3 * (values.shape[1] - 1)
        logs = torch.tensor([WEIGHT, 1 - WEIGHT], dtype=values.dtype).log()
        squares = apart.square().sum((-1, -2)) / variances.T
        return logs - 0.5 * squares - 0.5 * dimension * (2 * torch.pi * variances.T).log(), variances

    def predict_noise(self, values: Tensor, times: Tensor) -> Tensor:
        """Exact: -sigma times the score."""
        alpha, sigma = PROCESS.coefficients(times, values)
        parts, variances = self.log_parts(values, times)
        shares = parts.softmax(-1) / variances.T
        apart = values.unsqueeze(1) - alpha.unsqueeze(1) * self.middles
        return sigma * (shares[..., None, None] * apart).sum(1)

    def log_density(self, values: Tensor, time: int) -> Tensor:
        """Exact at an integer time, shape (batch,)."""
        return self.log_parts(values, torch.full((len(values),), time))[0].logsumexp(-1)


def measured(n_atoms: int, steps: int, probes: Probes, n_probes: int, n: int, seed: int = 0) -> Row:
    """One way, on samples of the mixture.

    Args:
        n_atoms: Atoms of a structure.
        steps: Of the integration.
        probes: Which; `none` computes the divergence in full.
        n_probes: How many.
        n: Structures.
        seed: Of structures and probes.
    """
    generator, mask = torch.Generator().manual_seed(seed), torch.ones(n, n_atoms)

    def drawn(size: int) -> Tensor:
        noise = torch.randn(size, n_atoms, 3, generator=generator, dtype=torch.float64)
        return noise - noise.mean(1, keepdim=True)

    mixture = Mixture(middles=drawn(2))
    which = (torch.rand(n, generator=generator) > WEIGHT).long()
    values = mixture.middles[which] + torch.tensor(WIDTHS, dtype=torch.float64)[which, None, None] * drawn(n)
    last = PROCESS.schedule.n_steps
    times = torch.unique((last * torch.linspace(0, 1, steps + 1, dtype=torch.float64).square()).round().long())
    given = None
    if probes != "none":
        sets = 1 if probes == "same" else len(times)
        given = torch.stack(
            [rademacher_probes(n_probes, mask, generator, dtype=torch.float64) for _ in range(sets)]
        ).squeeze(0)
    state = NoisedState(values=values, mask=mask, time=torch.zeros(n, dtype=torch.long))
    began = time.perf_counter()
    found = log_likelihood(PROCESS, mixture.predict_noise, state, times, probes=given)
    seconds = time.perf_counter() - began
    exact = mixture.log_density(values, 0)
    errors = (found - exact).abs() / exact.abs().mean()
    return Row(
        n_atoms=n_atoms,
        steps=len(times) - 1,
        probes=probes,
        n_probes=n_probes,
        mean_relative_error=float(errors.mean()),
        worst_relative_error=float(errors.max()),
        bias_per_degree_of_freedom=float((found - exact).mean()) / (3 * (n_atoms - 1)),
        seconds_per_structure=seconds / n,
    )


def main() -> None:
    """Small and large structures, every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, default=50)
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    ways: list[tuple[int, Probes, int]] = [
        (25, "none", 0),
        (50, "none", 0),
        (100, "none", 0),
        (50, "same", 1),
        (50, "same", 4),
        (50, "others", 1),
        (50, "others", 4),
        (100, "others", 4),
    ]
    rows = []
    print("| atoms | steps | probes | error, mean | worst | bias a degree of freedom | ms a structure |")
    print("|---|---|---|---|---|---|---|")
    for n_atoms in (4, 15):
        for steps, probes, n_probes in ways:
            row = measured(n_atoms, steps, probes, n_probes, arguments.structures)
            rows.append(row)
            shown = "in full" if row.probes == "none" else f"{row.n_probes}, {row.probes} at every time"
            print(
                f"| {row.n_atoms} | {row.steps} | {shown} | {100 * row.mean_relative_error:.2f} %"
                f" | {100 * row.worst_relative_error:.2f} % | {row.bias_per_degree_of_freedom:+.4f}"
                f" | {1e3 * row.seconds_per_structure:.1f} |",
                flush=True,
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
