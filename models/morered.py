"""Relaxation by reverse diffusion with a predicted time (MoreRed, 10.1088/2632-2153/ad652c).

A structure that is off its minimum is taken for a minimum with noise on it. A time head says how much noise, a noise
head which; the reverse process takes it away (`models.morered_relaxation`). Two forms are trained: `separate`, a
denoiser that is told the time and a time predictor of its own, for the variants ITP and AS; `joint`, one network whose
noise head is told the time that it predicts itself, for JT.

Where the paper shrinks structures with time, as variance-preserving diffusion does, this network reads them divided by
that factor: x_t / alpha = x_0 + sigma / alpha eps. A guess is not shrunken, and need not be.

Shapes: B batch, N atoms (padded).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from e3nn import o3
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import AtomUpdate, Backbone, BackboneConfig, EquivariantNorm, Features, Others
from models.diffusion.losses import mean_squared_error
from models.diffusion.noise import centered_noise
from models.diffusion.processes import VariancePreserving
from models.diffusion.schedules import polynomial_schedule
from models.displacement_head import DisplacementHead
from models.radial import LevelEmbedding
from models.structure_batch import StructureBatch
from models.training_moment import Moment

GRAPH = 0  # role of the bonds, where they are known
KIND_OF = {"joint": "morered", "separate": "morered_separate"}  # of weights, by form


@dataclass(frozen=True, kw_only=True)
class MoreRedConfig:
    """Network and process.

    Attributes:
        backbone: Size of the network, of both networks in the form `separate`.
        form: `joint` or `separate`.
        n_steps: Steps of the schedule.
        largest_time: Share of the schedule that is learned; noise beyond it is no relaxation any more.
        time_weight: Weight of the error of the time, from 0 to 1; the rest is that of the noise.
        bonds_share: Share of training steps in which the network is told the bonds of the minimum.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    form: str = "joint"
    n_steps: int = 1000
    largest_time: float = 0.6
    time_weight: float = 0.1
    bonds_share: float = 0.5

    def __post_init__(self) -> None:
        """Values are in range."""
        if self.form not in KIND_OF:
            raise ConfigurationError(f"form {self.form!r} is unknown; give joint or separate")
        for name in ("largest_time", "time_weight", "bonds_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 to 1")

    @cached_property
    def process(self) -> VariancePreserving:
        """The paper's process: polynomial schedule of power 2."""
        return VariancePreserving(schedule=polynomial_schedule(self.n_steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the network makes of structures.

    Attributes:
        noise: Centred, unit variance, shape (B, N, 3).
        time: Share of the schedule, shape (B,); training leaves it unbounded.
    """

    noise: Tensor
    time: Tensor


class NoiseHead(nn.Module):
    """Noise from what the backbone saw and a time."""

    def __init__(self, config: BackboneConfig, scalars: slice) -> None:
        super().__init__()
        irreps = o3.Irreps(config.irreps)
        self.scalars = scalars
        self.level = LevelEmbedding(scalars.stop - scalars.start)
        self.pair_level = LevelEmbedding(config.edge_channels)
        self.norm, self.update = EquivariantNorm(irreps), AtomUpdate(irreps, config.product_channels)
        self.out = DisplacementHead(config)

    def forward(self, features: Features, time: Tensor) -> Tensor:
        """Shape (B, N, 3)."""
        nodes = features.nodes.clone()
        nodes[..., self.scalars] = nodes[..., self.scalars] + self.level(time).unsqueeze(1)
        nodes = (nodes + self.update(self.norm(nodes))) * features.mask
        pairs = features.pairs + self.pair_level(time)[:, None, None]
        noise: Tensor = self.out(replace(features, nodes=nodes, pairs=pairs))
        return noise


class TimeHead(nn.Module):
    """Time from the scalars of all atoms, averaged."""

    def __init__(self, scalars: slice) -> None:
        super().__init__()
        self.scalars, width = scalars, scalars.stop - scalars.start
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, features: Features) -> Tensor:
        """Shape (B,)."""
        each = self.mix(self.norm(features.nodes[..., self.scalars])) * features.mask  # (B, N, 1)
        mean: Tensor = each.sum((1, 2)) / features.mask.sum((1, 2))
        return mean


def bonds_of(batch: StructureBatch) -> Others:
    """The bonds of a batch as an object without a geometry."""
    size, n = batch.mask.shape
    device = batch.positions.device
    return Others(
        positions=batch.positions.new_zeros(size, 1, n, 3),
        bonded=batch.bonded.unsqueeze(1),
        together=torch.zeros(size, 1, n, n, dtype=torch.bool, device=device),
        level=batch.positions.new_zeros(size, 1),
        role=torch.full((1,), GRAPH, device=device),
    )


class MoreRed(nn.Module):
    """Predicts how much noise is on a structure, and which."""

    def __init__(self, config: MoreRedConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        scalars = self.backbone.scalars
        self.noise_head = NoiseHead(config.backbone, scalars)
        self.time_head = TimeHead(scalars)
        self.time_backbone = Backbone(config.backbone) if config.form == "separate" else None

    def forward(
        self, batch: StructureBatch, positions: Tensor, time: Tensor | None = None, *, predict_time: bool = True
    ) -> Prediction:
        """Noise and time of structures.

        Args:
            batch: Their atoms and, where they are known, bonds; its positions are not read.
            positions: Centred, shape (B, N, 3), Angstrom.
            time: What the noise head is told, shape (B,); None for what is predicted.
            predict_time: False spares a network of the form `separate` the time predictor where a time is given, which
                is returned then.
        """
        given = (batch.numbers, batch.mask, positions)
        nothing, others = positions.new_zeros(len(batch)), bonds_of(batch)
        features = None
        if time is None or predict_time:
            features = (self.time_backbone or self.backbone)(*given, nothing, others)
            predicted = self.time_head(features)
        else:
            predicted = time
        told = (predicted if time is None else time).clamp(0.0, self.config.largest_time)
        if self.time_backbone is not None:
            features = self.backbone(*given, told, others)
        elif features is None:
            features = self.backbone(*given, nothing, others)
        noise = self.config.process.project(self.noise_head(features, told), batch.mask)
        return Prediction(noise=noise, time=predicted)


def noised(config: MoreRedConfig, batch: StructureBatch, noise: Tensor, time: Tensor) -> Tensor:
    """Structures with noise on them, not shrunken: x_0 + sigma / alpha eps, shape (B, N, 3), Angstrom."""
    alpha, sigma = config.process.coefficients(time, batch.positions)
    return batch.positions + sigma / alpha * noise


def noise_angstrom(config: MoreRedConfig, time: Tensor) -> Tensor:
    """Standard deviation of the noise on a coordinate at a time, sigma / alpha, shape of the times, Angstrom."""
    schedule = config.process.schedule
    return schedule.sigma(time) / schedule.alpha(time)


def loss(model: MoreRed, batch: StructureBatch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: squared error of the noise and of the time, weighted.

    Args:
        model: The network.
        batch: Minima.
        moment: Draws noise and times; what it draws in common decides whether the network is told the bonds.

    Returns:
        The loss and its parts, each a scalar without unit.
    """
    config, generator = model.config, moment.noise
    time = config.largest_time * torch.rand(len(batch), generator=generator, device=generator.device)
    time = time.to(batch.positions)
    noise = centered_noise(batch.mask, generator, dtype=batch.positions.dtype)
    if float(torch.rand((), generator=moment.common)) >= config.bonds_share:
        batch = replace(batch, bonded=torch.zeros_like(batch.bonded))
    told = time if config.form == "separate" else None
    predicted = model(batch, noised(config, batch, noise, time), told)
    parts = {
        "noise": mean_squared_error(predicted.noise, noise, batch.mask).mean(),
        "time": (predicted.time - time).square().mean(),
    }
    return (1.0 - config.time_weight) * parts["noise"] + config.time_weight * parts["time"], parts
