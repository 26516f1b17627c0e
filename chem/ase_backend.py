"""Any calculator that speaks ASE as a level of theory: a machine-learned potential, or another program."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from chem.errors import CalculationError, ConfigurationError
from chem.types import Geometry, LevelOfTheory


class AseBackend:
    """One molecule with a calculator of its own.

    Charge and multiplicity reach calculators that take `charge` and `multiplicity` when they are made; others get the
    arguments of the level alone, and charged or open-shell molecules are refused.
    """

    def __init__(self, geometry: Geometry, level: LevelOfTheory) -> None:
        options = dict(level.options)
        module, _, member = options["calculator"].partition(":")
        arguments: dict[str, Any] = json.loads(options["arguments"])
        try:
            make = getattr(import_module(module), member)
        except Exception as error:  # importing a foreign module runs it
            raise ConfigurationError(f"level {level.name}: there is no {options['calculator']} ({error})") from error
        if not callable(make):
            raise ConfigurationError(f"level {level.name}: {options['calculator']} makes no calculator; name a class")
        electrons = {"charge": geometry.charge, "multiplicity": geometry.multiplicity}
        takes = inspect.signature(make).parameters
        if all(name in takes for name in electrons):
            arguments |= electrons
        elif (geometry.charge, geometry.multiplicity) != (0, 1):
            raise ConfigurationError(
                f"level {level.name}: {options['calculator']} takes no charge and multiplicity, and {geometry.formula}"
                f" has charge {geometry.charge} and multiplicity {geometry.multiplicity}; take another level"
            )
        try:
            calculator = make(**arguments)
        except Exception as error:  # what a foreign class raises is its own choice
            raise ConfigurationError(
                f"level {level.name}: {options['calculator']} cannot be made from its arguments:"
                f" {type(error).__name__}: {error}"
            ) from error
        self._atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions)
        self._atoms.calc = calculator

    @property
    def warm(self) -> bool:
        """Not known of a foreign calculator."""
        return False

    @property
    def scf_cycles(self) -> None:
        """Not known: ASE has no common way to ask."""
        return

    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom.

        Raises:
            CalculationError: The calculator failed.
        """
        self._atoms.positions = positions
        name = type(self._atoms.calc).__name__
        try:
            energy = float(self._atoms.get_potential_energy())
            forces = np.asarray(self._atoms.get_forces(), dtype=np.float64)
        except Exception as error:  # what a foreign calculator raises is its own choice
            raise CalculationError("calculator", f"{name} failed: {type(error).__name__}: {error}") from error
        if forces.shape != positions.shape:
            raise CalculationError("calculator", f"{name} gave forces of shape {forces.shape}, not {positions.shape}")
        return energy, -forces

    def energy(self, positions: NDArray[np.float64]) -> float:
        """Energy in eV; most calculators compute the forces along with it.

        Raises:
            CalculationError: The calculator failed.
        """
        return self.evaluate(positions)[0]

    def hessian(self, positions: NDArray[np.float64]) -> None:  # noqa: ARG002
        """None: ASE has no common way to ask for one."""
        return
