"""Noise schedules of variance-preserving diffusion, as tables in double precision.

The cumulative signal power alpha_bar falls from t = 0 (data) to t = T (noise): x_t = sqrt(alpha_bar) x_0 +
sqrt(1 - alpha_bar) eps. Single precision loses the small steps of a long schedule, so tables are always float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chem.errors import ConfigurationError

SMALLEST_STEP_POWER = 1e-3  # a step keeps at least this share of the signal power: no step divides by zero
SIGMOID_REACH = 6.0  # the sigmoid schedule runs over this much of the logistic curve on either side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """How much signal is left at every time.

    A time is an integer from 0 to `n_steps`, or a fraction from 0 to 1 of the whole process in a floating-point tensor.
    Between two integers the logarithm of alpha_bar is linear, that is, noise comes at a constant rate.

    Attributes:
        alpha_bar: Cumulative signal power at t = 0, 1, ..., n_steps; shape (n_steps + 1,), float64, falling,
            within (0, 1].
    """

    alpha_bar: Tensor

    def __post_init__(self) -> None:
        """The table is one falling row of double precision."""
        table = self.alpha_bar
        if table.ndim != 1 or table.numel() < 2 or table.dtype != torch.float64:
            raise ConfigurationError(
                f"alpha_bar must have shape (n_steps + 1,) and type float64,"
                f" got {tuple(table.shape)} and {table.dtype}; build it with a function of models.diffusion.schedules"
            )
        if not bool((table[1:] < table[:-1]).all()) or float(table[0]) > 1.0 or float(table[-1]) <= 0.0:
            raise ConfigurationError("alpha_bar must fall strictly within (0, 1]; take fewer steps or a wider schedule")

    @property
    def n_steps(self) -> int:
        """Largest integer time T."""
        return self.alpha_bar.numel() - 1

    def to(self, device: torch.device | str) -> Schedule:
        """The same schedule on a device."""
        return replace(self, alpha_bar=self.alpha_bar.to(device))

    def log_alpha_bar(self, time: Tensor) -> Tensor:
        """Logarithm of the signal power at integer or fractional times, any shape, float64.

        A time outside the schedule is an index error of the device.
        """
        table = self.alpha_bar.log()
        if not time.is_floating_point():
            return _entries(table, time)
        place = time.double() * self.n_steps
        before, after = place.floor(), place.ceil()
        return torch.lerp(_entries(table, before.long()), _entries(table, after.long()), place - before)

    def alpha(self, time: Tensor) -> Tensor:
        """Factor of the signal, sqrt(alpha_bar); shape of the times, float64."""
        return (0.5 * self.log_alpha_bar(time)).exp()

    def sigma(self, time: Tensor) -> Tensor:
        """Standard deviation of the noise, sqrt(1 - alpha_bar); shape of the times, float64."""
        return (-torch.expm1(self.log_alpha_bar(time))).sqrt()

    def angle(self, time: Tensor) -> Tensor:
        """Angle phi with alpha = cos(phi) and sigma = sin(phi), radian; shape of the times, float64."""
        return torch.atan2(self.sigma(time), self.alpha(time))

    def rate(self, time: Tensor) -> Tensor:
        """Rate b of the equivalent dx = -b/2 x du + sqrt(b) dW with u the fraction of the process, as DiG writes it.

        b = -d ln(alpha_bar) / du, constant between two integer times; an integer time belongs to the step after it, the
        last one to the step before it.

        Args:
            time: Integer or fractional times, any shape.

        Returns:
            Same shape, float64.
        """
        place = time.double() * self.n_steps if time.is_floating_point() else time
        steps = -self.alpha_bar.log().diff() * self.n_steps
        return _entries(steps, place.floor().long().clamp_max(self.n_steps - 1))

    def descending_times(self, n_intervals: int) -> Tensor:
        """Integer times from `n_steps` down to 0, as evenly spaced as can be.

        Args:
            n_intervals: Number of steps a sampler makes, 1 to `n_steps`.

        Returns:
            Shape (n_intervals + 1,), int64.

        Raises:
            ConfigurationError: If there are not that many steps.
        """
        if not 1 <= n_intervals <= self.n_steps:
            raise ConfigurationError(
                f"n_intervals is {n_intervals}; give 1 to {self.n_steps}, the steps of the schedule"
            )
        grid = torch.linspace(self.n_steps, 0, n_intervals + 1, dtype=torch.float64, device=self.alpha_bar.device)
        return grid.round().long()


def _entries(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table by indices of any shape; unlike plain indexing, a negative index is an error."""
    return table.gather(0, index.to(table.device).long().reshape(-1)).reshape(index.shape).to(index.device)


