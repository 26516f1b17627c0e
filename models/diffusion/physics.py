"""Learning a diffusion model from an energy instead of data (physics-informed pre-training of DiG).

The score s = grad ln p of variance-preserving diffusion obeys, with u the share of the process that is done and b its
rate (`models.diffusion.schedules.Schedule.rate`),

    ds/du = b/2 grad( x.s + |s|^2 + div s ),

the gradient of the Fokker-Planck equation of dx = -b/2 x du + sqrt(b) dW. At u = 0 the score is that of Boltzmann's
distribution, the force over kT. A network that obeys both, at enough points, samples the distribution without having
seen a sample (10.1038/s42256-024-00837-3, equation 8).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.processes import VariancePreserving, spread

Score = Callable[[Tensor, Tensor], Tensor]  # of values (batch, ..., n_atoms, 3) and times in [0, 1], shape (batch,)


def divergence(
    process: VariancePreserving, field: Tensor, values: Tensor, mask: Tensor, probes: Tensor | None = None
) -> Tensor:
    """Divergence of a field in the subspace of a process, differentiable once more.

    Args:
        process: Says what the subspace is.
        field: Of the values, shape (batch, ..., n_atoms, 3), with its graph.
        values: Where it was taken.
        mask: 1 where an atom is, shape (batch, ..., n_atoms).
        probes: Rademacher probes, shape (n_probes, batch, ..., n_atoms, 3), for Hutchinson's estimate
            (10.1080/03610919008812866); None for all diagonal derivatives, one backward pass each.

    Returns:
        Shape (batch,).
    """
    directions = _units(values) if probes is None else list(probes.unbind(0))
    weight = 1.0 if probes is None else 1.0 / len(directions)
    total = values.new_zeros(values.shape[0])
    for direction in directions:
        inside = process.project(direction, mask)
        (row,) = torch.autograd.grad(field, values, inside, create_graph=True)
        total = total + weight * (row * inside).flatten(1).sum(-1)
    return total


def fokker_planck_residual(
    process: VariancePreserving,
    score: Score,
    values: Tensor,
    mask: Tensor,
    time: Tensor,
    *,
    probes: Tensor | None = None,
    time_step: float = 1e-3,
) -> Tensor:
    """By how much a score violates the equation of its process: b/2 grad(x.s + |s|^2 + div s) - ds/du.

    Args:
        process: Variance-preserving process.
        score: Of values and times; it must treat systems apart.
        values: Points at which to look, shape (batch, ..., n_atoms, 3).
        mask: 1 where an atom is, shape (batch, ..., n_atoms).
        time: Share of the process that is done, shape (batch,), at least `time_step` from 0 and 1.
        probes: As in `divergence`.
        time_step: Half the width of the difference quotient in time, and of the interval whose mean rate counts.

    Returns:
        Shape of the values, in the inverse of their unit, with its graph.

    Raises:
        ConfigurationError: A time lies too near to 0 or 1.
    """
    if bool(((time < time_step) | (time > 1.0 - time_step)).any()):
        raise ConfigurationError(f"times must lie from {time_step} to {1.0 - time_step}, got {time.tolist()}")
    with torch.enable_grad():
        tracked = values.detach().requires_grad_()
        own = process.project(score(tracked, time), mask)
        inner = (tracked * own).flatten(1).sum(-1) + own.square().flatten(1).sum(-1)
        inner = inner + divergence(process, own, tracked, mask, probes)
        (slope,) = torch.autograd.grad(inner.sum(), tracked, create_graph=True)
        later, earlier = (score(tracked, time + sign * time_step) for sign in (1.0, -1.0))
    change = process.project(later - earlier, mask) / (2.0 * time_step)
    kept = process.schedule.log_alpha_bar(time + time_step) - process.schedule.log_alpha_bar(time - time_step)
    rate = -kept / (2.0 * time_step)
    return 0.5 * spread(rate, slope) * process.project(slope, mask) - change


def energy_mismatch(process: VariancePreserving, score: Score, values: Tensor, mask: Tensor, force: Tensor) -> Tensor:
    """Difference of the score at the end of the reverse process and that of Boltzmann's distribution.

    Args:
        process: Variance-preserving process.
        score: As in `fokker_planck_residual`.
        values: Points, shape (batch, ..., n_atoms, 3).
        mask: 1 where an atom is, shape (batch, ..., n_atoms).
        force: Force over kT there, same shape as the values, in the inverse of their unit.

    Returns:
        Shape of the values.
    """
    at_the_end = torch.zeros(values.shape[0], dtype=values.dtype, device=values.device)
    return process.project(score(values, at_the_end) - force, mask)


def _units(values: Tensor) -> list[Tensor]:
    """Unit vectors of one system, each for all systems at once."""
    size = values[0].numel()
    units = torch.eye(size, dtype=values.dtype, device=values.device)
    return [unit.expand(values.shape[0], size).reshape(values.shape) for unit in units]
