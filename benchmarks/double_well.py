"""Boltzmann's distribution of a double well from its energy, from data, and from both, as DiG learns it.

    OMP_NUM_THREADS=1 python -m benchmarks.double_well --samples 300 --seeds 3

A particle moves in an uneven, bent double well of x and y; z is harmonic. A network learns the score of the diffusion
of its distribution three ways (10.1038/s42256-024-00837-3): from the energy alone (Fokker-Planck equation and forces at
points that follow no distribution), from few exact samples alone, and from both. The likelihood of exact samples under
each network gives the Kullback-Leibler divergence; a histogram of its own samples gives another. What Hutchinson's
estimate of the likelihood is off by is measured too.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.diffusion.likelihood import log_likelihood
from models.diffusion.noise import rademacher_probes
from models.diffusion.physics import energy_mismatch, fokker_planck_residual
from models.diffusion.processes import VariancePreserving, spread
from models.diffusion.samplers import NoisedState, follow_flow, prior_state
from models.diffusion.schedules import polynomial_schedule

PROCESS = VariancePreserving(schedule=polynomial_schedule(1000, precision=1e-4), centered=False)
EARLIEST, LATEST = 0.01, 0.99
BOX = 2.5  # x and y of points that follow no distribution
GRID = np.linspace(-BOX, BOX, 401)
MATCH_WEIGHT = 1.0
WAYS = ("energy", "data", "both")


def reduced_energy(points: Tensor) -> Tensor:
    """E / kT, shape (batch, 1, 3) to (batch,)."""
    x, y, z = points[:, 0].unbind(-1)
    return 2.5 * (x.square() - 1.0).square() + 0.6 * x + 3.0 * (y - 0.5 * x.square()).square() + 0.5 * z.square()


def reduced_force(points: Tensor) -> Tensor:
    """Force over kT, same shape."""
    at = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(reduced_energy(at).sum(), at)
    return -gradient


def log_partition() -> float:
    """Logarithm of the integral of exp(-E / kT), on a grid in x and y, z by hand."""
    x, y = np.meshgrid(GRID, GRID, indexing="ij")
    points = torch.from_numpy(np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 1, 3))
    cell = (GRID[1] - GRID[0]) ** 2
    return float(torch.logsumexp(-reduced_energy(points), 0)) + math.log(cell) + 0.5 * math.log(2 * math.pi)


def exact_samples(n: int, rng: np.random.Generator) -> Tensor:
    """By rejection, shape (n, 1, 3), float32."""
    kept: list[np.ndarray] = []
    lowest = -1.0  # no lower E / kT anywhere
    while sum(map(len, kept)) < n:
        xy = rng.uniform(-BOX, BOX, (200_000, 2))
        points = np.concatenate([xy, np.zeros((len(xy), 1))], axis=1)
        energy = reduced_energy(torch.from_numpy(points).unsqueeze(1)).numpy()
        kept.append(xy[rng.random(len(xy)) < np.exp(lowest - energy)])
    xy = np.concatenate(kept)[:n]
    points = np.concatenate([xy, rng.standard_normal((n, 1))], axis=1)
    return torch.from_numpy(points).float().unsqueeze(1)


class ScoreNetwork(nn.Module):
    """Score of values (batch, 1, 3) at times in [0, 1]: that of the prior and what a small network adds."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3 + 9, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 3),
        )

    def forward(self, values: Tensor, time: Tensor) -> Tensor:
        """Same shape as the values."""
        waves = time.to(values).unsqueeze(-1) * math.pi * torch.arange(1, 5)
        seen = torch.cat([values[:, 0], time.to(values).unsqueeze(-1), waves.sin(), waves.cos()], dim=-1)
        return self.layers(seen).unsqueeze(1) - values