def _fractions(n_steps: int) -> Tensor:
    """0 to 1 in `n_steps` equal steps, shape (n_steps + 1,), float64."""
    if n_steps < 1:
        raise ConfigurationError(f"n_steps is {n_steps}; give at least 1")
    return torch.linspace(0.0, 1.0, n_steps + 1, dtype=torch.float64)


def _with_smallest_step(alpha_bar: Tensor) -> Tensor:
    """The table with the power kept by every step raised to at least `SMALLEST_STEP_POWER`."""
    kept = (alpha_bar[1:] / alpha_bar[:-1]).clamp(SMALLEST_STEP_POWER, 1.0)
    return torch.cat([alpha_bar[:1], alpha_bar[0] * kept.cumprod(0)])


def cosine_schedule(n_steps: int, *, offset: float = 0.008) -> Schedule:
    """Cosine schedule: alpha_bar(u) = f(u) / f(0), f(u) = cos^2((u + s) / (1 + s) pi / 2).

    Equation 17 of Nichol and Dhariwal, DOI 10.48550/arXiv.2102.09672; the last steps are limited as there (beta at most
    0.999).

    Args:
        n_steps: Number of steps T.
        offset: s, which keeps the first steps from being too small.

    Returns:
        Signal power 1 at t = 0 and almost 0 at t = T.

    Raises:
        ConfigurationError: If a value is out of range.
    """
    if not 0.0 <= offset < 1.0:
        raise ConfigurationError(f"offset of the cosine schedule is {offset}; give 0 or more and less than 1")
    power = torch.cos((_fractions(n_steps) + offset) / (1.0 + offset) * (math.pi / 2)).square()
    return Schedule(alpha_bar=_with_smallest_step(power / power[0]))


def polynomial_schedule(n_steps: int, *, power: float = 2.0, precision: float = 1e-5) -> Schedule:
    """Polynomial schedule: alpha_bar(u) = (1 - 2 s) (1 - u^p)^2 + s.

    Appendix B of Hoogeboom et al., DOI 10.48550/arXiv.2203.17003, with s acting on the signal power as in the programs
    of OA-ReactDiff and MoreRed (DOI 10.48550/arXiv.2404.10935).

    Args:
        n_steps: Number of steps T.
        power: p; MoreRed takes 2.
        precision: s, the noise power left at t = 0 and the signal power left at t = T.

    Returns:
        Signal power 1 - s at t = 0 and about s at t = T.

    Raises:
        ConfigurationError: If a value is out of range.
    """
    if power <= 0.0 or not 0.0 < precision < 0.5:
        raise ConfigurationError(
            f"power {power} and precision {precision} of the polynomial schedule: give a positive power"
            f" and a precision between 0 and 0.5"
        )
    falling = _with_smallest_step((1.0 - _fractions(n_steps).pow(power)).square())
    return Schedule(alpha_bar=(1.0 - 2.0 * precision) * falling + precision)


def sigmoid_schedule(n_steps: int, *, smallest_beta: float, largest_beta: float) -> Schedule:
    """Discrete Ornstein-Uhlenbeck process whose steps grow along a logistic curve.

    alpha_bar_t = prod_i (1 - beta_i), beta_i = smallest + (largest - smallest) logistic(z_i) with z_i evenly spaced
    from -6 to 6, as in DiG (DOI 10.1038/s42256-024-00837-3): 1e-7 to 2e-3 over 5000 steps for conformers,
    1e-7 to 2e-2 over 500 for crystals.

    Args:
        n_steps: Number of steps T, at least 2.
        smallest_beta: Noise power added by the first step, about.
        largest_beta: Noise power added by the last step, about.

    Returns:
        Signal power 1 at t = 0; at t = T about exp(-T (smallest + largest) / 2), which need not be small.

    Raises:
        ConfigurationError: If a value is out of range.
    """
    if not 0.0 < smallest_beta <= largest_beta < 1.0:
        raise ConfigurationError(
            f"smallest_beta {smallest_beta} and largest_beta {largest_beta}: give 0 < smallest <= largest < 1"
        )
    if n_steps < 2:
        raise ConfigurationError(f"n_steps of the sigmoid schedule is {n_steps}; give at least 2")
    curve = torch.sigmoid(2.0 * SIGMOID_REACH * _fractions(n_steps - 1) - SIGMOID_REACH)
    log_kept = torch.log1p(-(smallest_beta + (largest_beta - smallest_beta) * curve))
    return Schedule(alpha_bar=torch.cat([torch.zeros(1, dtype=torch.float64), log_kept.cumsum(0)]).exp())
