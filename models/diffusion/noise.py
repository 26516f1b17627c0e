"""Random tensors on padded batches, and the subspace in which they live.

Values have shape (..., n_atoms, 3), masks shape (..., n_atoms); every leading axis counts as batch. A centred process
lives where the masked mean is zero, so its noise has no share in the three directions that move a whole structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.frames import centered as centered_values

NoiseSource = Callable[[], Tensor]  # every call returns the next noise tensor, (..., n_atoms, 3)


def projected(values: Tensor, mask: Tensor, *, centered: bool) -> Tensor:
    """The part of the values that lies in the subspace of a process.

    Args:
        values: Shape (..., n_atoms, 3).
        mask: 1 (or True) where an atom is, shape (..., n_atoms).
        centered: Remove the masked mean of every structure.

    Returns:
        Same shape; padding exactly zero.
    """
    present = torch.where(mask.bool().unsqueeze(-1), values, torch.zeros_like(values))
    return centered_values(present, mask) if centered else present


def degrees_of_freedom(mask: Tensor, *, centered: bool) -> Tensor:
    """Dimension of the subspace of every structure, 3 n or, if centred, 3 (n - 1); mask (..., n_atoms) to (...)."""
    n_atoms = mask.bool().sum(-1)
    return 3 * ((n_atoms - 1).clamp_min(0) if centered else n_atoms)


def masked_noise(mask: Tensor, generator: torch.Generator, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard Gaussian noise on the atoms that are there.

    The numbers are drawn on the device of the generator and moved: a seed gives one noise on every device.

    Args:
        mask: 1 where an atom is, shape (..., n_atoms).
        generator: Source of randomness.
        dtype: Of the result.

    Returns:
        Shape (..., n_atoms, 3), on the device of the mask; padding exactly zero.
    """
    noise = torch.randn((*mask.shape, 3), generator=generator, device=generator.device, dtype=dtype)
    return projected(noise.to(mask.device), mask, centered=False)


def centered_noise(mask: Tensor, generator: torch.Generator, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard Gaussian noise in the zero-centre subspace: `masked_noise` without its masked mean."""
    return projected(masked_noise(mask, generator, dtype=dtype), mask, centered=True)


def rademacher_probes(
    n_probes: int, mask: Tensor, generator: torch.Generator, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Random signs with unit covariance, for stochastic traces (Hutchinson, DOI 10.1080/03610919008812866).

    Args:
        n_probes: Number of probes, at least 1.
        mask: 1 where an atom is, shape (..., n_atoms).
        generator: Source of randomness.
        dtype: Of the result.

    Returns:
        Shape (n_probes, ..., n_atoms, 3), entries -1 and 1; padding exactly zero.

    Raises:
        ConfigurationError: If `n_probes` is below 1.
    """
    if n_probes < 1:
        raise ConfigurationError(f"n_probes is {n_probes}; give at least 1")
    signs = torch.randint(0, 2, (n_probes, *mask.shape, 3), generator=generator, device=generator.device)
    return projected((2 * signs - 1).to(device=mask.device, dtype=dtype), mask, centered=False)


def noise_source(
    mask: Tensor, generator: torch.Generator, *, centered: bool, dtype: torch.dtype = torch.float32
) -> NoiseSource:
    """Fresh noise at every call; arguments as in `masked_noise`, `centered` as in `projected`."""
    draw = centered_noise if centered else masked_noise
    return lambda: draw(mask, generator, dtype=dtype)


def given_noise(tensors: Iterable[Tensor]) -> NoiseSource:
    """The given tensors, one at every call, in order; so that a caller can move the noise with the atoms.

    Args:
        tensors: Each of shape (..., n_atoms, 3).

    Returns:
        A source that raises `ConfigurationError` when a sampler asks for more tensors than were given.
    """
    remaining = iter(tensors)

    def following() -> Tensor:
        noise = next(remaining, None)
        if noise is None:
            raise ConfigurationError("the given noise tensors are used up; give one for every step of the sampler")
        return noise

    return following
