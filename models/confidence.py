"""How far to trust a generated transition state (after OA-ReactDiff's recommender, 10.48550/arXiv.2304.06174).

A small network reads what a frozen trunk sees in (reactant, generated transition state, product) and how far the
samples of one reaction lie apart. The trunk is a generator that was trained without the reactions from which the scorer
learns: samples of reactions that a generator has learned are better than those it makes in use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from e3nn import o3
from numpy.typing import NDArray
from torch import Tensor, nn

from chem.errors import ConfigurationError
from models.backbone import split_parts
from models.checkpoints import read_checkpoint, shipped
from models.frames import rmsd
from models.monotone import curve_at
from models.reactdiff import ReactDiff, ReactDiffConfig
from models.reaction_batch import ReactionBatch
from models.walk_judge import WalkJudge

KIND = "confidence"
READING_TIME = 0.95  # where on its path the trunk is told that the finished geometry lies
RIGHT_BELOW_ANGSTROM = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerConfig:
    """Size of the scorer.

    Attributes:
        trunk: The generator whose features are read.
        hidden: Width of the scorer.
        dropout: Share of hidden values dropped in training.
        n_knots: Knots of the calibration curve of the error.
        n_calibration: Reactions whose scores and errors are kept for triage.
    """

    trunk: ReactDiffConfig = field(default_factory=ReactDiffConfig)
    hidden: int = 128
    dropout: float = 0.2
    n_knots: int = 32
    n_calibration: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What the scorer says of samples, each of shape (batch, n_samples).

    Attributes:
        probability: Calibrated probability that the strict RMSD is under 0.2 Angstrom.
        error_kcal_mol: Expected absolute error of the barrier after the polish, before it is known how that goes.
        rank_by: What ranks the samples of a reaction, low is good.
    """

    probability: Tensor
    error_kcal_mol: Tensor
    rank_by: Tensor

    def order(self, row: int) -> list[int]:
        """Samples of a reaction, best first; equal ones in the order drawn."""
        return [int(place) for place in torch.argsort(self.rank_by[row], stable=True)]

    def confidence(self, row: int, sample: int) -> float:
        """Probability of one sample."""
        return float(self.probability[row, sample].clamp(0.0, 1.0))

    def expected_error_kcal_mol(self, row: int, sample: int) -> float:
        """Expected error of one sample."""
        return float(self.error_kcal_mol[row, sample])


class Scorer(nn.Module):
    """Frozen trunk, small head, calibration."""

    preference: Tensor  # for the deterministic sample, in log RMSD

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = ReactDiff(config.trunk).requires_grad_(requires_grad=False)
        width = n_features(config.trunk)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.head = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, 2),
        )
        # Platt's sigmoid for the probability, a monotone curve of the error over the chance of being wrong.
        self.register_buffer("platt", torch.tensor([1.0, 0.0]))
        self.register_buffer("preference", torch.tensor(0.0))
        self.register_buffer("error_knots", torch.linspace(-3.0, 5.0, config.n_knots))
        self.register_buffer("error_values", torch.linspace(0.0, 50.0, config.n_knots))
        self.judge = WalkJudge(config.n_knots, config.n_calibration)

    def train(self, mode: bool = True) -> Scorer:
        """Training mode of the head; the trunk stays as it is."""
        super().train(mode)
        self.trunk.eval()
        return self

    def raw(self, features: Tensor) -> Tensor:
        """Uncalibrated (logit of being right, log of RMSD in Angstrom), shape (..., 2)."""
        return self.head((features - self.mean) / self.scale)

    @torch.no_grad()
    def score(self, batch: ReactionBatch, positions: Tensor) -> Scores:
        """Score samples.

        Args:
            batch: Reactions.
            positions: Their samples, shape (batch, n_samples, n_atoms, 3), Angstrom, centred.
        """
        self.eval()
        return self.calibrated(self.raw(features_of(self.trunk, batch, positions)))

    def calibrated(self, raw: Tensor) -> Scores:
        """Scores from what `raw` gives, shape (batch, n_samples, 2)."""
        logit, log_rmsd = raw.unbind(-1)
        error = curve_at(*(each.cpu().double().numpy() for each in (-logit, self.error_knots, self.error_values)))
        return Scores(
            probability=torch.sigmoid(self.platt[0] * logit + self.platt[1]),
            error_kcal_mol=torch.from_numpy(error).to(logit),
            rank_by=log_rmsd - self.preference * (torch.arange(raw.shape[1], device=raw.device) == 0),
        )


def n_features(config: ReactDiffConfig) -> int:
    """Columns of `features_of`."""
    channels = sum(mul for mul, _ in o3.Irreps(config.backbone.irreps))
    return 2 * channels + 3 * config.backbone.edge_channels + N_PLAIN


N_PLAIN = 12


@torch.no_grad()
def features_of(trunk: ReactDiff, batch: ReactionBatch, positions: Tensor) -> Tensor:
    """What the head reads of each sample.

    Args:
        trunk: Frozen generator.
        batch: Reactions.
        positions: Samples, shape (batch, n_samples, n_atoms, 3), Angstrom, centred.

    Returns:
        Shape (batch, n_samples, n_features).
    """
    size, n_samples = positions.shape[:2]
    spread = _spread(batch, positions)  # (batch, n_samples, 5)
    columns = [_read(trunk, batch, positions[:, place]) for place in range(n_samples)]
    return torch.cat([torch.stack(columns, dim=1), spread.reshape(size, n_samples, -1)], dim=-1)


def _core(batch: ReactionBatch) -> Tensor:
    """Atoms of changing bonds, all atoms where no bond changes; shape (batch, n_atoms), bool."""
    core = batch.changing.any(-1)
    return torch.where(core.any(-1, keepdim=True), core, batch.mask)


