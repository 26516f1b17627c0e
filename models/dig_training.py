"""Training of DiG, from a file of structures to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.dig_training --help`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from chem.errors import ConfigurationError, InputError
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes, check_processes, started
from models.diffusion.losses import mean_squared_error
from models.diffusion.noise import centered_noise
from models.dig import Dig, DigConfig, loss
from models.structure_batch import StructureBatch, collate_structures
from models.structure_data import check_elements, read_structures
from models.training import Report, TrainingConfig, training_arguments
from models.training_run import Learner, facts_of, run_training

KIND = "dig"
CRITERION = "noise_error"  # on `val`; the weights that ship are the best by it
VALIDATION_BATCH = 100
TIMES = (0.005, 0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9)  # of a validation


@dataclass(frozen=True, slots=True, kw_only=True)
class DigTrainingConfig:
    """A file under configs/model/."""

    model: DigConfig = field(default_factory=DigConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@torch.no_grad()
def validate(model: Dig, batch: StructureBatch) -> dict[str, float]:
    """Mean squared error of the noise at fixed times, and the same at each."""
    process, errors = model.config.process, {}
    for share in TIMES:
        generator, found = torch.Generator().manual_seed(0), []
        for part in torch.arange(len(batch)).split(VALIDATION_BATCH):
            some = batch.select(part)
            noise = centered_noise(some.mask, generator, dtype=some.positions.dtype)
            time = torch.full((len(some),), share, device=some.positions.device, dtype=some.positions.dtype)
            values = process.noised(some.positions / model.config.scale_angstrom, noise, time)
            found.append(mean_squared_error(model(some, values, time), noise, some.mask))
        errors[share] = float(torch.cat(found).mean())
    each = {f"noise_error_at_{share:g}": round(value, 5) for share, value in errors.items()}
    return {CRITERION: round(sum(errors.values()) / len(errors), 5), **each}


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
    check_processes(given.processes, read_configuration(DigTrainingConfig, given.config).training.batch_size, device)
    with started(given.processes, device, partial(train_dig, given)) as processes:
        train_dig(given, processes, report)


def train_dig(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has.
        InputError: The data have elements that the network is not to know, no training or no validation structures.
    """
    config = read_configuration(DigTrainingConfig, given.config)
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
        kind=KIND,
        criterion=CRITERION,
        model=Dig(config.model),
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val),
    )
    facts = facts_of(given, "cairn train dig", len(chosen), len(held_out)) | {"level": data.level}
    train_batch = collate_structures(chosen).to(device)
    run_training(learner, train_batch, given, facts, processes=processes, report=report)


if __name__ == "__main__":
    main()
