"""A training from its command line: fresh or resumed, the best weights kept, each validation told."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chem.errors import InputError
from models.best_weights import WEIGHTS_FILE, BestWeights
from models.data_parallel import ALONE, Processes, check_processes, started
from models.training import Batch, LossFunction, Report, TrainingConfig, Validation, train, training_init
from models.training_checkpoint import has_checkpoint, load_checkpoint
from models.weights_file import hash_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What is trained, and how its progress is judged.

    Attributes:
        kind: Kind of model, as in `models.weights_file`.
        criterion: Figure of the validation by which weights are chosen; the smaller the better.
        model: The network, with its weights to begin with.
        config: Its configuration, stored with the weights.
        training: How it is trained.
        loss: Its loss.
        validate: Figures of the averaged network on `val`.
    """

    kind: str
    criterion: str
    model: nn.Module
    config: Any
    training: TrainingConfig
    loss: LossFunction
    validate: Validation


def facts_of(given: argparse.Namespace, command: str, n_train: int, n_val: int) -> dict[str, Any]:
    """What every card tells of the data and the command."""
    data: Path = given.data
    return {
        "data": data.name,
        "data_sha256": hash_of(data) if data.is_file() else "",
        "n_train": n_train,
        "n_val": n_val,
        "command": f"{command} --data {data.name} --config {given.config.name}"
        + (f" --processes {given.processes}" if given.processes > 1 else ""),
    }


def train_in_processes(
    given: argparse.Namespace,
    batch_size: int,
    work: Callable[[argparse.Namespace, Processes, Report | None], None],
    report: Report | None,
) -> None:
    """Do the work of a training in as many processes as the command line asks for.

    Args:
        given: The options of `models.training.training_parser`.
        batch_size: Entries in a step, of all processes together.
        work: What each process does; only the first is given the report.
        report: Called with each row of the curve; None prints it as JSON.
    """
    device = torch.device(given.device)
    check_processes(given.processes, batch_size, device)
    with started(given.processes, device, partial(_without_report, work, given)) as processes:
        work(given, processes, report)


def _without_report(
    work: Callable[[argparse.Namespace, Processes, Report | None], None],
    given: argparse.Namespace,
    processes: Processes,
) -> None:
    work(given, processes, None)


def run_training(
    learner: Learner,
    data: Batch,
    given: argparse.Namespace,
    facts: Mapping[str, Any],
    *,
    processes: Processes = ALONE,
    report: Report | None = None,
) -> None:
    """Train into the folder of the command line.

    Args:
        learner: What is trained.
        data: Training data, on the device of the process.
        given: The options of `models.training.training_parser`.
        facts: Of data and command, for the card.
        processes: Which of the processes of the training this is.
        report: Called with each row of the curve; None prints it as JSON.

    Raises:
        InputError: The folder holds another run.
    """
    device = processes.device(torch.device(given.device))
    state = training_init(learner.model, learner.training, device)
    checkpoint = given.out / "checkpoint"
    if given.resume and has_checkpoint(checkpoint):
        load_checkpoint(checkpoint, state)
    elif given.resume:
        for old in ("curve.csv", WEIGHTS_FILE):  # of a run that was killed before its first checkpoint
            (given.out / old).unlink(missing_ok=True)
    elif any((given.out / old).exists() for old in ("curve.csv", WEIGHTS_FILE)):
        raise InputError(f"{given.out} holds another run; go on with --resume, or give an empty folder")
    best = BestWeights(
        folder=given.out,
        kind=learner.kind,
        criterion=learner.criterion,
        config=learner.config,
        facts={
            **facts,
            "seed": learner.training.seed,
            "n_parameters": sum(parameter.numel() for parameter in learner.model.parameters()),
        },
    )

    def note(row: dict[str, float]) -> None:
        best.offer(state.average, row)
        if report is None:
            print(json.dumps(row), flush=True)
        else:
            report(row)

    train(
        state,
        data,
        learner.loss,
        learner.validate,
        learner.training,
        given.out,
        processes=processes,
        max_seconds=given.max_seconds,
        report=note,
    )
