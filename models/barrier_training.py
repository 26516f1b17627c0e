"""Training of the barrier head, from a file of barrier labels to a calibrated checkpoint and its learning curve.

Candidates to learn from are true transition states and displaced ones, each with its own energy: those that a generator
makes of reactions that it was trained on are too good. The split `val` chooses the weights and calibrates their error
bars, on generated candidates where the file has them.

Runs with torch, e3nn, numpy, ASE, safetensors and yaml alone: `python -m models.barrier_training --help`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from chem.errors import ConfigurationError, InputError
from chem.ranking import ERROR_CAP_KCAL_MOL
from models.barrier import KIND, BarrierConfig, BarrierNetwork, Corrections, loss, targets_kcal_mol
from models.barrier_data import (
    GENERATED,
    NOISED,
    TRUE,
    BarrierBatch,
    BarrierLabels,
    collate_candidates,
    read_barrier_labels,
)
from models.checkpoints import Checkpoint, read_checkpoint
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes
from models.training import Report, TrainingConfig, training_parser
from models.training_run import Learner, facts_of, run_training, train_in_processes

CRITERION = "mae_kcal_mol"  # on `val`; the weights that ship are the best by it
KIND_OF_GENERATOR = "reactdiff"
TRUNK = "backbone."
VALIDATION_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierTrainingConfig:
    """A file under configs/model/."""

    model: BarrierConfig = field(default_factory=BarrierConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@torch.no_grad()
def corrections_of(model: BarrierNetwork, batch: BarrierBatch, sides: tuple[int, ...] = (0, 1)) -> Corrections:
    """Corrections of many candidates, in chunks of like size; shapes as in `BarrierNetwork.forward`."""
    means, widths = (batch.heights_kcal_mol.new_zeros(len(batch), len(sides)) for _ in range(2))
    for part in batch.mask.sum(-1).argsort().split(VALIDATION_BATCH):
        found = model(batch.select(part), sides)
        means[part], widths[part] = found.kcal_mol.to(means), found.width_kcal_mol.to(widths)
    return Corrections(kcal_mol=means, width_kcal_mol=widths)


def validate(model: BarrierNetwork, batches: dict[str, BarrierBatch]) -> dict[str, float]:
    """Errors of corrected barriers, beside the uncorrected; calibrates the error bars of the network on the first.

    Args:
        model: Its calibration is changed in place.
        batches: By kind of candidate, each with one candidate of a reaction; the criterion is of the first.
    """
    row = {}
    for place, (kind, batch) in enumerate(batches.items()):
        found = corrections_of(model, batch, sides=(0,))
        target, width = targets_kcal_mol(batch), found.width_kcal_mol[:, 0]
        error = target - found.kcal_mol[:, 0]
        if place == 0:
            model.calibrate(error, width)
            row[CRITERION] = _mean(error)
            row["half_width_kcal_mol"] = round(float(model.half_width_kcal_mol(found).mean()), 3)
        row[f"{kind}_mae_kcal_mol"] = _mean(error)
        row[f"{kind}_median_kcal_mol"] = round(float(error.abs().median()), 3)
        row[f"{kind}_uncorrected_mae_kcal_mol"] = _mean(target)
    return row


def _mean(errors: Tensor) -> float:
    """Mean absolute error, each capped."""
    return round(float(errors.abs().clamp_max(ERROR_CAP_KCAL_MOL).mean()), 3)


def validation_batches(labels: BarrierLabels, limit: int) -> dict[str, BarrierBatch]:
    """Candidates of the first reactions of `val`: generated ones, if there are any, then the true ones."""
    found = {}
    for kind in (GENERATED, TRUE):
        entries = labels.entries("val", (kind,))[:limit]
        if entries:
            found[kind] = collate_candidates(entries)
    return found


def take_trunk(model: BarrierNetwork, generator: Checkpoint) -> None:
    """Begin with the trunk of a trained generator.

    Raises:
        ConfigurationError: It has another size.
    """
    weights = {name.removeprefix(TRUNK): each for name, each in generator.weights.items() if name.startswith(TRUNK)}
    try:
        model.backbone.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigurationError(
            f"the trunk of {generator.path} does not fit the configuration; give its backbone the same size: {error}"
        ) from error


def parser() -> argparse.ArgumentParser:
    """The command line of `main`."""
    data_help = "barrier labels, as `cairn label-barriers` writes them"
    made = training_parser((__doc__ or "").splitlines()[0], data_help, validate_on=600)
    made.add_argument("--start-from", type=Path, help="weights of a generator whose trunk to begin with")
    return made


def main(arguments: list[str] | None = None, report: Report | None = None) -> None:
    """Train from the command line.

    Args:
        arguments: As on the command line; None takes those of the process.
        report: Called with each row of the curve; None prints it as JSON.
    """
    given = parser().parse_args(arguments)
    batch_size = read_configuration(BarrierTrainingConfig, given.config).training.batch_size
    train_in_processes(given, batch_size, train_barrier, report)


def train_barrier(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has, or a trunk does not fit.
        InputError: The labels have elements that the network is not to know, or too few reactions.
    """
    config = read_configuration(BarrierTrainingConfig, given.config)
    if config.training.compile:
        raise ConfigurationError(f"{given.config}: compile is for the generator alone; leave it out")
    device = processes.device(torch.device(given.device))
    labels = read_barrier_labels(given.data)
    check_elements(labels, config.model.backbone.elements, given.data)
    chosen, held_out = labels.entries("train", (TRUE, NOISED)), validation_batches(labels, given.validate_on)
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and no val candidates; both are needed")
    torch.manual_seed(config.training.seed)
    model = BarrierNetwork(config.model)
    earlier = read_checkpoint(given.start_from, KIND_OF_GENERATOR) if given.start_from else None
    if earlier is not None:
        take_trunk(model, earlier)
    train_batch = collate_candidates(chosen).to(device)
    targets = targets_kcal_mol(train_batch)
    model.fit_scale(targets)
    val = {kind: batch.to(device) for kind, batch in held_out.items()}
    calibrated_on, calibration = next(iter(val.items()))
    facts = facts_of(given, "cairn train barrier", len(chosen), len(calibration))
    facts["command"] += f" --start-from {given.start_from.name}" if earlier else ""
    facts |= {
        "level": labels.level,
        "reference": labels.reference,
        "generator_sha256": labels.generator_sha256,
        "started_from_sha256": earlier.sha256 if earlier else "",
        "calibrated_on": f"{len(calibration)} {calibrated_on} candidates of val of {given.data.name}",
        "calibrated_kind": calibrated_on,
        "median_correction_kcal_mol": round(float(_true_targets(labels).median()), 3),
        "reactant_molecules": sorted(_molecules(train_batch)),
    }
    learner = Learner(
        kind=KIND,
        criterion=CRITERION,
        model=model,
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val),
    )
    run_training(learner, train_batch, given, facts, processes=processes, report=report)


def check_elements(labels: BarrierLabels, elements: tuple[int, ...], path: Path) -> None:
    """See that a network knows all elements.

    Raises:
        InputError: It does not.
    """
    found: set[int] = set()
    for reaction in labels.reactions:
        found.update(reaction.numbers.tolist())
    if strange := sorted(found - set(elements)):
        raise InputError(
            f"{path} has atoms of the atomic numbers {', '.join(map(str, strange))}, which the network is not to know;"
            " add them to `elements` of the configuration, or leave the reactions out"
        )


def _true_targets(labels: BarrierLabels) -> Tensor:
    return targets_kcal_mol(collate_candidates(labels.entries("train", (TRUE,))))


def _molecules(batch: BarrierBatch) -> Iterator[int]:
    """Different numbers of molecules on the reactant side."""
    together = batch.reactions.together[:, 0]
    sizes = together.sum(-1).clamp_min(1)
    numbers = (batch.mask / sizes).sum(-1).round().long()
    yield from numbers.unique().tolist()


if __name__ == "__main__":
    main()
