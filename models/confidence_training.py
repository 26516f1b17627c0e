"""Training of the confidence: samples of reactions that the trunk has not seen, their errors, fit, calibration.

Four steps, each a function; the second needs xTB and lives in `tasks.confidence`: draw samples of the left-out fold and
of `val`; polish some and measure the errors of their barriers; fit; calibrate on `val`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chem.ranking import ERROR_CAP_KCAL_MOL
from models.confidence import RIGHT_BELOW_ANGSTROM, Scorer, features_of, platt_scaling
from models.frames import rmsd
from models.generator_sampling import SamplingConfig, chunks, draw
from models.monotone import monotone_curve
from models.reactdiff import ReactDiff
from models.reaction_batch import collate
from models.reaction_data import ReactionData
from models.start import with_start

Array = NDArray[np.float64]


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
        n_errors: How many of these are polished and have their barrier errors measured.
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
    n_errors: int = 900
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
        """Write for a later run, whole or not at all."""
        _save(
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


def fit(scorer: Scorer, drawn: DrawnSamples, config: ConfidenceTrainingConfig) -> list[dict[str, float]]:
    """Fit the head: is it right, and how far off is the geometry.

    Args:
        scorer: Changed in place; its trunk must be the one that read the features.
        drawn: Samples of reactions that the trunk was not trained on.
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
    with torch.no_grad():  # begin at the means, so that few epochs suffice
        scorer.head[-1].bias.copy_(torch.stack([torch.logit(right.mean().clamp(0.01, 0.99)), log_rmsd.mean()]))
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
            logit, deviation = scorer.raw(drawn.features[some]).unbind(-1)
            loss = nn.functional.binary_cross_entropy_with_logits(logit, right[some])
            loss = loss + nn.functional.smooth_l1_loss(deviation, log_rmsd[some])
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBarriers:
    """Polished candidates of some reactions with the errors of their barriers.

    Attributes:
        rows: Place of each reaction among the drawn ones, shape (n,).
        errors_kcal_mol: Absolute error of the barrier, shape (n,), infinite where a calculation failed.
        features: What `chem.walk_features` tells of the polish, shape (n, n_features); NaN where it failed.
    """

    rows: NDArray[np.int64]
    errors_kcal_mol: Array
    features: Array

    @property
    def polished(self) -> NDArray[np.bool_]:
        """Where there is a polish to go by; the others are never believed, and nothing is learned from them."""
        known: NDArray[np.bool_] = np.isfinite(self.features).all(axis=1)
        return known

    def save(self, path: Path, fingerprint: str) -> None:
        """Write for a later run with the same samples, whole or not at all."""
        _save(
            path,
            rows=self.rows,
            errors=self.errors_kcal_mol,
            features=self.features,
            fingerprint=np.array(fingerprint),
        )

    @staticmethod
    def load(path: Path, fingerprint: str) -> MeasuredBarriers | None:
        """What `save` wrote; None where there is nothing, or it is of other samples."""
        if not path.exists():
            return None
        with np.load(path) as stored:
            if str(stored["fingerprint"]) != fingerprint:
                return None
            return MeasuredBarriers(rows=stored["rows"], errors_kcal_mol=stored["errors"], features=stored["features"])


def fit_judge(scorer: Scorer, barriers: MeasuredBarriers) -> None:
    """Fit the judge of polished candidates.

    Args:
        scorer: Changed in place.
        barriers: Of reactions that the drawing network was not trained on.
    """
    scorer.judge.fit(barriers.features[barriers.polished], barriers.errors_kcal_mol[barriers.polished])


def calibrate_chance(scorer: Scorer, drawn: DrawnSamples) -> None:
    """Make the chance of being right a probability, on reactions that neither generator nor trunk was trained on.

    Args:
        scorer: Changed in place.
        drawn: Samples of the generator that is to be used.
    """
    best = recommended(scorer, drawn)
    rows = torch.arange(len(best))
    with torch.no_grad():
        logits = scorer.raw(drawn.features)[rows, best][:, 0].double().numpy()
    right = (drawn.rmsd[rows, best] < RIGHT_BELOW_ANGSTROM).numpy()
    scorer.platt.copy_(torch.tensor(platt_scaling(logits, right)))


def calibrate_errors(scorer: Scorer, drawn: DrawnSamples, barriers: MeasuredBarriers) -> None:
    """Calibrate expected errors, before and after the polish, on the same reactions as `calibrate_chance`.

    Args:
        scorer: Changed in place: both curves of the expected error, and the calibration set of the triage.
        drawn: As there.
        barriers: What the polish of the recommended samples left.
    """
    best = recommended(scorer, drawn)
    rows = torch.from_numpy(barriers.rows)
    with torch.no_grad():
        logits = scorer.raw(drawn.features)[rows, best[rows]][:, 0].double().numpy()
    capped = np.minimum(barriers.errors_kcal_mol, ERROR_CAP_KCAL_MOL)
    knots, values = monotone_curve(-logits, capped, len(scorer.error_knots))
    scorer.error_knots.copy_(torch.from_numpy(knots))
    scorer.error_values.copy_(torch.from_numpy(values))
    polished = barriers.polished
    scorer.judge.calibrate(barriers.features[polished], barriers.errors_kcal_mol[polished], int((~polished).sum()))


def recalibrated(scorer: Scorer, drawn: DrawnSamples, barriers: MeasuredBarriers) -> Scorer:
    """The confidence of another generator: the same trunk, head and regression, calibrated on samples of that one.

    The trunk is left as it is: it has seen none of the reactions, which one that learned with the generator would have.

    Args:
        scorer: Of an earlier generator.
        drawn: Samples of the new one, of reactions that neither it nor the trunk was trained on, read by the trunk.
        barriers: What the polish of samples left: of each reaction the one that ranks first in `preferred`.
    """
    config = replace(scorer.config, n_calibration=len(barriers.rows))
    fresh = Scorer(config)
    known = {name: value for name, value in scorer.state_dict().items() if not name.startswith("judge.calibration_")}
    fresh.load_state_dict({**fresh.state_dict(), **known})
    fresh.eval()
    fit_preference(fresh, drawn)
    calibrate_chance(fresh, drawn)
    calibrate_errors(fresh, drawn, barriers)
    return fresh


def preferred(scorer: Scorer, drawn: DrawnSamples) -> Tensor:
    """Which sample of each reaction will rank first once the preference is fitted to the samples, shape (n,)."""
    fitted = copy.deepcopy(scorer).eval()
    fit_preference(fitted, drawn)
    return recommended(fitted, drawn)


def _save(path: Path, **arrays: NDArray[Any]) -> None:
    fresh = path.with_name(f"{path.stem}.new.npz")
    np.savez(fresh, **arrays)
    fresh.replace(path)
