"""The trained force field as an ASE calculator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from chem.errors import ElementError
from models.checkpoints import read_checkpoint, shipped
from models.generator_sampling import device_of
from models.potential import Potential, PotentialConfig, energy_and_forces
from models.structure_batch import StructureArrays, collate_structures

KIND = "potential"


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
