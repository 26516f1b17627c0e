"""Conformers of a molecule as a distribution: diffusion of all its atoms, given the bonds.

After DiG (10.1038/s42256-024-00837-3). The network predicts the noise on a noised structure at a time that it is told.
It is told the bonds, not the handedness: of a molecule with stereocentres it draws all stereoisomers, and the wrong
ones are sorted out afterwards.

Shapes: B batch, N atoms (padded). Inside the process lengths are in units of `scale_angstrom`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import Backbone, BackboneConfig
from models.diffusion.losses import mean_squared_error
from models.diffusion.noise import centered_noise
from models.diffusion.processes import VariancePreserving
from models.diffusion.schedules import polynomial_schedule
from models.morered import NoiseHead, bonds_of
from models.structure_batch import StructureBatch
from models.training_moment import Moment


@dataclass(frozen=True, kw_only=True)
class DigConfig:
    """Network and process.

    Attributes:
        backbone: Size of the network.
        n_steps: Steps of the schedule.
        precision: Signal power left at the end, and noise power at the start: likelihoods want it not too small.
        scale_angstrom: Length of the process, Angstrom: about the standard deviation of atoms in a molecule.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    n_steps: int = 1000
    precision: float = 1e-4
    scale_angstrom: float = 1.5

    def __post_init__(self) -> None:
        """The scale is a length."""
        if not self.scale_angstrom > 0.0:
            raise ConfigurationError(f"scale_angstrom is {self.scale_angstrom}; give more than 0")

    @cached_property
    def process(self) -> VariancePreserving:
        """Polynomial schedule of power 2, centred."""
        return VariancePreserving(schedule=polynomial_schedule(self.n_steps, precision=self.precision))


class Dig(nn.Module):
    """Predicts the noise on structures."""

    def __init__(self, config: DigConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        self.head = NoiseHead(config.backbone, self.backbone.scalars)

    def forward(self, batch: StructureBatch, values: Tensor, time: Tensor) -> Tensor:
        """Noise, centred, shape (B, N, 3).

        Args:
            batch: Atoms and bonds; its positions are not read.
            values: Noised structures, shape (B, N, 3), in units of the scale.
            time: Share of the process that is done, shape (B,).
        """
        told = time.to(values)
        # The network reads lengths in Angstrom, and atoms that have drifted together as far apart as they would be.
        positions = values * self.config.scale_angstrom
        features = self.backbone(batch.numbers, batch.mask, positions, told, bonds_of(batch))
        return self.config.process.project(self.head(features, told), batch.mask)


def loss(model: Dig, batch: StructureBatch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: mean squared error of the noise, at times drawn evenly.

    Args:
        model: The network.
        batch: Structures of the distribution, in any orientation.
        moment: Draws noise and times.

    Returns:
        The loss and its one part, each a scalar without unit.
    """
    process, generator = model.config.process, moment.noise
    time = torch.rand(len(batch), generator=generator, device=generator.device).to(batch.positions)
    noise = centered_noise(batch.mask, generator, dtype=batch.positions.dtype)
    values = process.noised(batch.positions / model.config.scale_angstrom, noise, time)
    error = mean_squared_error(model(batch, values, time), noise, batch.mask).mean()
    return error, {"noise": error}
