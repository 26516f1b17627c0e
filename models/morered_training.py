"""Training of MoreRed, from a file of minima to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.morered_training --help`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from chem.errors import ConfigurationError, InputError
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes, check_processes, started
from models.diffusion.noise import centered_noise
from models.frames import rmsd
from models.morered import KIND_OF, MoreRed, MoreRedConfig, loss, noised
from models.morered_relaxation import FORM_OF, RelaxationConfig, relax_batch
from models.structure_batch import StructureBatch, collate_structures
from models.structure_data import check_elements, read_structures
from models.training import Report, TrainingConfig, training_arguments
from models.training_run import Learner, facts_of, run_training

CRITERION = "rmsd_ratio_median"  # on `val`; the weights that ship are the best by it
NOISES_ANGSTROM = (0.1, 0.2, 0.3)  # of the structures of a validation
VALIDATION_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreRedTrainingConfig:
    """A file under configs/model/."""

    model: MoreRedConfig = field(default_factory=MoreRedConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def time_of_noise(config: MoreRedConfig, angstrom: float) -> float:
    """Time at which the noise on a coordinate has this standard deviation, as a share of the schedule."""
    schedule = config.process.schedule
    levels = (1.0 - schedule.alpha_bar).sqrt() / schedule.alpha_bar.sqrt()
    return float(torch.searchsorted(levels, torch.tensor(angstrom, dtype=levels.dtype))) / config.n_steps


def validate(model: MoreRed, batch: StructureBatch) -> dict[str, float]:
    """What relaxing noised minima leaves of the noise, bonds known, and how well the time is told.

    The variant is the one that predicts the time at every step.
    """
    variant = next(name for name, form in FORM_OF.items() if form == model.config.form and name != "itp")
    ratios, errors = [], []
    for angstrom in NOISES_ANGSTROM:
        time = time_of_noise(model.config, angstrom)
        generator = torch.Generator().manual_seed(0)
        for part in torch.arange(len(batch)).split(VALIDATION_BATCH):
            some = batch.select(part)
            noise = centered_noise(some.mask, generator, dtype=some.positions.dtype)
            times = torch.full((len(some),), time, device=some.positions.device)
            broken = noised(model.config, some, noise, times)
            relaxed = relax_batch(model, replace(some, positions=broken), RelaxationConfig(variant=variant))
            mask = some.mask.to(broken)
            before = rmsd(broken, some.positions, mask)
            ratios.append(rmsd(relaxed.positions, some.positions, mask) / before)
            errors.append((relaxed.noise_angstrom.to(before) / angstrom - 1.0).abs())
    ratio: Tensor = torch.cat(ratios)
    return {
        CRITERION: round(float(ratio.median()), 5),
        "rmsd_ratio_mean": round(float(ratio.mean()), 5),
        "worse_share": round(float((ratio > 1.0).float().mean()), 4),
        "noise_relative_error": round(float(torch.cat(errors).mean()), 4),
    }


def parser() -> argparse.ArgumentParser:
    """The command line of `main`."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--data", type=Path, required=True, help="minima, as `cairn minima` writes them")
    training_arguments(made)
    made.add_argument("--validate-on", type=int, default=200, help="structures of the validation split to use")
    return made


def main(arguments: list[str] | None = None, report: Report | None = None) -> None:
    """Train from the command line.

    Args:
        arguments: As on the command line; None takes those of the process.
        report: Called with each row of the curve; None prints it as JSON.
    """
    given = parser().parse_args(arguments)
    device = torch.device(given.device)
    check_processes(
        given.processes, read_configuration(MoreRedTrainingConfig, given.config).training.batch_size, device
    )
    with started(given.processes, device, partial(train_morered, given)) as processes:
        train_morered(given, processes, report)


def train_morered(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has.
        InputError: The data have elements that the network is not to know, no training or no validation structures.
    """
    config = read_configuration(MoreRedTrainingConfig, given.config)
    device = processes.device(torch.device(given.device))
    data = read_structures(given.data)
    chosen, held_out = data.split("train"), data.split("val")[: given.validate_on]
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and {len(held_out)} val structures; both are needed")
    check_elements(data, config.model.backbone.elements, given.data)
    if config.training.compile:
        raise ConfigurationError(f"{given.config}: compile is for the generator alone; leave it out")
    torch.manual_seed(config.training.seed)
    val = collate_structures(held_out).to(device)
    learner = Learner(
        kind=KIND_OF[config.model.form],
        criterion=CRITERION,
        model=MoreRed(config.model),
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val),
    )
    facts = facts_of(given, "cairn train morered", len(chosen), len(held_out)) | {"level": data.level}
    train_batch = collate_structures(chosen).to(device)
    run_training(learner, train_batch, given, facts, processes=processes, report=report)


if __name__ == "__main__":
    main()
