"""Smooth functions of distances, and of noise levels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def smooth_cutoff(distances: Tensor, cutoff: float) -> Tensor:
    """1 at no distance, 0 from the cutoff on, twice differentiable there: 1 - 10 x^3 + 15 x^4 - 6 x^5; shape kept."""
    x = (distances / cutoff).clamp(0.0, 1.0)
    return 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)


class RadialBasis(nn.Module):
    """Gaussians evenly spaced in exp(-d / 2.5 Angstrom), so that short distances are resolved best."""

    def __init__(self, n_radial: int, longest: float = 12.0, shortest: float = 0.5, decay: float = 2.5) -> None:
        super().__init__()
        self.decay = decay
        ends = math.exp(-longest / decay), math.exp(-shortest / decay)
        self.register_buffer("centers", torch.linspace(*ends, n_radial), persistent=False)
        self.sharpness = 0.5 * ((n_radial - 1) / (ends[1] - ends[0])) ** 2

    def forward(self, distances: Tensor) -> Tensor:
        """Distances (...) in Angstrom to (..., n_radial)."""
        place = torch.exp(-distances / self.decay).unsqueeze(-1)
        return torch.exp(-self.sharpness * (place - self.centers) ** 2)


class LevelEmbedding(nn.Module):
    """Noise level or path time in [0, 1] as smooth functions, shape (...) to (..., channels)."""

    def __init__(self, channels: int, n_waves: int = 8) -> None:
        super().__init__()
        self.register_buffer("waves", math.pi * torch.arange(1, n_waves + 1), persistent=False)
        self.mix = nn.Sequential(nn.Linear(2 * n_waves + 1, channels), nn.SiLU(), nn.Linear(channels, channels))

    def forward(self, level: Tensor) -> Tensor:
        """Embed."""
        angle = level.unsqueeze(-1) * self.waves.to(level)
        return self.mix(torch.cat([level.unsqueeze(-1), angle.sin(), angle.cos()], dim=-1))
