"""Two processes between data and something simpler: variance-preserving diffusion, and the straight path.

Values have shape (..., n_atoms, 3), masks shape (..., n_atoms). A time has the shape of some of the leading axes, the
first of them first: one time for each system serves all objects of the system. A centred process takes values whose
masked mean is zero and keeps them so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.noise import NoiseSource, degrees_of_freedom, noise_source, projected
from models.diffusion.schedules import Schedule


def spread(level: Tensor, values: Tensor) -> Tensor:
    """A number for each system, shaped and typed to multiply values.

    Args:
        level: Shape equal to the first axes of the values, such as (batch,).
        values: Shape (..., n_atoms, 3).

    Returns:
        Shape (..., 1, 1), as many axes as the values, their type and device.
    """
    return level.to(device=values.device, dtype=values.dtype).reshape(level.shape + (1,) * (values.ndim - level.ndim))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VariancePreserving:
    """x_t = alpha x_0 + sigma eps with alpha^2 + sigma^2 = 1 (Ho et al., DOI 10.48550/arXiv.2006.11239, equation 4).

    Attributes:
        schedule: alpha and sigma at every time.
        centered: Live where the masked mean is zero.
    """

    schedule: Schedule
    centered: bool = True

    def project(self, values: Tensor, mask: Tensor) -> Tensor:
        """The part of the values that lies in the subspace of the process; padding exactly zero."""
        return projected(values, mask, centered=self.centered)

    def noise(self, mask: Tensor, generator: torch.Generator, *, dtype: torch.dtype = torch.float32) -> NoiseSource:
        """Source of noise of this process; its first tensor can serve as a sample of the prior at t = T."""
        return noise_source(mask, generator, centered=self.centered, dtype=dtype)

    def coefficients(self, time: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Factors alpha and sigma at the times, each shaped to multiply the values."""
        return spread(self.schedule.alpha(time), values), spread(self.schedule.sigma(time), values)

    def noised(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Sample of the marginal at a time: alpha x_0 + sigma eps.

        Args:
            clean: Data x_0, shape (..., n_atoms, 3).
            noise: Noise eps of this process, same shape.
            time: Integer or fractional, shape of some first axes.

        Returns:
            Same shape.
        """
        alpha, sigma = self.coefficients(time, clean)
        return alpha * clean + sigma * noise

    def forward_step(self, values: Tensor, noise: Tensor, time: Tensor, later: Tensor) -> Tensor:
        """Add the noise that lies between two times.

        x_later = sqrt(r) x_t + sqrt(1 - r) eps with r = alpha_bar(later) / alpha_bar(t).

        Args:
            values: Values at `time`, shape (..., n_atoms, 3).
            noise: Fresh noise of this process, same shape.
            time: Where the values are.
            later: Where they shall be, at or after `time`.

        Returns:
            Values at `later`, same shape.
        """
        log_kept = self.schedule.log_alpha_bar(later) - self.schedule.log_alpha_bar(time)
        kept, added = (0.5 * log_kept).exp(), (-torch.expm1(log_kept)).sqrt()
        return spread(kept, values) * values + spread(added, values) * noise

    def prior_log_density(self, values: Tensor, mask: Tensor) -> Tensor:
        """Logarithm of the standard Gaussian density in the subspace of the process.

        Args:
            values: Shape (..., n_atoms, 3).
            mask: Shape (..., n_atoms).

        Returns:
            Shape (...); in units of the inverse volume of 3 n, or of 3 (n - 1) dimensions if centred.
        """
        squares = self.project(values, mask).square().sum((-2, -1))
        return -0.5 * squares - 0.5 * math.log(2.0 * math.pi) * self.dimension(mask).to(values.dtype)

    def dimension(self, mask: Tensor) -> Tensor:
        """Degrees of freedom of every structure, shape of the mask without its last axis."""
        return degrees_of_freedom(mask, centered=self.centered)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StraightPath:
    """x_t = (1 - t) start + t target + a sqrt(t (1 - t)) eps, t from 0 to 1.

    Without path noise this is the straight path of flow matching (DOI 10.48550/arXiv.2210.02747). With it, it is a
    stochastic interpolant (DOI 10.48550/arXiv.2303.08797), and has at every time the distribution of a Brownian bridge
    of diffusion a.

    Attributes:
        path_noise: a, in the unit of the values.
        centered: Live where the masked mean is zero.
    """

    path_noise: float = 0.0
    centered: bool = True

    def __post_init__(self) -> None:
        """The path noise is a standard deviation."""
        if not (math.isfinite(self.path_noise) and self.path_noise >= 0.0):
            raise ConfigurationError(f"path_noise is {self.path_noise}; give a finite number, 0 or more")

    def project(self, values: Tensor, mask: Tensor) -> Tensor:
        """The part of the values that lies in the subspace of the process; padding exactly zero."""
        return projected(values, mask, centered=self.centered)

    def noise(self, mask: Tensor, generator: torch.Generator, *, dtype: torch.dtype = torch.float32) -> NoiseSource:
        """Source of noise of this process."""
        return noise_source(mask, generator, centered=self.centered, dtype=dtype)

    def point(self, start: Tensor, target: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Point of the path.

        Args:
            start: Shape (..., n_atoms, 3).
            target: Same shape.
            noise: Noise of this process, same shape.
            time: 0 to 1, floating point, shape of some first axes.

        Returns:
            Same shape.
        """
        t = spread(time, start)
        return (1.0 - t) * start + t * target + self.path_noise * (t * (1.0 - t)).sqrt() * noise

    def velocity(self, start: Tensor, target: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Time derivative of `point` at fixed noise: target - start + a (1 - 2 t) / (2 sqrt(t (1 - t))) eps.

        Arguments as in `point`. With path noise it is infinite at both ends: draw times inside (0, 1).
        """
        if self.path_noise == 0.0:
            return target - start
        t = spread(time, start)
        return target - start + self.path_noise * (1.0 - 2.0 * t) / (2.0 * (t * (1.0 - t)).sqrt()) * noise
