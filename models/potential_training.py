"""Training of the force field, from a file of labelled structures to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.potential_training --help`.
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
from models.potential import Potential, PotentialConfig, energy_and_forces, loss
from models.structure_batch import StructureBatch, collate_structures
from models.structure_data import check_elements, read_structures
from models.training import Report, TrainingConfig, training_arguments
from models.training_run import Learner, facts_of, run_training

KIND = "potential"
CRITERION = "force_mae_ev_per_angstrom"  # on `val`; the weights that ship are the best by it
VALIDATION_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialTrainingConfig:
    """A file under configs/model/."""

    model: PotentialConfig = field(default_factory=PotentialConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def validate(model: Potential, batch: StructureBatch) -> dict[str, float]:
    """Mean absolute errors: of every component of every force, of the energy, and of the energy of an atom."""
    components, energies, n_atoms = [], [], []
    for part in batch.mask.sum(-1).argsort().split(VALIDATION_BATCH):
        some = batch.select(part)
        predicted = energy_and_forces(model, some)
        off = (predicted.forces_ev_per_angstrom - some.forces_ev_per_angstrom).abs()
        components.append(off[some.mask].flatten())
        energies.append((predicted.energies_ev - some.energies_ev).abs())
        n_atoms.append(some.mask.sum(-1))
    energy = torch.cat(energies)
    return {
        CRITERION: round(float(torch.cat(components).mean()), 6),
        "energy_mae_ev": round(float(energy.mean()), 6),
        "energy_mae_ev_per_atom": round(float((energy / torch.cat(n_atoms)).mean()), 6),
    }


def parser() -> argparse.ArgumentParser:
    """The command line of `main`."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument(
        "--data", type=Path, required=True, help="structures with energies and forces, as `cairn label` writes them"
    )
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
        given.processes, read_configuration(PotentialTrainingConfig, given.config).training.batch_size, device
    )
    with started(given.processes, device, partial(train_potential, given)) as processes:
        train_potential(given, processes, report)


def train_potential(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has.
        InputError: The data have elements that the network is not to know, no training or no validation structures, or
            no energies.
    """
    config = read_configuration(PotentialTrainingConfig, given.config)
    device = processes.device(torch.device(given.device))
    data = read_structures(given.data)
    chosen, held_out = data.split("train"), data.split("val")[: given.validate_on]
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and {len(held_out)} val structures; both are needed")
    if not data.labelled:
        raise InputError(f"{given.data} holds structures without energies and forces; make a file with `cairn label`")
    check_elements(data, config.model.backbone.elements, given.data)
    if config.training.compile:
        raise ConfigurationError(f"{given.config}: compile is for the generator alone; leave it out")
    torch.manual_seed(config.training.seed)
    val = collate_structures(held_out).to(device)
    train_batch = collate_structures(chosen).to(device)
    model = Potential(config.model)
    model.fit_scale(train_batch)
    learner = Learner(
        kind=KIND,
        criterion=CRITERION,
        model=model,
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val),
    )
    facts = facts_of(given, "cairn train potential", len(chosen), len(held_out)) | {"level": data.level}
    run_training(learner, train_batch, given, facts, processes=processes, report=report)


if __name__ == "__main__":
    main()
