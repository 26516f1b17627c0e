"""Energies and gradients: levels of theory by name, counted calls, xTB adapters.

The only place that speaks Hartree and Bohr. Every evaluation passes a `GradientCounter`, so that what a search cost is
known and a budget can stop it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from chem.errors import BudgetExhaustedError, CalculationError, ConfigurationError, ElementError
from chem.types import Geometry, LevelOfTheory
from chem.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE

METHODS = {"gfn1": "GFN1-xTB", "gfn2": "GFN2-xTB"}  # what people write -> what the programs call it
HEAVIEST_ELEMENT = 86  # GFN1- and GFN2-xTB are parametrised for H to Rn (10.1021/acs.jctc.8b01176)
SCF_ACCURACY = 0.1  # xTB's accuracy setting; 1.0 leaves noise in finite-difference Hessians
SCF_ITERATIONS = 250
CLASH_ANGSTROM = 0.3  # the programs return nonsense, or end the process, instead of refusing
PROGRAMS = {"xtb-python": "xtb", "tblite": "tblite"}  # program -> module and distribution


def resolve_level(name: str, program: str | None = None) -> LevelOfTheory:
    """The level of theory that goes by a name, with the program that will run it here.

    Args:
        name: `gfn2` or `gfn1`, upper or lower case.
        program: `xtb-python` or `tblite`; None takes the first of them that is installed.

    Raises:
        ConfigurationError: The name is unknown, or no program for it is installed.
    """
    key = name.strip().lower()
    if key not in METHODS:
        raise ConfigurationError(f"unknown level of theory {name!r}; give one of {', '.join(sorted(METHODS))}")
    if program is not None and program not in PROGRAMS:
        raise ConfigurationError(f"unknown program {program!r}; give one of {', '.join(PROGRAMS)}")
    for candidate in PROGRAMS if program is None else (program,):
        module = PROGRAMS[candidate]
        if find_spec(module) is not None:
            return LevelOfTheory(name=key, method=METHODS[key], program=candidate, version=version(module))
    wanted = " or ".join(PROGRAMS if program is None else (program,))
    raise ConfigurationError(f"level {key} needs {wanted}, which is not installed; run `pip install tblite`")


@dataclass(slots=True, kw_only=True)
class GradientCounter:
    """Counts energy-and-gradient evaluations and stops at a budget.

    Attributes:
        budget: Most evaluations allowed; None allows any number.
        calls: Evaluations so far, failed ones included.
        parent: Counter that every call counts in as well, such as that of the whole search.
    """

    budget: int | None = None
    calls: int = 0
    parent: GradientCounter | None = None

    def count(self) -> None:
        """Count one evaluation that is about to run.

        Raises:
            BudgetExhaustedError: It would exceed the budget; nothing is counted then.
        """
        if self.budget is not None and self.calls >= self.budget:
            raise BudgetExhaustedError(self.budget)
        if self.parent is not None:
            self.parent.count()
        self.calls += 1

    @property
    def remaining(self) -> float:
        """Evaluations left, infinite without a budget."""
        own = float("inf") if self.budget is None else float(self.budget - self.calls)
        return own if self.parent is None else min(own, self.parent.remaining)

    def child(self, budget: int | None = None) -> GradientCounter:
        """A counter for a part of the work, with its own budget inside this one."""
        return GradientCounter(budget=budget, parent=self)


class Backend(Protocol):
    """One program holding one molecule."""

    @property
    def warm(self) -> bool:
        """Whether the next evaluation starts from an earlier wavefunction."""
        ...

    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom."""
        ...


