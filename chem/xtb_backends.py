"""GFN-xTB through xtb-python or tblite: the same numbers from either, the wavefunction of a point starting the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from chem.errors import CalculationError, ConfigurationError
from chem.types import Geometry, LevelOfTheory
from chem.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE

SCF_ACCURACY = 0.1  # xTB's accuracy setting; 1.0 leaves noise in finite-difference Hessians
SCF_ITERATIONS = 250
# xtb's gradient is wrong by up to a tenth of an eV/Angstrom where two atoms lie along an axis or in a coordinate plane
# (github.com/grimme-lab/xtb/issues/986); turned out of such places it is right.
GENERIC_FRAME = Rotation.from_rotvec([0.4711, 0.8231, 1.3537]).as_matrix()


class _KeptWavefunction(ABC):
    """What both programs have in common: one molecule, and the result of its last point."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._calculator: Any = None
        self._last: Any = None

    @property
    def warm(self) -> bool:
        """Whether the next evaluation starts from an earlier wavefunction."""
        return self._last is not None

    @property
    def scf_cycles(self) -> None:
        """Not known: the programs do not tell."""
        return

    @abstractmethod
    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom."""

    def energy(self, positions: NDArray[np.float64]) -> float:
        """Energy in eV; the programs compute the gradient along with it."""
        return self.evaluate(positions)[0]

    def hessian(self, positions: NDArray[np.float64]) -> None:  # noqa: ARG002
        """None: the program has gradients alone."""
        return


class XtbBackend(_KeptWavefunction):
    """GFN-xTB through xtb-python; the wavefunction of the last point starts the next."""

    def __init__(self, geometry: Geometry, level: LevelOfTheory) -> None:
        from xtb.interface import Calculator as XtbCalculator  # noqa: PLC0415 - xtb or tblite, whichever there is
        from xtb.interface import Param  # noqa: PLC0415
        from xtb.libxtb import VERBOSITY_MUTED  # noqa: PLC0415

        self._parameters = {"GFN1-xTB": Param.GFN1xTB, "GFN2-xTB": Param.GFN2xTB}[level.method]
        self._calculator_class: Any = XtbCalculator
        self._muted = VERBOSITY_MUTED
        super().__init__(geometry)

    def _start(self, positions_bohr: NDArray[np.float64]) -> None:
        self._calculator = self._calculator_class(
            self._parameters,
            self._geometry.numbers,
            positions_bohr,
            float(self._geometry.charge),
            self._geometry.multiplicity - 1,
        )
        self._calculator.set_verbosity(self._muted)
        self._calculator.set_accuracy(SCF_ACCURACY)
        self._calculator.set_max_iterations(SCF_ITERATIONS)

    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom; a failed SCF forgets the wavefunction."""
        from xtb.interface import XTBException  # noqa: PLC0415

        positions_bohr = np.ascontiguousarray(positions @ GENERIC_FRAME / ANGSTROM_PER_BOHR)
        try:
            if self._calculator is None:
                self._start(positions_bohr)
            else:
                self._calculator.update(positions_bohr)
            self._last = self._calculator.singlepoint(self._last)
            energy, gradient = self._last.get_energy(), self._last.get_gradient()
        except XTBException as error:
            self._calculator = self._last = None
            raise CalculationError("scf", f"xtb-python did not converge: {error}") from error
        return energy * EV_PER_HARTREE, gradient @ GENERIC_FRAME.T * (EV_PER_HARTREE / ANGSTROM_PER_BOHR)


class TbliteBackend(_KeptWavefunction):
    """GFN-xTB through tblite; the wavefunction of the last point starts the next."""

    def __init__(self, geometry: Geometry, level: LevelOfTheory) -> None:
        self._method = level.method
        self._solvent = dict(level.options).get("solvent", "")
        super().__init__(geometry)

    def _start(self, positions_bohr: NDArray[np.float64]) -> None:
        from tblite.exceptions import TBLiteRuntimeError  # noqa: PLC0415
        from tblite.interface import Calculator as TbliteCalculator  # noqa: PLC0415

        self._calculator = TbliteCalculator(
            self._method,
            self._geometry.numbers,
            positions_bohr,
            float(self._geometry.charge),
            self._geometry.multiplicity - 1,
        )
        self._calculator.set("verbosity", 0)
        self._calculator.set("accuracy", SCF_ACCURACY)
        self._calculator.set("max-iter", SCF_ITERATIONS)
        if self._solvent:
            try:
                self._calculator.add("alpb-solvation", self._solvent)
            except TBLiteRuntimeError as error:
                raise ConfigurationError(f"{self._method} has no ALPB solvent {self._solvent!r} ({error})") from error

    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom; a failed SCF forgets the wavefunction."""
        from tblite.exceptions import TBLiteRuntimeError, TBLiteValueError  # noqa: PLC0415

        positions_bohr = np.ascontiguousarray(positions / ANGSTROM_PER_BOHR)
        try:
            if self._calculator is None:
                self._start(positions_bohr)
            else:
                self._calculator.update(positions_bohr)
            self._last = self._calculator.singlepoint(self._last)
            energy, gradient = float(self._last.get("energy")), self._last.get("gradient")
        except (TBLiteRuntimeError, TBLiteValueError) as error:
            self._calculator = self._last = None
            raise CalculationError("scf", f"tblite did not converge: {error}") from error
        return energy * EV_PER_HARTREE, gradient * (EV_PER_HARTREE / ANGSTROM_PER_BOHR)
