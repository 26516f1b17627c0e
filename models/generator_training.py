"""Training of the transition-state generator, from a file of reactions to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.generator_training --help`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import e3nn
import torch
from torch import Tensor

from chem.errors import InputError
from models.backbone import BackboneConfig
from models.checkpoints import read_checkpoint
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes
from models.frames import rmsd
from models.reactdiff import PathConfig, ReactDiff, ReactDiffConfig, loss, sample
from models.reaction_batch import ReactionBatch, collate
from models.reaction_data import ReactionData, read_reactions
from models.start import with_start
from models.training import Report, TrainingConfig, training_parser
from models.training_run import Learner, facts_of, run_training, train_in_processes

KIND = "reactdiff"
CRITERION = "rmsd_median_angstrom"  # on `val`; the weights that ship are the best by it
PREPARE_BATCH = 500  # reactions whose starts are made at once


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTrainingConfig:
    """A file under configs/model/."""

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    path: PathConfig = field(default_factory=PathConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling_steps: int = 3

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
    groups = [index[first : first + PREPARE_BATCH] for first in range(0, len(index), PREPARE_BATCH)]
    parts = [with_start(collate([data.reactions[i] for i in group], size)) for group in groups]
    return ReactionBatch.stack(parts)


def core_rmsd(predicted: Tensor, batch: ReactionBatch) -> Tensor:
    """Deviation of the atoms of changing bonds, superposed on themselves, shape (batch,), Angstrom; NaN without any."""
    core = batch.changing.any(-1) & batch.mask
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


def parser() -> argparse.ArgumentParser:
    """The command line of `main`."""
    data_help = "reactions: .npz, .h5 (Transition1x) or RDB7's folder"
    made = training_parser((__doc__ or "").splitlines()[0], data_help, validate_on=300)
    made.add_argument("--start-from", type=Path, help="weights of a trained generator to begin with, not random ones")
    made.add_argument("--fold", default="", help="k/K: leave out fold k of K, for training a confidence")
    return made


def main(arguments: list[str] | None = None, report: Report | None = None) -> None:
    """Train from the command line.

    Args:
        arguments: As on the command line; None takes those of the process.
        report: Called with each row of the curve; None prints it as JSON.
    """
    given = parser().parse_args(arguments)
    batch_size = read_configuration(GeneratorTrainingConfig, given.config).training.batch_size
    train_in_processes(given, batch_size, train_generator, report)


def train_generator(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.
    """
    config = read_configuration(GeneratorTrainingConfig, given.config)
    device = processes.device(torch.device(given.device))
    data = read_reactions(given.data)
    chosen = [i for i, split in enumerate(data.splits) if split == "train"]
    if given.fold:
        left_out, n_folds = (int(part) for part in given.fold.split("/"))
        chosen = [i for i in chosen if fold_of(data.identifiers[i], n_folds) != left_out]
    held_out = [i for i, split in enumerate(data.splits) if split == "val"][: given.validate_on]
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and {len(held_out)} val reactions; both are needed")
    if config.training.compile:
        e3nn.set_optimization_defaults(jit_script_fx=False)  # scripted parts would break the compiled graph
    torch.manual_seed(config.training.seed)
    model = ReactDiff(config.model)
    earlier = read_checkpoint(given.start_from, KIND) if given.start_from else None
    if earlier is not None:
        earlier.load_into(model)
    train_batch, val_batch = prepared(data, data.drawn(chosen)).to(device), prepared(data, held_out).to(device)
    facts = facts_of(given, "cairn train generator", len(chosen), len(held_out))
    facts["command"] += (f" --fold {given.fold}" if given.fold else "") + (
        f" --start-from {given.start_from.name}" if earlier else ""
    )
    facts |= {
        "fold_left_out": given.fold,
        "started_from_sha256": earlier.sha256 if earlier else "",
        "sampling_steps": config.sampling_steps,
    }
    learner = Learner(
        kind=KIND,
        criterion=CRITERION,
        model=model,
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val_batch, config.sampling_steps),
    )
    run_training(learner, train_batch, given, facts, processes=processes, report=report)


if __name__ == "__main__":
    main()
