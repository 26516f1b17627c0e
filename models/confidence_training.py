"""Training of the confidence: samples of reactions that the trunk has not seen, their errors, fit, calibration.

Four steps, each a function; the second needs xTB and lives in `tasks.barrier_errors`:
draw samples of the left-out fold and of `val`; measure the barrier errors of some; fit the head; calibrate on `val`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.confidence import RIGHT_BELOW_ANGSTROM, Scorer, features_of, platt_scaling
from models.frames import rmsd
from models.generator_sampling import SamplingConfig, chunks, draw
from models.reactdiff import ReactDiff
from models.reaction_batch import collate
from models.reaction_data import ReactionData
from models.start import with_start

Array = NDArray[np.float64]
CAP_KCAL_MOL = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceTrainingConfig:
    """A file under configs/model/.

    Attributes:
        sampling: How the samples are drawn.
        hidden: Width of the head.
        dropout: Share of hidden values dropped in training.
        epochs: Passes over the samples.
        batch_size: Reactions in a step.
        learning_rate: Peak; falls to zero along half a cosine.
        weight_decay: Decoupled weight decay.
        n_reactions: Left-out reactions whose samples are drawn; fewer where the fold has fewer.
        n_errors: How many of these have their barrier errors measured.
        polish_gradient_calls: Gradient calls of the polish before an energy is taken.
        seed: Seed of weights, order and choice of reactions.
    """

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    hidden: int = 128
    dropout: float = 0.2
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    n_reactions: int = 1800
    n_errors: int = 450
    polish_gradient_calls: int = 15
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSamples:
    """Samples of reactions with what the head reads of them.

    Attributes:
        index: Place of each reaction in its data, shape (n,).
        positions: Shape (n, n_samples, n_atoms, 3), Angstrom, padded.
        features: Shape (n, n_samples, n_features).
        rmsd: Strict RMSD of each sample, shape (n, n_samples), Angstrom.
    """

    index: Tensor
    positions: Tensor
    features: Tensor
    rmsd: Tensor

    def save(self, path: Path) -> None:
        """Write for a later run."""
        np.savez(
            path,
            index=self.index.numpy(),
            positions=self.positions.numpy(),
            features=self.features.numpy(),
            rmsd=self.rmsd.numpy(),
        )

    @staticmethod
    def load(path: Path) -> DrawnSamples:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return DrawnSamples(**{name: torch.from_numpy(arrays[name]) for name in arrays.files})


def draw_samples(
    generator: ReactDiff,
    trunk: ReactDiff,
    data: ReactionData,
    index: list[int],
    sampling: SamplingConfig,
    progress: Callable[[int], None] | None = None,
) -> DrawnSamples:
    """Draw samples with a generator and read them with a trunk.

    Args:
        generator: Draws.
        trunk: Reads; the same network when a fold is drawn.
        data: Reactions with known transition states.
        index: Which of them.
        sampling: How.
        progress: Told how many are done.
    """
    device = next(generator.parameters()).device
    sizes = [len(data.reactions[i].numbers) for i in index]
    n_samples = sampling.n_drawn
    largest = max(sizes)
    positions = torch.zeros(len(index), n_samples, largest, 3)
    features: list[Tensor] = [torch.empty(0)] * len(index)
    deviations = torch.zeros(len(index), n_samples)
    done = 0
    for places in chunks(sizes, n_samples, device):
        batch = with_start(collate([data.reactions[index[place]] for place in places])).to(device)
        drawn = draw(generator, batch, sampling)
        read = features_of(trunk, batch, drawn)
        truth = batch.ts.unsqueeze(1).expand_as(drawn)
        deviation = rmsd(drawn, truth, batch.mask.unsqueeze(1).expand(-1, drawn.shape[1], -1).to(drawn))
        for row, place in enumerate(places):
            positions[place, :, : drawn.shape[2]] = drawn[row].cpu()
            features[place] = read[row].cpu()
            deviations[place] = deviation[row].cpu()
        done += len(places)
        if progress is not None:
            progress(done)
    return DrawnSamples(index=torch.tensor(index), positions=positions, features=torch.stack(features), rmsd=deviations)


def fit(scorer: Scorer, drawn: DrawnSamples, errors: Array, config: ConfidenceTrainingConfig) -> list[dict[str, float]]:
    """Fit the head: is it right, how wrong is the barrier, how far off is the geometry.

    Args:
        scorer: Changed in place; its trunk must be the one that read the features.
        drawn: Samples of reactions that the trunk was not trained on.
        errors: Barrier error of the first sample of each, shape (n,), kcal/mol; NaN where not measured.
        config: How.

    Returns:
        The loss of each epoch.
    """
    torch.manual_seed(config.seed)
    flat = drawn.features.flatten(0, 1)
    scorer.mean.copy_(flat.mean(0))
    scorer.scale.copy_(flat.std(0).clamp_min(1e-3))
    right = (drawn.rmsd < RIGHT_BELOW_ANGSTROM).float()
    log_rmsd = drawn.rmsd.clamp_min(1e-3).log()
    log_error = torch.from_numpy(np.log1p(np.minimum(errors, CAP_KCAL_MOL))).float()
    known = torch.isfinite(log_error)
    with torch.no_grad():  # begin at the means, so that few epochs suffice
        scorer.head[-1].bias.copy_(
            torch.stack([torch.logit(right.mean().clamp(0.01, 0.99)), log_error[known].mean(), log_rmsd.mean()])
        )
    optimizer = torch.optim.AdamW(scorer.head.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    order = torch.Generator().manual_seed(config.seed)
    per_epoch = math.ceil(len(drawn.index) / config.batch_size)
    rows = []
    scorer.train()
    for epoch in range(config.epochs):
        total = 0.0
        for step, some in enumerate(torch.randperm(len(drawn.index), generator=order).split(config.batch_size)):
            share = (epoch + step / per_epoch) / config.epochs
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))
            logit, error, deviation = scorer.raw(drawn.features[some]).unbind(-1)
            loss = nn.functional.binary_cross_entropy_with_logits(logit, right[some])
            loss = loss + nn.functional.smooth_l1_loss(deviation, log_rmsd[some])
            measured = known[some]
            if measured.any():
                loss = loss + nn.functional.smooth_l1_loss(error[measured, 0], log_error[some][measured])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) / per_epoch
        rows.append({"epoch": epoch, "loss": total})
    scorer.eval()
    return rows


PREFERENCES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)


def fit_preference(scorer: Scorer, drawn: DrawnSamples) -> None:
    """How much better than the deterministic sample another must look to rank before it.

    Args:
        scorer: Changed in place: the preference with the lowest mean RMSD of what ranks first.
        drawn: Samples of reactions that neither generator nor trunk was trained on.
    """
    rows = torch.arange(len(drawn.index))
    found = []
    for preference in PREFERENCES:
        scorer.preference.fill_(preference)
        found.append((float(drawn.rmsd[rows, recommended(scorer, drawn)].mean()), preference))
    scorer.preference.fill_(min(found)[1])


def recommended(scorer: Scorer, drawn: DrawnSamples) -> Tensor:
    """Which sample of each reaction ranks first, shape (n,)."""
    with torch.no_grad():
        return scorer.calibrated(scorer.raw(drawn.features)).rank_by.argmin(-1)


def calibrate(scorer: Scorer, drawn: DrawnSamples, errors: Array) -> None:
    """Calibrate on reactions that neither generator nor trunk was trained on.

    Args:
        scorer: Changed in place: sigmoid of the probability, curve of the error, calibration set of the triage.
        drawn: Samples of the generator that is to be used.
        errors: Barrier error of the recommended sample of each, shape (n,), kcal/mol; infinite where it failed.
    """
    best = recommended(scorer, drawn)
    rows = torch.arange(len(best))
    with torch.no_grad():
        raw = scorer.raw(drawn.features)[rows, best]
    right = (drawn.rmsd[rows, best] < RIGHT_BELOW_ANGSTROM).numpy()
    scorer.platt.copy_(torch.tensor(platt_scaling(raw[:, 0].double().numpy(), right)))
    known = ~np.isnan(errors)
    scores, capped = scorer.doubt(raw).double().numpy()[known], np.minimum(errors[known], CAP_KCAL_MOL)
    knots, values = monotone_curve(scores, capped, len(scorer.error_knots))
    scorer.error_knots.copy_(torch.from_numpy(knots))
    scorer.error_values.copy_(torch.from_numpy(values))
    with torch.no_grad():
        expected = scorer.calibrated(raw[torch.from_numpy(known)].unsqueeze(1)).error_kcal_mol.squeeze(1)
    scorer.calibration_scores.copy_(expected)
    scorer.calibration_errors.copy_(torch.from_numpy(errors[known]))


def monotone_curve(scores: Array, values: Array, n_knots: int) -> tuple[Array, Array]:
    """Rising piecewise-linear curve through the means of values in equal shares of the scores.

    The means are made monotone by pooling adjacent violators (10.18637/jss.v032.i05); a slight slope keeps the order of
    the scores, so that ties do not hide who is worse.

    Args:
        scores: Shape (n,).
        values: Shape (n,).
        n_knots: Knots of the curve.

    Returns:
        Knots and values, each of shape (n_knots,), both strictly rising.
    """
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, min(n_knots, len(scores)))
    blocks: list[list[float]] = []  # mean, weight, count of groups
    for group in groups:
        blocks.append([float(values[group].mean()), float(len(group)), 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, weight, count = blocks.pop()
            below = blocks[-1]
            below[0] = (below[0] * below[1] + mean * weight) / (below[1] + weight)
            below[1], below[2] = below[1] + weight, below[2] + count
    fitted = np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
    middle = np.array([scores[group].mean() for group in groups])
    knots = np.interp(np.linspace(0, 1, n_knots), np.linspace(0, 1, len(middle)), middle)
    heights = np.interp(np.linspace(0, 1, n_knots), np.linspace(0, 1, len(fitted)), fitted)
    slope = 1e-3 * np.arange(n_knots)
    return knots + 1e-6 * np.arange(n_knots), heights + slope
