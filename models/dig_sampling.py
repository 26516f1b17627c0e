"""What a trained DiG is good for: conformers, likelihoods, paths between two structures, guidance toward a property."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from chem.errors import ConfigurationError
from models.diffusion.guidance import Slope, guided, slope_at_expected
from models.diffusion.likelihood import log_likelihood
from models.diffusion.noise import NoiseSource, noise_source, rademacher_probes
from models.diffusion.parametrisations import Predictor, converted
from models.diffusion.processes import VariancePreserving
from models.diffusion.samplers import NoisedState, follow_flow, prior_state, sample_ancestral
from models.dig import Dig
from models.structure_batch import StructureBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class DigSampling:
    """How structures are drawn.

    Attributes:
        n_steps: Steps from noise to structure.
        sampler: `flow` (deterministic after its start) or `ancestral`.
        seed: Of the noise.
    """

    n_steps: int = 50
    sampler: str = "flow"
    seed: int = 0

    def __post_init__(self) -> None:
        """Values are in range."""
        if self.sampler not in ("flow", "ancestral"):
            raise ConfigurationError(f"sampler {self.sampler!r} is unknown; give flow or ancestral")
        if self.n_steps < 1:
            raise ConfigurationError(f"n_steps is {self.n_steps}; give 1 or more")


def noise_predictor_of(model: Dig, batch: StructureBatch) -> Predictor:
    """The network as a function of values and integer times, for the samplers."""

    def predict(values: Tensor, times: Tensor) -> Tensor:
        return model(batch, values, times.to(values) / model.config.n_steps)

    return predict


def slope_of(model: Dig, batch: StructureBatch, preference: Callable[[Tensor], Tensor]) -> Slope:
    """Slope of a differentiable preference of clean structures, taken at what the network expects of a noised one.

    Args:
        model: The network.
        batch: Atoms and bonds of the structures that are drawn.
        preference: Logarithm of how much a structure is wanted, of positions (B, N, 3) in Angstrom, shape (B,).
    """
    process, predict, scale = model.config.process, noise_predictor_of(model, batch), model.config.scale_angstrom

    def slope(values: Tensor, times: Tensor) -> Tensor:
        with torch.no_grad():
            noise = predict(values, times)
        return slope_at_expected(process, noise, values, times, batch.mask, lambda clean: preference(clean * scale))

    return slope


def draw_structures(
    model: Dig,
    batch: StructureBatch,
    config: DigSampling,
    *,
    slope: Slope | None = None,
    strength: float = 1.0,
    noise: NoiseSource | None = None,
) -> Tensor:
    """One structure for every entry of a batch.

    Args:
        model: The network.
        batch: Atoms and bonds of each; its positions are not read.
        config: How.
        slope: Guidance, as in `guided`; None for none.
        strength: Of the guidance.
        noise: Source of noise; None for one of the seed.

    Returns:
        Centred, shape (B, N, 3), Angstrom.
    """
    process = model.config.process
    if noise is None:
        generator = torch.Generator().manual_seed(config.seed)
        noise = noise_source(batch.mask, generator, centered=True, dtype=batch.positions.dtype)
    predict = noise_predictor_of(model, batch)
    if slope is not None:
        predict = guided(process, predict, slope, strength)
    state = prior_state(process, batch.mask, noise)
    times = process.schedule.descending_times(min(config.n_steps, process.schedule.n_steps))
    if config.sampler == "flow":
        values = follow_flow(process, predict, state, times, solver="heun")
    else:
        values = sample_ancestral(process, predict, state, times, noise)
    return _cleaned(process, predict, values) * model.config.scale_angstrom


def _cleaned(process: VariancePreserving, predict_noise: Predictor, values: Tensor) -> Tensor:
    """Values at time 0 without the little noise that the schedule has there."""
    start = torch.zeros(len(values), dtype=torch.long, device=values.device)
    with torch.no_grad():
        noise = predict_noise(values, start)
    return converted(noise, values, start, process, source="noise", target="clean")


def log_density(
    model: Dig, batch: StructureBatch, *, n_steps: int = 50, n_probes: int | None = 4, seed: int = 0
) -> Tensor:
    """Logarithm of the density of structures given their bonds, in three (n - 1) dimensions, shape (B,), Angstrom.

    Structures that differ by a rotation have one density each, the same up to the error of the probes. Only those of
    one molecule can be compared.

    Args:
        model: The network.
        batch: Structures with their bonds.
        n_steps: Steps from structure to noise.
        n_probes: Probes of Hutchinson's estimate of the divergence; None for every derivative, which costs as many
            backward passes as a structure has coordinates.
        seed: Of the probes.
    """
    process, scale = model.config.process, model.config.scale_angstrom
    start, last = 0, process.schedule.n_steps
    shares = torch.linspace(0.0, 1.0, n_steps + 1, dtype=torch.float64)
    # Dense where the integrand is steep.
    times = torch.unique((start + (last - start) * shares.square()).round().long())
    state = NoisedState(
        values=batch.positions / scale,
        mask=batch.mask,
        time=torch.full((len(batch),), start, device=batch.mask.device),
    )
    probes = None
    if n_probes is not None:
        generator = torch.Generator().manual_seed(seed)
        same = torch.ones_like(batch.mask[:1])
        drawn = [rademacher_probes(n_probes, same, generator, dtype=batch.positions.dtype) for _ in times]
        # The same ones for every structure, so that errors cancel between conformers.
        probes = torch.stack(drawn).expand(-1, -1, len(batch), -1, -1)
    found = log_likelihood(process, noise_predictor_of(model, batch), state, times, probes=probes)
    dimension = process.dimension(batch.mask).to(found)
    return found - dimension * torch.log(torch.tensor(scale, dtype=found.dtype))


def interpolate(
    model: Dig, batch: StructureBatch, other: StructureBatch, n_images: int, *, n_steps: int = 50
) -> Tensor:
    """Structures between two of the same atoms, through what both become as noise.

    Each is carried to noise by the probability flow of its own bonds, the latents are joined along a great circle, so
    that their length is kept, and the points on it are carried back by a flow in between. Its noise is (1 - share) that
    of the bonds of the one and share that of the bonds of the other, as of the product of their densities to these
    powers. The ends are carried back as well; what they miss is made up for in proportion.

    Args:
        model: The network.
        batch: Structures to begin with and their bonds.
        other: Structures to end with, superposed on those, and their bonds.
        n_images: Structures between.
        n_steps: Steps of the flow.

    Returns:
        Shape (n_images, B, N, 3), Angstrom, centred.
    """
    process, scale = model.config.process, model.config.scale_angstrom
    if n_images < 1:
        raise ConfigurationError(f"n_images is {n_images}; give 1 or more")
    falling = process.schedule.descending_times(n_steps)
    # A structure without any noise is no sample of the process at time 0: both get the same little noise of that time.
    generator = torch.Generator().manual_seed(0)
    noise = noise_source(batch.mask, generator, centered=True, dtype=batch.positions.dtype)()
    here = torch.zeros(len(batch), dtype=torch.long, device=batch.mask.device)
    ends, latents = [process.project(each.positions / scale, batch.mask) for each in (batch, other)], []
    for bonds, clean in zip((batch, other), ends, strict=True):
        state = NoisedState(values=process.noised(clean, noise, here), mask=batch.mask, time=here)
        latents.append(follow_flow(process, noise_predictor_of(model, bonds), state, falling.flip(0)))
    shares = torch.linspace(0.0, 1.0, n_images + 2)
    points = torch.cat([great_circle(*latents, float(share)) for share in shares])
    before, after = (noise_predictor_of(model, _repeated(each, n_images + 2)) for each in (batch, other))
    weight = shares.repeat_interleave(len(batch)).to(points)[:, None, None]

    def between(values: Tensor, times: Tensor) -> Tensor:
        own = before(values, times)
        return own if bool((batch.bonded == other.bonded).all()) else torch.lerp(own, after(values, times), weight)

    mask = batch.mask.repeat(n_images + 2, 1)
    state = NoisedState(values=points, mask=mask, time=here.repeat(n_images + 2) + process.schedule.n_steps)
    images = _cleaned(process, between, follow_flow(process, between, state, falling)) * scale
    images = images.reshape(n_images + 2, *batch.positions.shape)
    missed = [end * scale - image for end, image in zip(ends, (images[0], images[-1]), strict=True)]
    share = shares[1:-1, None, None, None].to(images)
    return images[1:-1] + (1.0 - share) * missed[0] + share * missed[1]


def _repeated(batch: StructureBatch, times: int) -> StructureBatch:
    """The whole batch several times over."""
    return batch.select(torch.arange(len(batch)).repeat(times))


def great_circle(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Point of the great circle between two latents, each a vector of all coordinates; their lengths are interpolated.

    Args:
        first: Shape (B, N, 3).
        second: Same shape.
        share: 0 gives the first, 1 the second.
    """
    a, b = first.flatten(1), second.flatten(1)
    lengths = [each.norm(dim=-1, keepdim=True).clamp_min(1e-12) for each in (a, b)]
    cosine = ((a * b).sum(-1, keepdim=True) / (lengths[0] * lengths[1])).clamp(-1.0, 1.0)
    angle = cosine.arccos()
    sine = angle.sin()
    bent = sine > 1e-4  # along one line, or opposite, there is no circle
    divisor = torch.where(bent, sine, torch.ones_like(sine))
    weights = [
        torch.where(bent, (part * angle).sin() / divisor, torch.full_like(sine, part)) for part in (1.0 - share, share)
    ]
    direction = weights[0] * a / lengths[0] + weights[1] * b / lengths[1]
    return (direction * ((1.0 - share) * lengths[0] + share * lengths[1])).reshape(first.shape)
