"""Drawing samples from the generator: how many, how noisy, how many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.noise import NoiseSource, centered_noise
from models.reactdiff import ReactDiff, sample
from models.reaction_batch import ReactionBatch

CPU_PAIRS = 30_000  # atom pairs of one pass that still fit the caches
GPU_BYTES_PER_PAIR = 12_000  # measured peak of a pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How candidates are drawn.

    Attributes:
        n_samples: Candidates of each reaction; the first is the deterministic one.
        n_steps: Network evaluations of each; more than three gained nothing on `val`.
        start_noise_angstrom: Standard deviation of the noise on the start of all but the first.
        seed: Seed of that noise.
        deterministic: Only the deterministic candidate, whatever `n_samples` says.
    """

    n_samples: int = 8
    n_steps: int = 3
    start_noise_angstrom: float = 0.1
    seed: int = 0
    deterministic: bool = False

    @property
    def n_drawn(self) -> int:
        """Candidates that are really drawn."""
        return 1 if self.deterministic else self.n_samples

    def __post_init__(self) -> None:
        """Numbers in range."""
        if self.n_samples < 1 or self.n_steps < 1 or self.start_noise_angstrom < 0:
            raise ConfigurationError(
                f"samples and steps must be at least 1 and the noise not negative, got {self.n_samples},"
                f" {self.n_steps} and {self.start_noise_angstrom}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Generated transition states of a batch.

    Attributes:
        batch: The reactions.
        positions: Shape (batch, n_samples, n_atoms, 3), Angstrom, centred.
    """

    batch: ReactionBatch
    positions: Tensor


def device_of(name: str) -> torch.device:
    """Device by name; `auto` takes CUDA where there is one.

    Raises:
        ConfigurationError: The name is unknown or the device is missing.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu" or (name.startswith("cuda") and torch.cuda.is_available()):
        return torch.device(name)
    raise ConfigurationError(f"device {name!r} is not here; give auto, cpu or, with a CUDA build of torch, cuda")


def chunks(sizes: Sequence[int], n_samples: int, device: torch.device) -> Iterator[list[int]]:
    """Places of reactions of like size that fit into memory together, smallest first."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        most = int(0.6 * free / GPU_BYTES_PER_PAIR)
    else:
        most = CPU_PAIRS
    chunk: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda k: sizes[k]):
        if chunk and (len(chunk) + 1) * n_samples * sizes[place] ** 2 > most:
            yield chunk
            chunk = []
        chunk.append(place)
    if chunk:
        yield chunk


def draw(model: ReactDiff, batch: ReactionBatch, config: SamplingConfig) -> Tensor:
    """Samples of every reaction, shape (batch, n_samples, n_atoms, 3), Angstrom, centred.

    The noise of a reaction depends on the seed and its number of atoms alone, not on what shares its batch.
    """
    first = sample(model, batch, n_steps=config.n_steps).unsqueeze(1)
    n_noisy = config.n_drawn - 1
    if n_noisy == 0:
        return first
    repeated = batch.select(torch.arange(len(batch), device=batch.numbers.device).repeat_interleave(n_noisy))
    noisy = sample(
        model,
        repeated,
        n_steps=config.n_steps,
        noise=_noise_of_each(batch, n_noisy, config.seed),
        start_noise=config.start_noise_angstrom,
    )
    return torch.cat([first, noisy.unflatten(0, (len(batch), n_noisy))], dim=1)


def _noise_of_each(batch: ReactionBatch, n_noisy: int, seed: int) -> NoiseSource:
    """Noise (batch * n_noisy, n_atoms, 3) at every call, the same for reactions with as many atoms."""
    sizes = batch.mask.sum(-1).tolist()
    generators = {size: torch.Generator().manual_seed(seed) for size in set(sizes)}

    def following() -> Tensor:
        drawn = {size: centered_noise(torch.ones(n_noisy, size), generator) for size, generator in generators.items()}
        noise = torch.zeros(len(sizes), n_noisy, batch.numbers.shape[1], 3)
        for place, size in enumerate(sizes):
            noise[place, :, :size] = drawn[size]
        return noise.flatten(0, 1).to(batch.start)

    return following