def _read(trunk: ReactDiff, batch: ReactionBatch, positions: Tensor) -> Tensor:
    """Pooled features of one sample of each reaction, shape (batch, n_features - 5)."""
    time = positions.new_full((len(batch),), READING_TIME)
    features = trunk.features(batch, positions, time)
    change = trunk.head(features)
    parts = trunk.backbone.blocks[0].parts
    invariants = []
    for part, own in zip(parts, split_parts(features.nodes, parts), strict=True):
        copies = own.unflatten(-1, (part.mul, part.dim))
        invariants.append(own if part.is_scalar else copies.square().sum(-1).add(1e-9).sqrt())
    atoms = torch.cat(invariants, dim=-1)  # (batch, n_atoms, channels)
    core = _core(batch)
    distances = (features.vectors.square().sum(-1) + 1e-12).sqrt()
    there = features.pair_mask.squeeze(-1) > 0
    changing = batch.changing & there
    spectators = batch.bonded.all(1) & there
    squares = change.square().sum(-1)
    moved = [
        _mean(squares.unsqueeze(-1), batch.mask).sqrt(),
        _mean(squares.unsqueeze(-1), core).sqrt(),
        squares.amax(-1, keepdim=True).sqrt(),
    ]
    fragments = (batch.together.float().sum(-1).clamp_min(1.0).reciprocal() * batch.mask.unsqueeze(1)).sum((1, 2))
    plain = [
        *moved,
        batch.mask.sum(-1, keepdim=True).float().log(),
        fragments.unsqueeze(-1),
        changing.sum((-1, -2)).unsqueeze(-1).float() / 2,
        torch.where(there, distances, 9.0).amin((-1, -2)).unsqueeze(-1),
    ]
    pooled = [
        _mean(atoms, batch.mask),
        _mean(atoms, core),
        _pair_mean(features.pairs, changing),
        _pair_mean(features.pairs, spectators),
        _pair_mean(features.pairs, there),
    ]
    return torch.cat([*pooled, *[value.to(positions) for value in plain]], dim=-1)


def _mean(values: Tensor, which: Tensor) -> Tensor:
    weights = which.to(values).unsqueeze(-1)
    return (values * weights).sum(1) / weights.sum(1).clamp_min(1.0)


def _pair_mean(values: Tensor, which: Tensor) -> Tensor:
    weights = which.to(values).unsqueeze(-1)
    return (values * weights).sum((1, 2)) / weights.sum((1, 2)).clamp_min(1.0)


def _spread(batch: ReactionBatch, positions: Tensor) -> Tensor:
    """How far the samples of a reaction lie apart, shape (batch, n_samples, 5), Angstrom.

    Columns: deviation of a sample from the others, median; from the first; mean over all pairs; the same for the atoms
    of changing bonds alone; deviation from the start.
    """
    n_samples = positions.shape[1]
    pairs = rmsd(
        positions.unsqueeze(1), positions.unsqueeze(2), batch.mask[:, None, None].expand(-1, n_samples, n_samples, -1)
    )
    core = _core(batch)[:, None, None].expand(-1, n_samples, n_samples, -1)
    core_pairs = rmsd(positions.unsqueeze(1), positions.unsqueeze(2), core)
    others = max(1, n_samples - 1)
    start = rmsd(
        positions, batch.start.unsqueeze(1).expand_as(positions), batch.mask.unsqueeze(1).expand(-1, n_samples, -1)
    )
    everywhere = torch.ones_like(start)
    return torch.stack(
        [
            pairs.sum(-1) / others,
            pairs[:, :, 0],
            pairs.sum((-1, -2))[:, None] / (others * n_samples) * everywhere,
            core_pairs.sum((-1, -2))[:, None] / (others * n_samples) * everywhere,
            start,
        ],
        dim=-1,
    )


def load_scorer(path: Path | None, *, generator_sha256: str) -> Scorer:
    """The scorer of a generator.

    Args:
        path: Its weights; None takes those that Cairn ships.
        generator_sha256: Hash of the generator's weights, for which it must have been calibrated.

    Raises:
        ConfigurationError: It is missing, damaged, or calibrated for another generator.
    """
    checkpoint = shipped(KIND) if path is None else read_checkpoint(path, KIND)
    wanted = checkpoint.card.get("generator_sha256", "")
    if wanted != generator_sha256:
        raise ConfigurationError(
            f"the confidence {checkpoint.path} was calibrated for the generator with SHA-256 {str(wanted)[:12]}, not"
            f" {generator_sha256[:12]}; give the confidence that belongs to this generator, or train one"
        )
    scorer = Scorer(checkpoint.configuration(ScorerConfig))
    checkpoint.load_into(scorer)
    scorer.judge.source = str(checkpoint.card.get("calibrated_on", "val"))
    return scorer.eval()


def platt_scaling(logits: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that make sigmoid(slope * logit + offset) a probability, by Newton's method on the likelihood.

    With Platt's smoothed targets, so that few or separable cases stay finite.

    Args:
        logits: Shape (n,).
        right: Whether each was right, shape (n,), bool.
    """
    positive, negative = int(right.sum()), int((~right).sum())
    targets = np.where(right, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    columns = np.stack([logits, np.ones_like(logits)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(100):
        chance = 1.0 / (1.0 + np.exp(-np.clip(columns @ weights, -30, 30)))
        gradient = columns.T @ (chance - targets)
        hessian = (columns * (chance * (1.0 - chance))[:, None]).T @ columns + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step / max(1.0, np.abs(step).max() / 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])
