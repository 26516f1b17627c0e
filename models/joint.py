"""Reactant, transition state and product as one distribution: joint diffusion of the three objects of a reaction.

After OA-ReactDiff (10.1038/s43588-023-00563-7): each object lives in a zero-centre space of its own and has a noise
level of its own. Level 0 means exactly known: such an object conditions the others and never moves, so one network
draws products and transition states of a reactant, transition states between two ends, or whole reactions of a
composition. Known ends are conditions of the training too, instead of being painted in while sampling.

Every object is run through the same trunk, told what it is and how noised. It reads the others by what does not depend
on their frames: pair distances, noise levels, the bonds of ends that are known, and directions after superposition.

Shapes: B batch, N atoms (padded); objects in the order reactant, transition state, product. Inside the process lengths
are in units of `scale_angstrom`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import Backbone, BackboneConfig, Others
from models.diffusion.losses import mean_squared_error
from models.diffusion.noise import centered_noise
from models.diffusion.processes import VariancePreserving, spread
from models.diffusion.schedules import polynomial_schedule
from models.morered import NoiseHead
from models.reaction_batch import ReactionBatch
from models.training_moment import Moment

REACTANT, TS, PRODUCT = 0, 1, 2  # places of the objects
N_OBJECTS = 3
END_POINT, SADDLE = 0, 1  # roles: both ends share one, so that a reaction and its reverse are treated alike
ROLES = (END_POINT, SADDLE, END_POINT)
OTHERS = ((TS, PRODUCT), (REACTANT, PRODUCT), (REACTANT, TS))  # that each object sees


@dataclass(frozen=True, kw_only=True)
class JointConfig:
    """Network, process, and what is known in training.

    Attributes:
        backbone: Size of the network.
        n_steps: Steps of the schedule.
        precision: Signal power left at the end, and noise power at the start.
        scale_angstrom: Length of the process, Angstrom: about the standard deviation of atoms in an object.
        reactant_known_share: Share of training steps in which one end is known.
        ends_known_share: Share in which both ends are known; in the rest nothing is.
        common_level_share: Share in which the objects that are not known have one noise level, as in sampling; in the
            rest each has its own.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    n_steps: int = 1000
    precision: float = 1e-4
    scale_angstrom: float = 1.25
    reactant_known_share: float = 0.7
    ends_known_share: float = 0.15
    common_level_share: float = 0.7

    def __post_init__(self) -> None:
        """The scale is a length, shares are shares, and there is a role for either kind of object."""
        if not self.scale_angstrom > 0.0:
            raise ConfigurationError(f"scale_angstrom is {self.scale_angstrom}; give more than 0")
        for name in ("reactant_known_share", "ends_known_share", "common_level_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 to 1")
        if self.reactant_known_share + self.ends_known_share > 1.0:
            raise ConfigurationError(
                f"reactant_known_share {self.reactant_known_share} and ends_known_share {self.ends_known_share} are"
                " more than 1 together; make them smaller"
            )
        if self.backbone.n_roles < 2:
            raise ConfigurationError(f"n_roles of the backbone is {self.backbone.n_roles}; end and saddle need 2")

    @cached_property
    def process(self) -> VariancePreserving:
        """Polynomial schedule of power 2, each object centred."""
        return VariancePreserving(schedule=polynomial_schedule(self.n_steps, precision=self.precision))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectBatch:
    """Three objects of the same atoms, as the process has them.

    Attributes:
        numbers: Atomic numbers, shape (B, N).
        mask: True where an atom is, shape (B, N).
        values: Shape (B, 3, N, 3), in units of the scale; each fragment of a known end in any frame, all else centred.
        time: Share of the process that is done by each object, shape (B, 3); 0 for what is known exactly.
        bonded: Bonds of reactant and product, shape (B, 2, N, N), bool; read where the end is known.
        together: Atoms in one fragment of either (each with itself), same shape, bool; read likewise.
    """

    numbers: Tensor
    mask: Tensor
    values: Tensor
    time: Tensor
    bonded: Tensor
    together: Tensor

    @property
    def mask_of_objects(self) -> Tensor:
        """The mask once for each object, shape (B, 3, N)."""
        return self.mask.unsqueeze(1).expand(-1, N_OBJECTS, -1)


