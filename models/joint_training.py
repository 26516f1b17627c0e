"""Training of the joint diffusion of reactant, transition state and product, from a file of reactions to a checkpoint.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.joint_training --help`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import torch

from chem.errors import ConfigurationError, InputError
from models.configuration import read_configuration
from models.data_parallel import ALONE, Processes
from models.diffusion.noise import centered_noise
from models.joint import N_OBJECTS, REACTANT, Joint, JointConfig, loss, noise_error, noised_objects, objects_of
from models.reaction_batch import ReactionBatch, collate
from models.reaction_data import read_reactions
from models.training import Report, TrainingConfig, training_parser
from models.training_run import Learner, facts_of, run_training, train_in_processes

KIND = "joint"
CRITERION = "noise_error"  # on `val`; the weights that are kept are the best by it
VALIDATION_BATCH = 100
TIMES = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9)  # of a validation, common to transition state and product


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTrainingConfig:
    """A file under configs/model/."""

    model: JointConfig = field(default_factory=JointConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


@torch.no_grad()
def validate(model: Joint, batch: ReactionBatch) -> dict[str, float]:
    """Mean squared error of the noise on transition state and product at fixed times, the reactant being known."""
    errors = {}
    for share in TIMES:
        generator, found = torch.Generator().manual_seed(0), []
        for part in torch.arange(len(batch)).split(VALIDATION_BATCH):
            some = batch.select(part)
            clean = objects_of(some, model.config.scale_angstrom)
            time = torch.full((len(some), N_OBJECTS), share, device=clean.device, dtype=clean.dtype)
            time[:, REACTANT] = 0.0
            mask = some.mask.unsqueeze(1).expand(-1, N_OBJECTS, -1)
            noise = centered_noise(mask, generator, dtype=clean.dtype)
            objects = noised_objects(model.config, some, clean, noise, time)
            found.append(noise_error(model(objects), noise, objects))
        errors[share] = float(torch.cat(found).mean())
    each = {f"noise_error_at_{share:g}": round(value, 5) for share, value in errors.items()}
    return {CRITERION: round(sum(errors.values()) / len(errors), 5), **each}


def main(arguments: list[str] | None = None, report: Report | None = None) -> None:
    """Train from the command line.

    Args:
        arguments: As on the command line; None takes those of the process.
        report: Called with each row of the curve; None prints it as JSON.
    """
    data_help = "reactions: .npz, .h5 (Transition1x) or RDB7's folder"
    parser = training_parser((__doc__ or "").splitlines()[0], data_help, validate_on=200)
    given = parser.parse_args(arguments)
    batch_size = read_configuration(JointTrainingConfig, given.config).training.batch_size
    train_in_processes(given, batch_size, train_joint, report)


def train_joint(given: argparse.Namespace, processes: Processes = ALONE, report: Report | None = None) -> None:
    """What each process of a training does.

    Args:
        given: The command line.
        processes: Which of them this is.
        report: As in `main`.

    Raises:
        ConfigurationError: The configuration asks for something that only the generator has.
        InputError: There are no training or no validation reactions, or some have elements that the network is not to
            know.
    """
    config = read_configuration(JointTrainingConfig, given.config)
    device = processes.device(torch.device(given.device))
    data = read_reactions(given.data)
    chosen = [each for each, split in zip(data.reactions, data.splits, strict=True) if split == "train"]
    held_out = [each for each, split in zip(data.reactions, data.splits, strict=True) if split == "val"]
    held_out = held_out[: given.validate_on]
    if not chosen or not held_out:
        raise InputError(f"{given.data} has {len(chosen)} train and {len(held_out)} val reactions; both are needed")
    strange = sorted({int(z) for each in chosen for z in each.numbers} - set(config.model.backbone.elements))
    if strange:
        raise InputError(
            f"{given.data} has the atomic numbers {', '.join(map(str, strange))}, which elements in {given.config} does"
            " not list; add them there, or leave those reactions out"
        )
    if config.training.compile:
        raise ConfigurationError(f"{given.config}: compile is for the generator alone; leave it out")
    torch.manual_seed(config.training.seed)
    val = collate(held_out).to(device)
    learner = Learner(
        kind=KIND,
        criterion=CRITERION,
        model=Joint(config.model),
        config=config.model,
        training=config.training,
        loss=loss,
        validate=lambda average: validate(average, val),
    )
    facts = facts_of(given, "cairn train joint", len(chosen), len(held_out))
    run_training(learner, collate(chosen).to(device), given, facts, processes=processes, report=report)


if __name__ == "__main__":
    main()
