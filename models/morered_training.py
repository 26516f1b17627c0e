"""Training of MoreRed, from a file of minima to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.morered_training --help`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from models.diffusion.noise import centered_noise
from models.frames import rmsd
from models.morered import KIND_OF, MoreRed, MoreRedConfig, loss, noise_angstrom, noised
from models.morered_relaxation import FORM_OF, RelaxationConfig, relax_batch
from models.structure_batch import StructureBatch
from models.structure_training import StructureTraining, train_from_command_line
from models.training import TrainingConfig

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
    levels = noise_angstrom(config, torch.arange(config.n_steps + 1))
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


def kind_of(config: MoreRedConfig) -> str:
    """Kind of the weights."""
    return KIND_OF[config.form]


def make(config: MoreRedConfig, _batch: StructureBatch) -> MoreRed:
    """The network before its training."""
    return MoreRed(config)


TRAINING = StructureTraining(
    name="morered",
    description=(__doc__ or "").splitlines()[0],
    data_help="minima, as `cairn minima` writes them",
    config_kind=MoreRedTrainingConfig,
    kind_of=kind_of,
    criterion=CRITERION,
    make=make,
    loss=loss,
    validate=validate,
)
main = partial(train_from_command_line, TRAINING)


if __name__ == "__main__":
    main()
