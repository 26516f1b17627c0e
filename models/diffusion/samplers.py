"""From noise, or from a start, to samples: one step function and one driver for each sampler.

Diffusion samplers take a predictor of the noise (`models.diffusion.parametrisations.noise_predictor` makes one of any
network) and integer times. Steps allow another time for every system; drivers take all systems through the same times.
Predictions are projected into the subspace of the process, so that padding stays zero and centres stay where they are.
No gradients are recorded by drivers; a predictor that needs some enables them itself.

| sampler | equation | source |
|---|---|---|
| ancestral | 6 and 7 (lower), 3.2 (upper) | DOI 10.48550/arXiv.2006.11239 |
| implicit | 12 and 16 | DOI 10.48550/arXiv.2010.02502 |
| probability flow | 13, in an angle (appendix D of DOI 10.48550/arXiv.2202.00512) | DOI 10.48550/arXiv.2011.13456 |
| straight path | Brownian bridge, see `straight_path_step` | DOI 10.48550/arXiv.2303.08797 |
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.noise import NoiseSource
from models.diffusion.parametrisations import Predictor, converted
from models.diffusion.processes import StraightPath, VariancePreserving, spread

Variance = Literal["lower", "upper"]
Solver = Literal["euler", "heun"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoisedState:
    """Where a diffusion sampler stands.

    Attributes:
        values: Shape (..., n_atoms, 3).
        mask: 1 where an atom is, shape (..., n_atoms).
        time: Integer times, shape of some first axes, usually (batch,).
    """

    values: Tensor
    mask: Tensor
    time: Tensor


def prior_state(process: VariancePreserving, mask: Tensor, noise: NoiseSource) -> NoisedState:
    """Sample of the prior, at the last time of the schedule.

    Args:
        process: Variance-preserving process.
        mask: 1 where an atom is, shape (batch, ..., n_atoms).
        noise: Source of noise; one tensor is taken.

    Returns:
        State with one time for each system, shape (batch,).
    """
    time = torch.full(mask.shape[:1], process.schedule.n_steps, device=mask.device)
    return NoisedState(values=process.project(noise(), mask), mask=mask, time=time)


def ancestral_step(
    process: VariancePreserving,
    state: NoisedState,
    predicted_noise: Tensor,
    earlier: Tensor,
    noise: Tensor,
    *,
    variance: Variance = "lower",
) -> NoisedState:
    """Sample q(x_s | x_t) with the predicted noise in place of the true one.

    x_s = (x_t - beta / sigma_t eps) / sqrt(1 - beta) + std z, with beta = 1 - alpha_bar_t / alpha_bar_s. The variance
    is beta sigma_s^2 / sigma_t^2 ("lower", exact if the data are one point) or beta ("upper", exact if they are
    standard Gaussian). No noise is added by the step to time 0. A system whose `earlier` equals its time does not
    move.

    Args:
        process: Variance-preserving process.
        state: x_t and t.
        predicted_noise: eps at x_t, shape (..., n_atoms, 3).
        earlier: s, integer, at most t, shape of the times.
        noise: z, noise of the process, shape (..., n_atoms, 3).
        variance: Which of the two bounds.

    Returns:
        The state at s.

    Raises:
        ConfigurationError: If the variance is unknown.
    """
    if variance not in ("lower", "upper"):
        raise ConfigurationError(f"variance {variance!r} is unknown; give lower or upper")
    kept, beta, sigma, sigma_earlier = _step_levels(process, state.time, earlier)
    added = beta.sqrt() if variance == "upper" else beta.sqrt() * sigma_earlier / sigma
    added = torch.where(earlier > 0, added, torch.zeros_like(added))
    epsilon = process.project(predicted_noise, state.mask)
    mean = (state.values - spread(beta / sigma, epsilon) * epsilon) / spread(kept, epsilon)
    return replace(state, values=mean + spread(added, noise) * noise, time=earlier)


def implicit_step(
    process: VariancePreserving,
    state: NoisedState,
    predicted_noise: Tensor,
    earlier: Tensor,
    noise: Tensor | None,
    *,
    eta: float = 0.0,
) -> NoisedState:
    """Step of a denoising diffusion implicit model: x_s = alpha_s x_0 + sqrt(sigma_s^2 - std^2) eps + std z.

    std = eta sigma_s / sigma_t sqrt(beta): with eta 0 the step is deterministic, with eta 1 it is the ancestral step of
    lower variance.

    Args:
        process: Variance-preserving process.
        state: x_t and t.
        predicted_noise: eps at x_t, shape (..., n_atoms, 3).
        earlier: s, integer, at most t, shape of the times.
        noise: z, noise of the process, shape (..., n_atoms, 3); unused if eta is 0.
        eta: Share of the randomness, 0 to 1.

    Returns:
        The state at s.

    Raises:
        ConfigurationError: If eta is out of range, or positive without noise.
    """
    if not 0.0 <= eta <= 1.0:
        raise ConfigurationError(f"eta is {eta}; give 0 (deterministic) to 1 (ancestral)")
    kept, beta, sigma, sigma_earlier = _step_levels(process, state.time, earlier)
    added = eta * beta.sqrt() * sigma_earlier / sigma
    remaining = (sigma_earlier.square() - added.square()).clamp_min(0.0).sqrt()
    epsilon = process.project(predicted_noise, state.mask)
    # alpha_s x_0 = (x_t - sigma_t eps) / kept, without dividing by an alpha_t near 0
    values = (state.values - spread(sigma, epsilon) * epsilon) / spread(kept, epsilon)
    values = values + spread(remaining, epsilon) * epsilon
    if eta > 0.0:
        if noise is None:
            raise ConfigurationError(f"eta is {eta} and no noise was given; give a noise source, or eta 0")
        values = values + spread(added, noise) * noise
    return replace(state, values=values, time=earlier)


def flow_step(
    process: VariancePreserving, predict_noise: Predictor, state: NoisedState, other: Tensor, *, solver: Solver = "heun"
) -> NoisedState:
    """Follow the probability flow to an earlier or a later time.

    In the angle phi with alpha = cos(phi) and sigma = sin(phi) the flow is dx / dphi = v, the velocity
    alpha eps - sigma x_0, which is finite wherever eps is well predicted. Where a step ends without noise
    (sigma = 0) Heun's second evaluation is left out, since no network is trained there.

    Args:
        process: Variance-preserving process.
        predict_noise: Predictor of eps.
        state: x_t and t.
        other: Time to go to, integer, shape of the times.
        solver: `euler` evaluates once a step (first order), `heun` twice (second order).

    Returns:
        The state at the other time.

    Raises:
        ConfigurationError: If the solver is unknown.
    """
    if solver not in ("euler", "heun"):
        raise ConfigurationError(f"solver {solver!r} is unknown; give euler or heun")
    turn = spread(process.schedule.angle(other) - process.schedule.angle(state.time), state.values)
    first = flow_velocity(process, predict_noise, state)
    moved = replace(state, values=state.values + turn * first, time=other)
    if solver == "euler" or bool((process.schedule.sigma(other) == 0.0).any()):
        return moved
    second = flow_velocity(process, predict_noise, moved)
    return replace(moved, values=state.values + 0.5 * turn * (first + second))


def flow_velocity(process: VariancePreserving, predict_noise: Predictor, state: NoisedState) -> Tensor:
    """Velocity dx / dphi of the probability flow at a state, shape (..., n_atoms, 3)."""
    epsilon = process.project(predict_noise(state.values, state.time), state.mask)
    return converted(epsilon, state.values, state.time, process, source="noise", target="velocity")


@torch.no_grad()
def sample_ancestral(
    process: VariancePreserving,
    predict_noise: Predictor,
    state: NoisedState,
    times: Tensor,
    noise: NoiseSource,
    *,
    variance: Variance = "lower",
) -> Tensor:
    """Ancestral sampling from a state (`prior_state`, or something noised) down the times.

    Args:
        process: Variance-preserving process.
        predict_noise: Predictor of eps.
        state: Where to begin.
        times: Integer times, falling, the first that of the state, shape (n_intervals + 1,).
        noise: Source of noise; one tensor a step is taken.
        variance: As in `ancestral_step`.

    Returns:
        Values at the last time, shape (batch, ..., n_atoms, 3).
    """
    for earlier in _followed(state, times, falling=True):
        predicted = predict_noise(state.values, state.time)
        state = ancestral_step(process, state, predicted, earlier, noise(), variance=variance)
    return state.values


@torch.no_grad()
def sample_implicit(
    process: VariancePreserving,
    predict_noise: Predictor,
    state: NoisedState,
    times: Tensor,
    noise: NoiseSource | None = None,
    *,
    eta: float = 0.0,
) -> Tensor:
    """Implicit sampling; arguments as in `sample_ancestral`. With eta 0 no noise is taken, else one tensor a step."""
    for earlier in _followed(state, times, falling=True):
        predicted = predict_noise(state.values, state.time)
        fresh = noise() if noise is not None and eta > 0.0 else None
        state = implicit_step(process, state, predicted, earlier, fresh, eta=eta)
    return state.values


@torch.no_grad()
def follow_flow(
    process: VariancePreserving,
    predict_noise: Predictor,
    state: NoisedState,
    times: Tensor,
    *,
    solver: Solver = "heun",
) -> Tensor:
    """Probability flow along the times: falling decodes, rising encodes; the other arguments as in `flow_step`.

    Args:
        process: Variance-preserving process.
        predict_noise: Predictor of eps.
        state: Where to begin.
        times: Integer times, falling or rising, the first that of the state, shape (n_intervals + 1,).
        solver: `euler` or `heun`.

    Returns:
        Values at the last time, shape (batch, ..., n_atoms, 3).
    """
    for other in _followed(state, times, falling=bool(times[-1] < times[0])):
        state = flow_step(process, predict_noise, state, other, solver=solver)
    return state.values


def straight_path_step(
    path: StraightPath, point: Tensor, predicted_target: Tensor, time: float, later: float, noise: Tensor | None
) -> Tensor:
    """Step of the Brownian bridge that ends at the predicted target.

    The bridge of diffusion a that is at x at time t and at y at time 1 is at time s Gaussian with mean
    x + (s - t) / (1 - t) (y - x) and variance a^2 (s - t) (1 - s) / (1 - t). Begun at the start of the path its
    marginal is that of `StraightPath.point` at every time, so the network meets the points that it was trained on.
    The last step (s = 1) has variance 0 and lands on the prediction. Without path noise this is an Euler step of the
    flow.

    Args:
        path: Path that the network was trained on, or one with less path noise.
        point: x, shape (..., n_atoms, 3).
        predicted_target: y, in the subspace of the path, same shape.
        time: t, at least 0.
        later: s, above t and at most 1.
        noise: Noise of the path, same shape; unused without path noise and by the last step.

    Returns:
        Point at the later time, same shape.

    Raises:
        ConfigurationError: If the times are out of order, or the path has noise and none was given.
    """
    if not 0.0 <= time < later <= 1.0:
        raise ConfigurationError(f"times {time} and {later} of a path: give 0 <= time < later <= 1")
    # lerp with weight 1 returns its end exactly; the weight of the last step is exactly 1
    moved = torch.lerp(point, predicted_target, (later - time) / (1.0 - time))
    if path.path_noise == 0.0 or later == 1.0:
        return moved
    if noise is None:
        raise ConfigurationError(f"path_noise is {path.path_noise} and no noise was given; give a noise source")
    return moved + path.path_noise * math.sqrt((later - time) * (1.0 - later) / (1.0 - time)) * noise


@torch.no_grad()
def straight_path_steps(
    path: StraightPath,
    predict_target: Predictor,
    start: Tensor,
    mask: Tensor,
    n_steps: int,
    noise: NoiseSource | None = None,
) -> Tensor:
    """Walk from a start to the target in equal steps, predicting the target anew at each.

    Args:
        path: Path that the network was trained on; with its path noise set to 0 the walk is deterministic.
        predict_target: Maps points (batch, ..., n_atoms, 3) and times (batch,), floating point, to targets.
        start: Shape (batch, ..., n_atoms, 3).
        mask: 1 where an atom is, shape (batch, ..., n_atoms).
        n_steps: Number of steps and of predictions, at least 1.
        noise: Source of noise, needed with path noise; one tensor for every step but the last is taken.

    Returns:
        The last prediction, shape (batch, ..., n_atoms, 3).

    Raises:
        ConfigurationError: If there is no step, or noise is needed and missing.
    """
    if n_steps < 1:
        raise ConfigurationError(f"n_steps is {n_steps}; give at least 1")
    point = path.project(start, mask)
    grid = [step / n_steps for step in range(n_steps + 1)]
    for time, later in itertools.pairwise(grid):
        times = torch.full(point.shape[:1], time, dtype=point.dtype, device=point.device)
        target = path.project(predict_target(point, times), mask)
        fresh = noise() if noise is not None and path.path_noise > 0.0 and later < 1.0 else None
        point = straight_path_step(path, point, target, time, later, fresh)
    return point


def _step_levels(process: VariancePreserving, time: Tensor, earlier: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """sqrt(1 - beta), beta, sigma_t and sigma_s in double precision; sigma_t kept above 0 so that it can divide."""
    schedule = process.schedule
    log_kept = schedule.log_alpha_bar(time) - schedule.log_alpha_bar(earlier)
    # Where sigma_t is 0 nothing is left to do: beta is 0, and 0 / tiny is 0.
    sigma = schedule.sigma(time).clamp_min(torch.finfo(torch.float64).tiny)
    return (0.5 * log_kept).exp(), -torch.expm1(log_kept), sigma, schedule.sigma(earlier)


def _followed(state: NoisedState, times: Tensor, *, falling: bool) -> list[Tensor]:
    """The times after the first, each for all systems, once they are found to be in order."""
    steps = times.diff()
    if times.ndim != 1 or times.numel() < 2 or not bool((steps < 0).all() if falling else (steps > 0).all()):
        raise ConfigurationError(
            f"times must be one {'falling' if falling else 'rising'} row of two or more, got {times.tolist()};"
            f" take Schedule.descending_times"
        )
    if not bool((state.time == times[0]).all()):
        raise ConfigurationError(
            f"the first time is {int(times[0])} and the state is at {sorted(set(state.time.flatten().tolist()))};"
            f" begin the times where the state is"
        )
    return [time.to(state.time).expand_as(state.time) for time in times[1:]]
