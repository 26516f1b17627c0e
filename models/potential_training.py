"""Training of the force field, from a file of labelled structures to a checkpoint and its learning curve.

Runs with torch, e3nn, numpy, safetensors and yaml alone: `python -m models.potential_training --help`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch

from models.potential import Potential, PotentialConfig, energy_and_forces, loss
from models.structure_batch import StructureBatch
from models.structure_training import StructureTraining, train_from_command_line
from models.training import TrainingConfig

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


def kind_of(_config: PotentialConfig) -> str:
    """Kind of the weights."""
    return KIND


def make(config: PotentialConfig, batch: StructureBatch) -> Potential:
    """The network before its training."""
    model = Potential(config)
    model.fit_scale(batch)
    return model


TRAINING = StructureTraining(
    name="potential",
    description=(__doc__ or "").splitlines()[0],
    data_help="structures with energies and forces, as `cairn label` writes them",
    config_kind=PotentialTrainingConfig,
    kind_of=kind_of,
    criterion=CRITERION,
    make=make,
    loss=loss,
    validate=validate,
    labelled=True,
)
main = partial(train_from_command_line, TRAINING)


if __name__ == "__main__":
    main()
