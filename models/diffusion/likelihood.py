"""Log-likelihood of values under a diffusion model, through its probability flow.

In the angle phi of `models.diffusion.samplers.flow_step` the flow is dx / dphi = v and carries densities by
d ln p / dphi = -div v, so ln p(x) = ln p_prior(x_T) + integral of div v over phi. This is equation 39 of Song et al.
(DOI 10.48550/arXiv.2011.13456), and the likelihood of DiG (DOI 10.1038/s42256-024-00837-3), in another variable: the
integrand stays finite where the noise rate or the score does not. A centred process has a density in 3 (n - 1)
dimensions, and only the divergence within its subspace counts.

An error of a predicted noise counts 1 / alpha times: schedules that end at alpha of about 0.01 give better likelihoods
than those that end at 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.parametrisations import Predictor
from models.diffusion.processes import VariancePreserving
from models.diffusion.samplers import NoisedState, flow_velocity


def log_likelihood(
    process: VariancePreserving,
    predict_noise: Predictor,
    state: NoisedState,
    times: Tensor,
    *,
    probes: Tensor | None = None,
) -> Tensor:
    """Logarithm of the model's density at the given values, by Heun's method.

    Objects of one system (axes between the first and the atoms) have one joint density. Without probes every derivative
    on the diagonal is computed, which costs as many backward passes as a system has coordinates.

    Args:
        process: Variance-preserving process.
        predict_noise: Predictor of eps, differentiable in the values; it must treat systems apart.
        state: Values (batch, ..., n_atoms, 3) at the first of the times, their mask, and that time.
        times: Integer times, rising to the last of the schedule, shape (n_intervals + 1,). The density is that at the
            first time: begin at 1 if the schedule has no noise at 0, where no network is trained.
        probes: Rademacher probes (`models.diffusion.noise.rademacher_probes`), shape (n_probes, batch, ...,
            n_atoms, 3), the same ones at every time; or (n_intervals + 1, n_probes, batch, ..., n_atoms, 3), others
            at every time, whose errors partly cancel. Either way the estimate is smooth in the values.

    Returns:
        Shape (batch,), in units of the inverse volume.

    Raises:
        ConfigurationError: If the times do not rise from that of the state to the end of the schedule, or the probes
            are not as many.
    """
    _check_times(process, state, times)
    each = _probes_of_times(state.values, times, probes)
    values, mask = process.project(state.values, state.mask), state.mask
    total = torch.zeros(values.shape[0], dtype=values.dtype, device=values.device)
    angles = process.schedule.angle(times).to(values.dtype)
    for place, (now, later) in enumerate(itertools.pairwise(times.tolist())):
        turn = angles[place + 1] - angles[place]
        first, first_divergence = _velocity_and_divergence(process, predict_noise, values, mask, now, each[place])
        moved = values + turn * first
        second, second_divergence = _velocity_and_divergence(
            process, predict_noise, moved, mask, later, each[place + 1]
        )
        values = values + 0.5 * turn * (first + second)
        total = total + 0.5 * turn * (first_divergence + second_divergence)
    prior = process.prior_log_density(values, mask)
    return total + prior.reshape(prior.shape[0], -1).sum(-1)


def _check_times(process: VariancePreserving, state: NoisedState, times: Tensor) -> None:
    """Times rise from that of the state to the end of the schedule."""
    rising = times.ndim == 1 and times.numel() >= 2 and bool((times.diff() > 0).all())
    if not rising or int(times[-1]) != process.schedule.n_steps or not bool((state.time == times[0]).all()):
        raise ConfigurationError(
            f"times must rise from that of the state, {sorted(set(state.time.flatten().tolist()))},"
            f" to {process.schedule.n_steps}, the end of the schedule; got {times.tolist()}"
        )


def _probes_of_times(values: Tensor, times: Tensor, probes: Tensor | None) -> Sequence[Tensor | None]:
    """Probes for each of the times."""
    if probes is None or probes.ndim == values.ndim + 1:
        return [probes] * len(times)
    if probes.ndim != values.ndim + 2 or len(probes) != len(times):
        raise ConfigurationError(
            f"probes of shape {tuple(probes.shape)} serve neither every time nor each of {len(times)} times for values"
            f" of shape {tuple(values.shape)}; give (n_probes, ...) or ({len(times)}, n_probes, ...)"
        )
    return probes.unbind(0)


def _velocity_and_divergence(
    process: VariancePreserving,
    predict_noise: Predictor,
    values: Tensor,
    mask: Tensor,
    time: int,
    probes: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Velocity dx / dphi, shape (batch, ..., n_atoms, 3), and its divergence in the subspace, shape (batch,)."""
    times = torch.full(values.shape[:1], time, device=values.device)
    with torch.enable_grad():
        tracked = values.detach().requires_grad_()
        velocity = flow_velocity(process, predict_noise, NoisedState(values=tracked, mask=mask, time=times))
        divergence = torch.zeros(values.shape[0], dtype=values.dtype, device=values.device)
        directions = _basis(values) if probes is None else probes.unbind(0)
        weight = 1.0 if probes is None else 1.0 / probes.shape[0]
        for direction in directions:
            # The trace of P J P, P being the projection, is the mean (or sum over a basis) of (P z) . J (P z).
            inside = process.project(direction, mask)
            (row,) = torch.autograd.grad(velocity, tracked, inside, retain_graph=True)
            divergence = divergence + weight * (row * inside).flatten(1).sum(-1)
    return velocity.detach(), divergence


def _basis(values: Tensor) -> Iterator[Tensor]:
    """Unit vectors of one system, each for all systems at once."""
    for index in range(values[0].numel()):
        unit = torch.zeros_like(values).flatten(1)
        unit[:, index] = 1.0
        yield unit.reshape(values.shape)