class XtbBackend:
    """GFN-xTB through xtb-python; the wavefunction of the last point starts the next."""

    def __init__(self, geometry: Geometry, method: str) -> None:
        from xtb.interface import Calculator as XtbCalculator  # noqa: PLC0415 - xtb or tblite, whichever there is
        from xtb.interface import Param  # noqa: PLC0415
        from xtb.libxtb import VERBOSITY_MUTED  # noqa: PLC0415

        self._parameters = {"GFN1-xTB": Param.GFN1xTB, "GFN2-xTB": Param.GFN2xTB}[method]
        self._calculator_class: Any = XtbCalculator
        self._muted = VERBOSITY_MUTED
        self._geometry = geometry
        self._calculator: Any = None
        self._last: Any = None

    @property
    def warm(self) -> bool:
        """Whether the next evaluation starts from an earlier wavefunction."""
        return self._last is not None

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

        positions_bohr = np.ascontiguousarray(positions / ANGSTROM_PER_BOHR)
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
        return energy * EV_PER_HARTREE, gradient * (EV_PER_HARTREE / ANGSTROM_PER_BOHR)


class TbliteBackend:
    """GFN-xTB through tblite; the wavefunction of the last point starts the next."""

    def __init__(self, geometry: Geometry, method: str) -> None:
        self._method = method
        self._geometry = geometry
        self._calculator: Any = None
        self._last: Any = None

    @property
    def warm(self) -> bool:
        """Whether the next evaluation starts from an earlier wavefunction."""
        return self._last is not None

    def _start(self, positions_bohr: NDArray[np.float64]) -> None:
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


BACKENDS: dict[str, Callable[[Geometry, str], Backend]] = {"xtb-python": XtbBackend, "tblite": TbliteBackend}


class CountingCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator that counts each evaluation before running it and refuses unphysical results."""

    implemented_properties = ("energy", "forces")

    def __init__(self, backend: Backend, counter: GradientCounter) -> None:
        super().__init__()
        self.counter = counter
        self._backend = backend

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Energy and forces together; one evaluation whichever is asked for."""
        super().calculate(atoms, properties, system_changes)
        positions = np.array(self.atoms.positions, dtype=np.float64)
        if not np.isfinite(positions).all():
            raise CalculationError("positions", "the optimiser produced positions that are not finite")
        if len(positions) > 1 and float(pdist(positions).min()) < CLASH_ANGSTROM:
            raise CalculationError("clash", f"two atoms came closer than {CLASH_ANGSTROM} Angstrom")
        self.counter.count()
        warm = self._backend.warm
        try:
            energy, gradient = self._backend.evaluate(positions)
        except CalculationError:
            if not warm:
                raise
            self.counter.count()  # once more from a fresh wavefunction: the old one may lead astray
            energy, gradient = self._backend.evaluate(positions)
        if not (np.isfinite(energy) and np.isfinite(gradient).all()):
            raise CalculationError("scf", "the program returned an energy or gradient that is not finite")
        self.results = {"energy": energy, "forces": -gradient}


def check_elements(geometry: Geometry, level: LevelOfTheory) -> None:
    """Raise `ElementError` where the method has no parameters for an element."""
    if int(geometry.numbers.max()) > HEAVIEST_ELEMENT:
        symbol = chemical_symbols[int(geometry.numbers.max())]
        raise ElementError(
            f"{level.method} has no parameters for {symbol}; it covers H to {chemical_symbols[HEAVIEST_ELEMENT]}"
        )


def attach(geometry: Geometry, level: LevelOfTheory, counter: GradientCounter) -> Atoms:
    """ASE atoms at a geometry, with a calculator of this level that counts in `counter`.

    Args:
        geometry: Where to start; charge and multiplicity are taken from it.
        level: From `resolve_level`.
        counter: Counts every energy-and-gradient evaluation.

    Raises:
        ElementError: An element is outside what the method supports.
        ConfigurationError: The level names a program that this module does not drive.
    """
    check_elements(geometry, level)
    if level.program not in BACKENDS:
        raise ConfigurationError(f"no adapter for program {level.program!r}; get the level from resolve_level")
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions)
    atoms.calc = CountingCalculator(BACKENDS[level.program](geometry, level.method), counter)
    return atoms
