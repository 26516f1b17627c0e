"""Training of the networks that know one molecule at a time: everything that these trainings have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from chem.errors import ConfigurationError, InputError
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes
from models.structure_batch import StructureBatch, collate_structures
from models.structure_data import check_elements, read_structures
from models.training import LossFunction, Report, training_parser
from models.training_run import Learner, facts_of, run_training, train_in_processes


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureTraining:
    """What one of these trainings is; its functions are those of a module, so that other processes can be sent it.

    Attributes:
        name: As in `cairn train`.
        description: One sentence for `--help`.
        data_help: What `--data` is.
        config_kind: Dataclass of a file under configs/model/, with `model` and `training`.
        kind_of: Kind of the weights, from the configuration of the model.
        criterion: As in `models.training_run.Learner`.
        make: The network before its training, from its configuration and the training structures.
        loss: Its loss.
        validate: Figures of the network on some structures.
        labelled: Whether it learns from energies and forces.
    """

    name: str
    description: str
    data_help: str
    config_kind: type[Any]
    kind_of: Callable[[Any], str]
    criterion: str
    make: Callable[[Any, StructureBatch], nn.Module]
    loss: LossFunction
    validate: Callable[[Any, StructureBatch], dict[str, float]]
    labelled: bool = False


def train_from_command_line(
    training: StructureTraining, arguments: list[str] | None = None, report: Report | None = None
) -> None:
    """Train from the command line.

    Args:
        training: Which training.
        arguments: As on the command line; None takes those of the process.
        report: Called with each row of the curve; None prints it as JSON.
    """
    parser = training_parser(training.description, training.data_help, validate_on=200)
    given = parser.parse_args(arguments)
    batch_size = read_configuration(training.config_kind, given.config).training.batch_size
    train_in_processes(given, batch_size, partial(_train, training), report)


def _train(
    training: StructureTraining, given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None
) -> None:
    """What each process of a training does.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has.
        InputError: The data have elements that the network is not to know, no training or no validation structures, or
            no energies where they are needed.
    """
    config = read_configuration(training.config_kind, given.config)
    device = processes.device(torch.device(given.device))
    data = read_structures(given.data)
    chosen, held_out = data.split("train"), data.split("val")[: given.validate_on]
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and {len(held_out)} val structures; both are needed")
    if training.labelled and not data.labelled:
        raise InputError(f"{given.data} holds structures without energies and forces; make a file with `cairn label`")
    check_elements(data, config.model.backbone.elements, given.data)
    if config.training.compile:
        raise ConfigurationError(f"{given.config}: compile is for the generator alone; leave it out")
    torch.manual_seed(config.training.seed)
    val, train_batch = collate_structures(held_out).to(device), collate_structures(chosen).to(device)
    learner = Learner(
        kind=training.kind_of(config.model),
        criterion=training.criterion,
        model=training.make(config.model, train_batch),
        config=config.model,
        training=config.training,
        loss=training.loss,
        validate=lambda average: training.validate(average, val),
    )
    facts = facts_of(given, f"cairn train {training.name}", len(chosen), len(held_out)) | {"level": data.level}
    run_training(learner, train_batch, given, facts, processes=processes, report=report)
