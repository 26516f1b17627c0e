"""Densities over a plane, learned by diffusion from their energy, from samples of them, or from both, as DiG learns.

What the plane is (positions of a particle, two torsions) is for the benchmark to say. Points are (x, y, z) with z a
standard Gaussian of its own, so that they are one atom to the library of diffusion; the network is told so, and learns
x and y.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.diffusion.likelihood import log_likelihood
from models.diffusion.physics import energy_mismatch, fokker_planck_residual
from models.diffusion.processes import VariancePreserving, spread
from models.diffusion.samplers import NoisedState, follow_flow, prior_state
from models.diffusion.schedules import polynomial_schedule

Way = Literal["energy", "data", "both"]
WAYS: tuple[Way, ...] = ("energy", "data", "both")
PROCESS = VariancePreserving(schedule=polynomial_schedule(1000, precision=1e-4), centered=False)
EARLIEST, LATEST = 0.01, 0.99
TIME_STEP = 5e-3  # half the width of the difference quotient
BATCH = 128
N_DRAWN = 5_000
BINS = 24
FINE = 12  # points of the exact density along a side of a bin
N_CANDIDATES = 20_000
CANDIDATE_TEMPERATURE = 5.0  # of the points at which the equation must hold, over that of the distribution
ANYWHERE_SHARE = 0.2  # of those points that lie anywhere in the square
STRONG_FORCE = 10.0  # over kT; where forces are stronger next to nobody ever is


@dataclass(frozen=True, kw_only=True)
class PlanarTarget:
    """Boltzmann's distribution of an energy.

    Attributes:
        energy: E / kT of points of the plane, shape (n, 2) to (n,), differentiable.
        half_width: Of the square about 0 outside which next to nothing lies.
        reach: Of the candidates that may lie anywhere, in half widths: above 1 where a wall is to be learned.
    """

    energy: Callable[[Tensor], Tensor]
    half_width: float
    reach: float = 1.0

    def reduced_energy(self, points: Tensor) -> Tensor:
        """E / kT with that of z, shape (n, 1, 3) to (n,)."""
        return self.energy(points[:, 0, :2]) + 0.5 * points[:, 0, 2].square()

    def reduced_force(self, points: Tensor) -> Tensor:
        """Force over kT, shape of the points."""
        at = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.reduced_energy(at).sum(), at)
        return -gradient

    @cached_property
    def grid_energy(self) -> NDArray[np.float64]:
        """E / kT at the middles of `BINS * FINE` cells along either side."""
        edges = np.linspace(-self.half_width, self.half_width, BINS * FINE + 1)
        x, y = np.meshgrid(*2 * [(edges[:-1] + edges[1:]) / 2], indexing="ij")
        with torch.no_grad():
            found = self.energy(torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2)))
        return found.numpy().reshape(x.shape)

    @cached_property
    def log_partition(self) -> float:
        """Logarithm of the integral of exp(-E / kT), z included."""
        cell = (2 * self.half_width / len(self.grid_energy)) ** 2
        total = torch.logsumexp(-torch.from_numpy(self.grid_energy).flatten(), 0)
        return float(total) + math.log(cell) + 0.5 * math.log(2 * math.pi)

    @cached_property
    def bin_shares(self) -> NDArray[np.float64]:
        """Probability of each bin, shape (BINS, BINS)."""
        density = np.exp(-(self.grid_energy - self.grid_energy.min())).reshape(BINS, FINE, BINS, FINE).sum((1, 3))
        shares: NDArray[np.float64] = density / density.sum()
        return shares

    def log_density(self, points: Tensor) -> Tensor:
        """Exact, shape (n,)."""
        return -self.reduced_energy(points) - self.log_partition

    def draw(self, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Tensor:
        """Exact samples by rejection, shape (n, 1, 3), float64.

        Args:
            n: How many.
            rng: Source of randomness.
            temperature: In units of that of the distribution.
        """
        kept: list[NDArray[np.float64]] = []
        lowest = self.grid_energy.min() - 0.05  # between the points of the grid it can lie a little lower
        while sum(map(len, kept)) < n:
            xy = rng.uniform(-self.half_width, self.half_width, (200_000, 2))
            with torch.no_grad():
                energy = self.energy(torch.from_numpy(xy)).numpy()
            kept.append(xy[rng.random(len(xy)) < np.exp((lowest - energy) / temperature)])
        points = np.concatenate([np.concatenate(kept)[:n], rng.standard_normal((n, 1))], axis=1)
        return torch.from_numpy(points).unsqueeze(1)

    def candidates(self, seed: int) -> Tensor:
        """Points at which the equation must hold: hot ones and some from anywhere, float32. None is a sample."""
        rng = np.random.default_rng(seed)
        anywhere = round(ANYWHERE_SHARE * N_CANDIDATES)
        wide = self.draw(anywhere, rng, float("inf"))
        wide[..., :2] *= self.reach
        return torch.cat([self.draw(N_CANDIDATES - anywhere, rng, CANDIDATE_TEMPERATURE), wide]).float()


class ScoreNetwork(nn.Module):
    """Score of values (n, 1, 3) at times in [0, 1]: that of the prior, and what a small network adds before the end.

    Attributes:
        n_waves: Frequencies in which the network sees the plane beside its coordinates.
    """

    def __init__(self, half_width: float, *, width: int = 128, n_waves: int = 0) -> None:
        super().__init__()
        self.half_width, self.n_waves = half_width, n_waves
        self.layers = nn.Sequential(
            nn.Linear(2 + 4 * n_waves + 9, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, values: Tensor, time: Tensor) -> Tensor:
        """Same shape as the values."""
        plane, told = values[:, 0, :2], time.to(values).unsqueeze(-1)
        seen = [plane, told]
        for wave in range(1, 5):
            seen += [(wave * math.pi * told).sin(), (wave * math.pi * told).cos()]
        for wave in range(1, self.n_waves + 1):
            angle = (wave * math.pi / self.half_width) * plane
            seen += [angle.sin(), angle.cos()]
        added = PROCESS.schedule.alpha(time).to(values).unsqueeze(-1) * self.layers(torch.cat(seen, dim=-1))
        return nn.functional.pad(added, (0, 1)).unsqueeze(1) - values


def data_loss(model: ScoreNetwork, data: Tensor, generator: torch.Generator) -> Tensor:
    """Denoising score matching: |sigma s(alpha x + sigma eps) + eps|^2."""
    clean = data[torch.randint(len(data), (BATCH,), generator=generator)]
    times = _times(generator)
    noise = torch.randn(clean.shape, generator=generator)
    alpha, sigma = PROCESS.coefficients(times, clean)
    predicted = model(alpha * clean + sigma * noise, times)
    return (sigma * predicted + noise).square().sum((-1, -2)).mean()


def energy_loss(model: ScoreNetwork, target: PlanarTarget, candidates: Tensor, generator: torch.Generator) -> Tensor:
    """Fokker-Planck residual at noised candidates, and the force at clean ones."""
    clean = candidates[torch.randint(len(candidates), (BATCH,), generator=generator)]
    times = _times(generator)
    noise = torch.randn(clean.shape, generator=generator)
    mask = torch.ones(BATCH, 1)
    alpha, sigma = PROCESS.coefficients(times, clean)
    residual = fokker_planck_residual(PROCESS, model, alpha * clean + sigma * noise, mask, times, time_step=TIME_STEP)
    # Both in units of the noise, as in the loss of data, and late times no louder than early ones.
    weight = spread(PROCESS.schedule.sigma(times) / (0.15 + 0.25 * PROCESS.schedule.rate(times)), residual)
    force = target.reduced_force(clean)
    mismatch = energy_mismatch(PROCESS, model, clean, mask, force)
    close = 1.0 / (1.0 + force.square().sum((-1, -2)) / STRONG_FORCE**2)
    match = (mismatch.square().sum((-1, -2)) * close).mean()
    return (weight * residual).square().sum((-1, -2)).clamp_max(1e3).mean() + match


def _times(generator: torch.Generator) -> Tensor:
    return EARLIEST + (LATEST - EARLIEST) * torch.rand(BATCH, generator=generator)


def trained(way: Way, target: PlanarTarget, data: Tensor, *, steps: int, seed: int, n_waves: int = 0) -> ScoreNetwork:
    """A network trained one way; energies and data weigh alike where both are used.

    Args:
        way: From what.
        target: Its energy and force are read unless `way` is `data`.
        data: Samples, shape (n, 1, 3); not read if `way` is `energy`.
        steps: Of the optimiser.
        seed: Of weights and noise.
        n_waves: Of the network.
    """
    torch.manual_seed(seed)
    model, generator = ScoreNetwork(target.half_width, n_waves=n_waves), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    seen, candidates = data.float(), target.candidates(seed)
    for _ in range(steps):
        parts = []
        if way != "energy":
            parts.append(data_loss(model, seen, generator))
        if way != "data":
            parts.append(energy_loss(model, target, candidates, generator))
        optimizer.zero_grad()
        torch.stack(parts).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        schedule.step()
    return model.eval().double()


def measured(model: ScoreNetwork, target: PlanarTarget, test: Tensor, seed: int) -> dict[str, float]:
    """Divergences, and how near the likelihood comes to the exact density.

    Args:
        model: Trained.
        target: What it was to learn.
        test: Exact samples, shape (n, 1, 3), float64.
        seed: Of the samples drawn.
    """

    def predict_noise(values: Tensor, times: Tensor) -> Tensor:
        share = times.to(values) / PROCESS.schedule.n_steps
        return -spread(PROCESS.schedule.sigma(times), values) * model(values, share)

    mask = torch.ones(len(test), 1)
    # The likelihood of test points that were noised as little as the network has learned to see.
    first = round(EARLIEST * PROCESS.schedule.n_steps)
    state = NoisedState(values=test, mask=mask, time=torch.full((len(test),), first))
    times = torch.unique(torch.linspace(first, PROCESS.schedule.n_steps, 51).round().long())
    found = log_likelihood(PROCESS, predict_noise, state, times)
    exact = target.log_density(test)
    generator = torch.Generator().manual_seed(seed)
    many = torch.ones(N_DRAWN, 1)
    start = prior_state(PROCESS, many, PROCESS.noise(many, generator, dtype=torch.float64))
    drawn = follow_flow(PROCESS, predict_noise, start, times.flip(0))[:, 0, :2]
    return {
        "kl_exact_to_model": float((exact - found).mean()),
        "kl_model_to_exact": histogram_divergence(drawn, target),
        "log_density_error_mean": float((found - exact).abs().mean()),
        "outside_share": float((drawn.abs() > target.half_width).any(-1).double().mean()),
        **{f"{side}_share": share for side, share in _halves(drawn).items()},
        **{f"{side}_share_of_exact_samples": share for side, share in _halves(test[:, 0, :2]).items()},
    }


def _halves(points: Tensor) -> dict[str, float]:
    return {"right": float((points[:, 0] > 0).double().mean()), "upper": float((points[:, 1] > 0).double().mean())}


def histogram_divergence(drawn: Tensor, target: PlanarTarget) -> float:
    """KL of drawn points, shape (n, 2), to the exact distribution; of exact samples, half the bins over their number.

    A bin or an outside that the exact distribution leaves empty counts as if one point in 1e9 fell there.
    """
    edges = np.linspace(-target.half_width, target.half_width, BINS + 1)
    counts, _, _ = np.histogram2d(drawn[:, 0].numpy(), drawn[:, 1].numpy(), bins=(edges, edges))
    share = counts / len(drawn)
    inside, outside = share > 0, 1.0 - float(share.sum())
    left = outside * math.log(outside / 1e-9) if outside > 1e-12 else 0.0
    exact = np.maximum(target.bin_shares, 1e-9)
    return left + float((share[inside] * np.log(share[inside] / exact[inside])).sum())


def compared(
    target: PlanarTarget, *, n_samples: int, n_test: int, seeds: int, steps: int, n_waves: int = 0
) -> list[dict[str, Any]]:
    """Every way with every seed; samples to learn from change with the seed too.

    Args:
        target: What is to be learned.
        n_samples: Exact samples to learn from.
        n_test: Exact samples to measure on.
        seeds: How many.
        steps: Of the optimiser.
        n_waves: Of the network.
    """
    rows = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        data, test = target.draw(n_samples, rng), target.draw(n_test, rng)
        for way in WAYS:
            began = time.perf_counter()
            model = trained(way, target, data, steps=steps, seed=seed, n_waves=n_waves)
            seconds = time.perf_counter() - began
            rows.append({"way": way, "seed": seed, "training_s": seconds, **measured(model, target, test, seed)})
            print(", ".join(f"{name} {value:.4g}" if name != "way" else value for name, value in rows[-1].items()))
    return rows


def print_medians(rows: Sequence[dict[str, Any]]) -> None:
    """Table of medians over the seeds, least and largest beside them."""
    print("\n| | " + " | ".join(WAYS) + " |\n" + "|---" * (len(WAYS) + 1) + "|")
    for name in [name for name in rows[0] if name not in {"way", "seed"}]:
        cells = []
        for way in WAYS:
            own = [row[name] for row in rows if row["way"] == way]
            cells.append(f"{statistics.median(own):.3g} ({min(own):.3g} to {max(own):.3g})")
        print(f"| {name} | " + " | ".join(cells) + " |")
