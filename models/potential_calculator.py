"""The trained force field as an ASE calculator."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from chem.errors import ConfigurationError, ElementError
from models.checkpoints import read_checkpoint, shipped
from models.generator_sampling import device_of
from models.potential import Potential, PotentialConfig, energy_and_forces
from models.structure_batch import StructureArrays, collate_structures
from models.weights_file import find_weights

KIND = "potential"
HASH_DIGITS = 8


def load_potential(checkpoint: Path | None = None, *, device: str = "auto") -> Potential:
    """The force field with trained weights, in double precision, on a device.

    Raises:
        ConfigurationError: The checkpoint is missing, damaged or of another model.
    """
    stored = shipped(KIND) if checkpoint is None else read_checkpoint(checkpoint, KIND)
    model = Potential(stored.configuration(PotentialConfig))
    stored.load_into(model)
    ready: Potential = model.to(device_of(device)).double().eval().requires_grad_(requires_grad=False)
    return ready


class PotentialCalculator(Calculator):
    """Energy in eV and forces in eV/Angstrom of neutral closed-shell molecules.

    Args:
        model: As `load_potential` gives it.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, model: Potential) -> None:
        super().__init__()
        self.model = model

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """As ASE asks.

        Raises:
            ElementError: The force field does not know an element.
        """
        super().calculate(atoms, properties, system_changes)
        known = set(self.model.config.backbone.elements)
        strange = sorted({atom.symbol for atom in self.atoms if atom.number not in known})
        if strange:
            raise ElementError(f"the force field was not trained on {', '.join(strange)}; choose another level")
        one = StructureArrays(numbers=np.asarray(self.atoms.numbers), positions=self.atoms.positions)
        weight = self.model.scale_ev
        found = energy_and_forces(self.model, collate_structures([one], weight.dtype).to(weight.device))
        self.results = {
            "energy": float(found.energies_ev[0]),
            "forces": found.forces_ev_per_angstrom[0].cpu().numpy().astype(np.float64),
        }


@lru_cache(maxsize=2)
def _kept(checkpoint: str | None, device: str) -> Potential:
    return load_potential(None if checkpoint is None else Path(checkpoint), device=device)


def make_calculator(*, sha256: str, checkpoint: str | None = None, device: str = "cpu") -> PotentialCalculator:
    """The calculator of a level of theory, see configs/levels.yaml; the weights are loaded once in a process.

    Args:
        sha256: Start of the hash of the weights, at least eight digits: a level is what it is by its weights.
        checkpoint: The weights; None takes those that are shipped.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: The weights are missing, or others than the level names.
    """
    found = find_weights(KIND, None if checkpoint is None else Path(checkpoint)).sha256
    if len(sha256) < HASH_DIGITS or not found.startswith(sha256):
        raise ConfigurationError(
            f"the level names a force field with sha256 {sha256!r}, the weights have {found[:12]}; write at least"
            f" {HASH_DIGITS} digits of theirs into the level, under another name where results of the old one are kept"
        )
    return PotentialCalculator(_kept(checkpoint, device))
