"""Training of the transition-state generator, from a file of reactions to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.generator_training --help`.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from models.backbone import BackboneConfig
from models.configuration import read_configuration
from models.frames import rmsd
from models.reactdiff import PathConfig, ReactDiff, ReactDiffConfig, loss, sample
from models.reaction_batch import ReactionBatch, collate
from models.reaction_data import ReactionData, read_reactions
from models.start import with_start
from models.training import TrainingConfig, load_checkpoint, train, training_init

PREPARE_BATCH = 500  # reactions whose starts are made at once


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTrainingConfig:
    """A file under configs/model/."""

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    path: PathConfig = field(default_factory=PathConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling_steps: int = 10

    @property
    def model(self) -> ReactDiffConfig:
        """Network and path."""
        return ReactDiffConfig(backbone=self.backbone, path=self.path)


def fold_of(identifier: str, n_folds: int) -> int:
    """Fold of a reaction, from its identifier alone."""
    return int(identifier) % n_folds if identifier.isdigit() else sum(identifier.encode()) % n_folds


def prepared(data: ReactionData, index: list[int]) -> ReactionBatch:
    """Some reactions as one padded batch with starts."""
    size = max(len(data.reactions[i].numbers) for i in index)
    parts = []
    for first in range(0, len(index), PREPARE_BATCH):
        parts.append(with_start(collate([data.reactions[i] for i in index[first : first + PREPARE_BATCH]], size)))
    return ReactionBatch.stack(parts)


def core_rmsd(predicted: Tensor, batch: ReactionBatch) -> Tensor:
    """Deviation of the atoms of changing bonds, superposed on themselves, shape (batch,), Angstrom; NaN without any."""
    core = (batch.bonded[:, 0] ^ batch.bonded[:, 1]).any(-1) & batch.mask
    value = rmsd(predicted, batch.ts, core.to(predicted))
    return torch.where(core.any(-1), value, torch.nan)


def validate(model: ReactDiff, batch: ReactionBatch, n_steps: int) -> dict[str, float]:
    """Strict RMSD of the deterministic sample."""
    deviations, cores = [], []
    order = batch.mask.sum(-1).argsort()
    for part in order.split(100):
        some = batch.select(part)
        predicted = sample(model, some, n_steps=n_steps)
        deviations.append(rmsd(predicted, some.ts, some.mask.to(predicted)))
        cores.append(core_rmsd(predicted, some))
    values, core = torch.cat(deviations), torch.cat(cores)
    return {
        "rmsd_median_angstrom": round(float(values.median()), 5),
        "rmsd_mean_angstrom": round(float(values.mean()), 5),
        "core_rmsd_median_angstrom": round(float(core.nanmedian()), 5),
        "below_0_1": round(float((values < 0.1).float().mean()), 4),
    }


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="reactions: .npz, .h5 (Transition1x) or RDB7's folder")
    parser.add_argument("--config", type=Path, required=True, help="configs/model/*.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and curve.csv")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--max-seconds", type=float, default=math.inf, help="stop with a checkpoint after this long")
    parser.add_argument("--fold", default="", help="k/K: leave out fold k of K, for training a confidence")
    parser.add_argument("--validate-on", type=int, default=300, help="reactions of the validation split to use")
    given = parser.parse_args(arguments)
    config = read_configuration(GeneratorTrainingConfig, given.config)
    device = torch.device(given.device)
    data = read_reactions(given.data)
    chosen = [i for i, split in enumerate(data.splits) if split == "train"]
    if given.fold:
        left_out, n_folds = (int(part) for part in given.fold.split("/"))
        chosen = [i for i in chosen if fold_of(data.identifiers[i], n_folds) != left_out]
    held_out = [i for i, split in enumerate(data.splits) if split == "val"][: given.validate_on]
    torch.manual_seed(config.training.seed)
    model = ReactDiff(config.model)
    state = training_init(model, config.training, device)
    checkpoint = given.out / "checkpoint.pt"
    if given.resume and checkpoint.exists():
        load_checkpoint(checkpoint, state)
    train_batch, val_batch = prepared(data, chosen).to(device), prepared(data, held_out).to(device)
    print(f"{len(chosen)} reactions, {sum(p.numel() for p in model.parameters())} parameters, step {state.step}", flush=True)
    train(
        state,
        train_batch,
        loss,
        lambda average: validate(average, val_batch, config.sampling_steps),
        config.training,
        given.out,
        max_seconds=given.max_seconds,
        report=lambda row: print(json.dumps(row), flush=True),
    )


if __name__ == "__main__":
    main()