class Joint(nn.Module):
    """Predicts the noise on every object that is not known."""

    def __init__(self, config: JointConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        scalars = self.backbone.scalars
        self.role = nn.Embedding(2, scalars.stop - scalars.start)
        self.head = NoiseHead(config.backbone, scalars)

    def forward(self, batch: ObjectBatch) -> Tensor:
        """Noise, each object centred in its own frame, shape (B, 3, N, 3); zero on what is known."""
        moving = [place for place in range(N_OBJECTS) if bool((batch.time[:, place] > 0).any())]
        noise = torch.zeros_like(batch.values)
        if not moving:
            return noise
        size, n_atoms = batch.mask.shape
        positions = batch.values * self.config.scale_angstrom
        level = batch.time.to(positions)
        bonded, together = _seen_pairs(batch)
        others = Others(
            positions=torch.cat([positions[:, OTHERS[place]] for place in moving]),
            bonded=torch.cat([bonded[:, OTHERS[place]] for place in moving]),
            together=torch.cat([together[:, OTHERS[place]] for place in moving]),
            level=torch.cat([level[:, OTHERS[place]] for place in moving]),
            role=torch.tensor(
                [[ROLES[other] for other in OTHERS[place]] for place in moving], device=batch.mask.device
            ).repeat_interleave(size, 0),
        )
        own = torch.tensor([ROLES[place] for place in moving], device=batch.mask.device).repeat_interleave(size)
        known = positions.new_zeros(len(own), n_atoms, self.backbone.n_columns)
        known[..., self.backbone.scalars] = self.role(own).unsqueeze(1)
        told = torch.cat([level[:, place] for place in moving])
        mask = batch.mask.repeat(len(moving), 1)
        features = self.backbone(
            batch.numbers.repeat(len(moving), 1),
            mask,
            torch.cat([positions[:, place] for place in moving]),
            told,
            others,
            known,
        )
        found = self.config.process.project(self.head(features, told), mask)
        for place, each in zip(moving, found.split(size), strict=True):
            noise[:, place] = torch.where((batch.time[:, place] > 0)[:, None, None], each, 0.0)
        return noise


def _seen_pairs(batch: ObjectBatch) -> tuple[Tensor, Tensor]:
    """What others may read of each object: its bonds, and the pairs whose geometry counts; each (B, 3, N, N), bool.

    Of a known end these are its bonds and the pairs inside its fragments, whose places mean nothing. What is noised has
    no bonds, and one place for all its atoms; so has a transition state.
    """
    all_pairs = batch.mask.unsqueeze(-1) & batch.mask.unsqueeze(-2)  # (B, N, N)
    no_bonds = torch.zeros_like(all_pairs)
    bonded, together = [], []
    for place in range(N_OBJECTS):
        if place == TS:
            bonded.append(no_bonds)
            together.append(all_pairs)
            continue
        known = (batch.time[:, place] == 0)[:, None, None]
        side = place // PRODUCT
        bonded.append(batch.bonded[:, side] & known)
        together.append(torch.where(known, batch.together[:, side], all_pairs))
    return torch.stack(bonded, dim=1), torch.stack(together, dim=1)


def objects_of(batch: ReactionBatch, scale_angstrom: float) -> Tensor:
    """Reactant, transition state and product of reactions, shape (B, 3, N, 3), in units of the scale."""
    return torch.stack([batch.ends[:, 0], batch.ts, batch.ends[:, 1]], dim=1) / scale_angstrom


def noised_objects(
    config: JointConfig, batch: ReactionBatch, clean: Tensor, noise: Tensor, time: Tensor
) -> ObjectBatch:
    """Reactions with noise on their objects; those at time 0 stay as they are, without the schedule's last noise.

    Args:
        config: Process.
        batch: Atoms and bonds.
        clean: As `objects_of` gives them.
        noise: Centred in each object, same shape.
        time: Shape (B, 3).
    """
    values = config.process.noised(clean, noise, time)
    return ObjectBatch(
        numbers=batch.numbers,
        mask=batch.mask,
        values=torch.where(spread(time, clean) > 0, values, clean),
        time=time,
        bonded=batch.bonded,
        together=batch.together,
    )


def swapped_where(batch: ReactionBatch, swapped: Tensor) -> ReactionBatch:
    """Reactions read backwards where asked, shape (B,), bool."""

    def turned(ends: Tensor) -> Tensor:
        return torch.where(swapped.reshape(-1, *[1] * (ends.ndim - 1)), ends.flip(1), ends)

    return ReactionBatch(
        numbers=batch.numbers,
        mask=batch.mask,
        ends=turned(batch.ends),
        bonded=turned(batch.bonded),
        together=turned(batch.together),
        ts=batch.ts,
        start=batch.start,
    )


def drawn_times(config: JointConfig, size: int, moment: Moment) -> Tensor:
    """Times of the objects of a training step, shape (size, 3), float32, on the device of the noise.

    What is known, and whether the rest share a level, is one decision for all reactions of the step.
    """
    chosen, common = (float(torch.rand((), generator=moment.common)) for _ in range(2))
    known = {REACTANT, PRODUCT} if chosen < config.reactant_known_share + config.ends_known_share else set()
    if chosen < config.reactant_known_share:
        known = {REACTANT}
    generator = moment.noise
    columns = 1 if common < config.common_level_share else N_OBJECTS
    time = 1.0 - torch.rand(size, columns, generator=generator, device=generator.device)  # never 0
    time = time.expand(-1, N_OBJECTS).clone()
    for place in known:
        time[:, place] = 0.0
    return time


def noise_error(predicted: Tensor, noise: Tensor, batch: ObjectBatch) -> Tensor:
    """Mean squared error over the objects that are noised, shape (B,), without unit."""
    noised = (batch.time > 0).to(predicted)
    errors = mean_squared_error(predicted, noise, batch.mask_of_objects)  # (B, 3)
    return (errors * noised).sum(-1) / noised.sum(-1).clamp_min(1.0)


def loss(model: Joint, batch: ReactionBatch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: mean squared error of the noise on the objects that are noised.

    Half of the reactions are read backwards, so that either end is the one that is known.

    Args:
        model: The network.
        batch: Reactions.
        moment: Draws noise, times and directions; what it draws in common decides which objects are known.

    Returns:
        The loss and its one part, each a scalar without unit.
    """
    config, generator = model.config, moment.noise
    backwards = torch.rand(len(batch), generator=generator, device=generator.device).to(batch.ts.device) < 0.5
    batch = swapped_where(batch, backwards)
    time = drawn_times(config, len(batch), moment).to(batch.ts)
    clean = objects_of(batch, config.scale_angstrom)
    noise = centered_noise(batch.mask.unsqueeze(1).expand(-1, N_OBJECTS, -1), generator, dtype=clean.dtype)
    objects = noised_objects(config, batch, clean, noise, time)
    error = noise_error(model(objects), noise, objects).mean()
    return error, {"noise": error}
