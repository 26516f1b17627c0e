"""Training of DiG, from a file of structures to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.dig_training --help`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch

from models.diffusion.losses import mean_squared_error
from models.diffusion.noise import centered_noise
from models.dig import Dig, DigConfig, loss
from models.structure_batch import StructureBatch
from models.structure_training import StructureTraining, train_from_command_line
from models.training import TrainingConfig

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


def kind_of(_config: DigConfig) -> str:
    """Kind of the weights."""
    return KIND


def make(config: DigConfig, _batch: StructureBatch) -> Dig:
    """The network before its training."""
    return Dig(config)


TRAINING = StructureTraining(
    name="dig",
    description=(__doc__ or "").splitlines()[0],
    data_help="minima, as `cairn minima` writes them",
    config_kind=DigTrainingConfig,
    kind_of=kind_of,
    criterion=CRITERION,
    make=make,
    loss=loss,
    validate=validate,
)
main = partial(train_from_command_line, TRAINING)


if __name__ == "__main__":
    main()