def data_loss(model: ScoreNetwork, data: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """Denoising score matching: |sigma s(alpha x + sigma eps) + eps|^2."""
    clean = data[torch.randint(len(data), (size,), generator=generator)]
    times = EARLIEST + (LATEST - EARLIEST) * torch.rand(size, generator=generator)
    noise = torch.randn(clean.shape, generator=generator)
    alpha, sigma = PROCESS.coefficients(times, clean)
    predicted = model(alpha * clean + sigma * noise, times)
    return (sigma * predicted + noise).square().sum((-1, -2)).mean()


def energy_loss(model: ScoreNetwork, generator: torch.Generator, size: int) -> Tensor:
    """Fokker-Planck residual at points noised from a box, and the force in the box."""
    box = BOX * (2.0 * torch.rand(size, 1, 3, generator=generator) - 1.0)
    times = EARLIEST + (LATEST - EARLIEST) * torch.rand(size, generator=generator)
    noise = torch.randn(box.shape, generator=generator)
    alpha, sigma = PROCESS.coefficients(times, box)
    mask = torch.ones(size, 1)
    residual = fokker_planck_residual(PROCESS, model, alpha * box + sigma * noise, mask, times, time_step=5e-3)
    # Both in units of the noise, as in the loss of data, and late times no louder than early ones.
    weight = spread(PROCESS.schedule.sigma(times) / PROCESS.schedule.rate(times).clamp_min(0.1), residual)
    mismatch = energy_mismatch(PROCESS, model, box, mask, reduced_force(box))
    close = 1.0 / (1.0 + reduced_force(box).square().sum((-1, -2)))  # where forces are huge nobody ever is
    match = (mismatch.square().sum((-1, -2)) * close).mean()
    return (weight * residual).square().sum((-1, -2)).clamp_max(1e3).mean() + MATCH_WEIGHT * match


def trained(way: str, data: Tensor, steps: int, seed: int) -> ScoreNetwork:
    """A network trained one way."""
    torch.manual_seed(seed)
    model, generator = ScoreNetwork(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        parts = []
        if way != "energy":
            parts.append(data_loss(model, data, generator, 256))
        if way != "data":
            parts.append(energy_loss(model, generator, 256))
        optimizer.zero_grad()
        torch.stack(parts).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        schedule.step()
    return model.eval().double()


def measured(model: ScoreNetwork, test: Tensor, exact: Tensor, seed: int) -> dict[str, float]:
    """Divergences, and errors of the likelihood."""

    def predict_noise(values: Tensor, times: Tensor) -> Tensor:
        share = times.to(values) / PROCESS.schedule.n_steps
        return -spread(PROCESS.schedule.sigma(times), values) * model(values, share)

    mask = torch.ones(len(test), 1)
    state = NoisedState(values=test, mask=mask, time=torch.ones(len(test), dtype=torch.long))
    times = torch.unique(torch.linspace(1, PROCESS.schedule.n_steps, 151).round().long())
    found = log_likelihood(PROCESS, predict_noise, state, times)
    probes = rademacher_probes(8, mask, torch.Generator().manual_seed(seed), dtype=torch.float64)
    estimated = log_likelihood(PROCESS, predict_noise, state, times, probes=probes)
    generator = torch.Generator().manual_seed(seed)
    many = torch.ones(20_000, 1)
    start = prior_state(PROCESS, many, PROCESS.noise(many, generator, dtype=torch.float64))
    drawn = follow_flow(PROCESS, predict_noise, start, times.flip(0))
    return {
        "kl_by_likelihood": float((exact - found).mean()),
        "kl_by_histogram": histogram_divergence(drawn),
        "log_density_error_mean": float((found - exact).abs().mean()),
        "log_density_relative_error": float((found - exact).abs().sum() / exact.abs().sum()),
        "hutchinson_relative_error": float((estimated - found).abs().sum() / found.abs().sum()),
        "right_well_share": float((drawn[:, 0, 0] > 0).double().mean()),
        "right_well_share_of_exact_samples": float((test[:, 0, 0] > 0).double().mean()),
        "outside_share": float((drawn[:, 0, :2].abs() > BOX).any(-1).double().mean()),
    }


def histogram_divergence(drawn: Tensor, bins: int = 40) -> float:
    """KL of drawn samples to the exact distribution, in x and y; for exact samples half the bins over their number."""
    edges = np.linspace(-BOX, BOX, bins + 1)
    counts, _, _ = np.histogram2d(drawn[:, 0, 0].numpy(), drawn[:, 0, 1].numpy(), bins=(edges, edges))
    share = counts / len(drawn)
    fine = (GRID[:-1] + GRID[1:]) / 2
    x, y = np.meshgrid(fine, fine, indexing="ij")
    points = torch.from_numpy(np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 1, 3))
    density = torch.exp(-reduced_energy(points)).numpy().reshape(bins, len(fine) // bins, bins, len(fine) // bins)
    exact = density.sum((1, 3)) / density.sum()
    inside, outside = share > 0, 1.0 - share.sum()  # what left the box is where nothing should be
    left = outside * math.log(outside / 1e-9) if outside > 0 else 0.0
    return left + float((share[inside] * np.log(share[inside] / np.maximum(exact[inside], 1e-9))).sum())


def main() -> None:
    """All ways, several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=300, help="exact samples to learn from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--test", type=int, default=1000, help="exact samples to measure on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="JSON")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        rng = np.random.default_rng(seed)
        data = exact_samples(arguments.samples, rng)
        test = exact_samples(arguments.test, rng).double()
        exact = -reduced_energy(test) - log_partition()
        for way in WAYS:
            began = time.perf_counter()
            model = trained(way, data, arguments.steps, seed)
            seconds = time.perf_counter() - began
            rows.append({"way": way, "seed": seed, "training_s": seconds, **measured(model, test, exact, seed)})
            print(json.dumps(rows[-1]), flush=True)
    names = [name for name in rows[0] if name not in {"way", "seed"}]
    print("| | " + " | ".join(WAYS) + " |\n" + "|---" * (len(WAYS) + 1) + "|")
    for name in names:
        medians = [statistics.median(row[name] for row in rows if row["way"] == way) for way in WAYS]
        print(f"| {name} | " + " | ".join(f"{value:.4g}" for value in medians) + " |")
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
