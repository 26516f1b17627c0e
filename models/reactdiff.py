"""The transition-state generator: from reactant and product to what lies between (after OA-ReactDiff and React-OT).

Reactant and product are exact conditions (10.1038/s42256-025-01010-0); the transition state moves from a bond-aware
start along a straight path with a little noise, and the network predicts its end (10.48550/arXiv.2507.16521). Object
awareness (10.1038/s43588-023-00563-7) is by construction: fragments enter by what does not depend on their frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.backbone import Backbone, BackboneConfig, Features, Others
from models.diffusion.losses import root_mean_square
from models.diffusion.noise import NoiseSource, centered_noise
from models.diffusion.processes import StraightPath
from models.diffusion.samplers import straight_path_steps
from models.displacement_head import DisplacementHead
from models.frames import aligned, centered
from models.reaction_batch import ReactionBatch
from models.training_moment import Moment

END_POINT = 0  # role of reactant and product


@dataclass(frozen=True, slots=True, kw_only=True)
class PathConfig:
    """The path that is learned.

    Attributes:
        start_noise_angstrom: Largest standard deviation of the noise on the start in training.
        path_noise_angstrom: Standard deviation of the noise half-way.
        rollout_share: Share of training steps whose path ends in the network's own prediction instead of the truth, so
            that it learns to mend its own errors.
        short_distance_angstrom: Pairs under this distance in the transition state enter the distance loss.
        distance_weight: Weight of the distance loss beside the deviation.
    """

    start_noise_angstrom: float = 0.15
    path_noise_angstrom: float = 0.05
    rollout_share: float = 0.5
    short_distance_angstrom: float = 2.2
    distance_weight: float = 1.0

    @property
    def process(self) -> StraightPath:
        """The path as a process; its noise is widest half-way."""
        return StraightPath(path_noise=2.0 * self.path_noise_angstrom)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactDiffConfig:
    """Network and path."""

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    path: PathConfig = field(default_factory=PathConfig)


def others_of(batch: ReactionBatch) -> Others:
    """Reactant and product as objects that are read."""
    device = batch.ends.device
    return Others(
        positions=batch.ends,
        bonded=batch.bonded,
        together=batch.together,
        level=batch.ends.new_zeros(len(batch), 2),
        role=torch.full((2,), END_POINT, device=device),
    )


class ReactDiff(nn.Module):
    """Predicts the transition state from a geometry on the way to it."""

    def __init__(self, config: ReactDiffConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        self.head = DisplacementHead(config.backbone)

    def features(self, batch: ReactionBatch, positions: Tensor, time: Tensor) -> Features:
        """What the network sees in a geometry, shapes as in `forward`."""
        return self.backbone(batch.numbers, batch.mask, positions, time, others_of(batch))

    def forward(self, batch: ReactionBatch, positions: Tensor, time: Tensor) -> Tensor:
        """Predicted transition state, in the frame of the input.

        Args:
            batch: Reactions.
            positions: Where each is on its path, centred, shape (batch, n_atoms, 3), Angstrom.
            time: How far it is, 0 at the start and 1 at the transition state, shape (batch,).

        Returns:
            Centred positions, shape (batch, n_atoms, 3), Angstrom.
        """
        return centered(positions + self.head(self.features(batch, positions, time)), batch.mask)


def prediction_on_path(model: ReactDiff, batch: ReactionBatch, moment: Moment) -> Tensor:
    """Transition states that the network predicts from somewhere on their paths, as training asks it to.

    Args:
        model: The network.
        batch: Reactions.
        moment: Draws noise and times; what it draws in common decides whether the path ends in the network's own
            prediction, which costs one more evaluation.

    Returns:
        Centred positions, shape (batch, n_atoms, 3), Angstrom.
    """
    path = model.config.path
    size = len(batch)
    generator, device = moment.noise, moment.noise.device
    time = torch.rand(size, generator=generator, device=device).to(batch.start)
    level = torch.rand(size, 1, 1, generator=generator, device=device).to(batch.start) * path.start_noise_angstrom
    start = batch.start + level * centered_noise(batch.mask, generator, dtype=batch.start.dtype)
    end = aligned(batch.ts, start, batch.mask)
    if float(torch.rand((), generator=moment.common)) < path.rollout_share:
        with torch.no_grad():
            own = model(batch, start, torch.zeros_like(time))
        end = aligned(own, start, batch.mask)
    noise = centered_noise(batch.mask, generator, dtype=batch.start.dtype)
    point = centered(path.process.point(start, end, noise, time), batch.mask)
    predicted: Tensor = model(batch, point, time)
    return predicted


def loss(model: ReactDiff, batch: ReactionBatch, moment: Moment) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss: deviation plus error of short distances.

    The deviation is the root-mean-square over atoms after superposing the truth on the prediction, averaged over
    reactions, so a spectator in another conformation does not drown the rest. Distances under a limit in the true
    transition state add their mean absolute error (10.48550/arXiv.2507.16521).

    Args:
        model: The network.
        batch: Reactions.
        moment: As in `prediction_on_path`.

    Returns:
        The loss and its parts, each a scalar in Angstrom.
    """
    predicted = prediction_on_path(model, batch, moment)
    return deviation_and_distances(predicted, batch, model.config.path)


def deviation_and_distances(
    predicted: Tensor, batch: ReactionBatch, path: PathConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of predicted transition states, shape (batch, n_atoms, 3); returns as `loss`."""
    with torch.no_grad():
        truth = aligned(batch.ts, predicted, batch.mask)
    deviation = root_mean_square(predicted, truth, batch.mask, epsilon=1e-6)
    true_distances, distances = _distances(batch.ts), _distances(predicted)
    short = (true_distances < path.short_distance_angstrom) & batch.mask.unsqueeze(-1) & batch.mask.unsqueeze(-2)
    short = short & ~torch.eye(short.shape[-1], dtype=torch.bool, device=short.device)
    error = ((distances - true_distances).abs() * short).sum((-1, -2)) / short.sum((-1, -2)).clamp_min(1)
    parts = {"deviation_angstrom": deviation.mean(), "short_distances_angstrom": error.mean()}
    return parts["deviation_angstrom"] + path.distance_weight * parts["short_distances_angstrom"], parts


def _distances(positions: Tensor) -> Tensor:
    """All pair distances with a gradient everywhere, shape (batch, n_atoms, n_atoms), Angstrom."""
    vectors = positions.unsqueeze(1) - positions.unsqueeze(2)
    return (vectors.square().sum(-1) + 1e-10).sqrt()


@torch.no_grad()
def sample(
    model: ReactDiff, batch: ReactionBatch, *, n_steps: int, noise: NoiseSource | None = None, start_noise: float = 0.0
) -> Tensor:
    """Walk from the start to the transition state in equal steps of time.

    Args:
        model: The network.
        batch: Reactions with their starts.
        n_steps: Network evaluations.
        noise: Source of centred unit noise, shape (batch, n_atoms, 3); None walks deterministically.
        start_noise: Standard deviation of the noise on the start, Angstrom.

    Returns:
        Transition states, shape (batch, n_atoms, 3), Angstrom, centred.
    """
    path = StraightPath() if noise is None else model.config.path.process
    start = batch.start if noise is None else batch.start + start_noise * noise()
    return straight_path_steps(
        path, lambda points, times: model(batch, points, times), start, batch.mask, n_steps, noise
    )
