"""Energies and gradients at any level of theory, every evaluation counted.

Only the adapters of the programs speak Hartree and Bohr. Every evaluation passes a `GradientCounter`, so that what a
search cost is known and a budget can stop it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from chem.clashes import CLASH_ANGSTROM, FARTHEST_ANGSTROM
from chem.errors import BudgetExhaustedError, CalculationError, ConfigurationError, ElementError
from chem.levels import WAVEFUNCTION_PROGRAMS, check_forces
from chem.types import Geometry, LevelOfTheory

HEAVIEST_OF_TIGHT_BINDING = 86  # GFN1- and GFN2-xTB are parametrised for H to Rn (10.1021/acs.jctc.8b01176)
SAME_STATE_EV = 1e-3  # energies of one electronic state at one geometry agree to this


@dataclass(slots=True, kw_only=True)
class GradientCounter:
    """Counts energy-and-gradient evaluations and stops at a budget.

    Attributes:
        budget: Most evaluations allowed; None allows any number.
        calls: Evaluations so far, failed ones included.
        hessians: Analytic Hessians so far, failed ones included.
        scf_cycles: Iterations of the self-consistent field so far; None while no program has told any.
        parent: Counter that every call counts in as well, such as that of the whole search.
    """

    budget: int | None = None
    calls: int = 0
    hessians: int = 0
    scf_cycles: int | None = None
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

    def count_hessian(self) -> None:
        """Count one analytic Hessian that is about to run; the budget is one of gradients and does not stop it."""
        if self.parent is not None:
            self.parent.count_hessian()
        self.hessians += 1

    def count_scf_cycles(self, cycles: int | None) -> None:
        """Count the iterations that a point took; None, of a program that does not tell, changes nothing."""
        if cycles is None:
            return
        if self.parent is not None:
            self.parent.count_scf_cycles(cycles)
        self.scf_cycles = (self.scf_cycles or 0) + cycles

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

    @property
    def scf_cycles(self) -> int | None:
        """Iterations of the self-consistent field at the last point, failed ways included; None where not known."""
        ...

    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom."""
        ...

    def energy(self, positions: NDArray[np.float64]) -> float:
        """Energy in eV alone, at positions in Angstrom."""
        ...

    def hessian(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]] | None:
        """Energy in eV and analytic second derivatives, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2; None without."""
        ...


def open_backend(geometry: Geometry, level: LevelOfTheory) -> Backend:
    """The adapter of the program that a level names, holding one molecule.

    Raises:
        ConfigurationError: There is no adapter for the program.
    """
    match level.program:
        case "xtb-python":
            from chem.xtb_backends import XtbBackend  # noqa: PLC0415 - programs are imported where they are needed

            return XtbBackend(geometry, level)
        case "tblite":
            from chem.xtb_backends import TbliteBackend  # noqa: PLC0415

            return TbliteBackend(geometry, level)
        case "pyscf" | "gpu4pyscf":
            from chem.pyscf_backend import PyscfBackend  # noqa: PLC0415

            return PyscfBackend(geometry, level)
        case "ase":
            from chem.ase_backend import AseBackend  # noqa: PLC0415

            return AseBackend(geometry, level)
    raise ConfigurationError(f"no adapter for program {level.program!r}; get the level from resolve_level")


class CountingCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator that counts each evaluation before running it and refuses unphysical results."""

    implemented_properties = ("energy", "forces")

    def __init__(self, backend: Backend, counter: GradientCounter, *, energy_only: bool = False) -> None:
        super().__init__()
        self.counter = counter
        self._backend = backend
        self._energy_only = energy_only

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Energy and forces together, or the energy alone; one evaluation whichever is asked for."""
        super().calculate(atoms, properties, system_changes)
        positions = np.array(self.atoms.positions, dtype=np.float64)
        if not np.isfinite(positions).all():
            raise CalculationError("positions", "the optimiser produced positions that are not finite")
        apart = pdist(positions)
        if apart.size and apart.min() < CLASH_ANGSTROM:
            raise CalculationError("clash", f"two atoms came closer than {CLASH_ANGSTROM} Angstrom")
        if apart.size and not apart.max() < FARTHEST_ANGSTROM:
            raise CalculationError("positions", f"two atoms went farther apart than {FARTHEST_ANGSTROM:.0f} Angstrom")
        warm = self._backend.warm
        try:
            energy, gradient = self._evaluate(positions)
        except BudgetExhaustedError:
            raise
        except CalculationError:
            if not warm:
                raise
            energy, gradient = self._evaluate(positions)  # from a fresh wavefunction: the old one may lead astray
        if not (np.isfinite(energy) and np.isfinite(gradient).all()):
            raise CalculationError("scf", "the program returned an energy or gradient that is not finite")
        self.results = {"energy": energy} if self._energy_only else {"energy": energy, "forces": -gradient}

    def _evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        self.counter.count()
        try:
            if self._energy_only:
                return self._backend.energy(positions), np.zeros_like(positions)
            return self._backend.evaluate(positions)
        finally:
            self.counter.count_scf_cycles(self._backend.scf_cycles)


def check_elements(geometry: Geometry, level: LevelOfTheory) -> None:
    """Raise `ElementError` where the method has no parameters, or the basis no functions, for an element."""
    if level.program in WAVEFUNCTION_PROGRAMS:
        from chem.pyscf_molecule import check_elements_of  # noqa: PLC0415

        check_elements_of(geometry, level)
    elif level.program != "ase" and int(geometry.numbers.max()) > HEAVIEST_OF_TIGHT_BINDING:
        symbol = chemical_symbols[int(geometry.numbers.max())]
        raise ElementError(
            f"{level.method} has no parameters for {symbol};"
            f" it covers H to {chemical_symbols[HEAVIEST_OF_TIGHT_BINDING]}"
        )


def attach(geometry: Geometry, level: LevelOfTheory, counter: GradientCounter) -> Atoms:
    """ASE atoms at a geometry, with a calculator of this level that counts in `counter`.

    Args:
        geometry: Where to start; charge and multiplicity are taken from it.
        level: From `chem.levels`.
        counter: Counts every energy-and-gradient evaluation.

    Raises:
        ElementError: An element is outside what the method supports.
        ConfigurationError: The level names a program that this module does not drive, or its forces are too rough.
    """
    check_forces(level)
    check_elements(geometry, level)
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions)
    atoms.calc = CountingCalculator(open_backend(geometry, level), counter)
    return atoms


def single_point(geometry: Geometry, level: LevelOfTheory, counter: GradientCounter) -> float:
    """Energy in eV at one geometry, without its gradient; counted as one evaluation.

    Raises:
        CalculationError: The evaluation failed, or the budget is spent.
        ElementError: An element is outside what the method supports.
    """
    check_elements(geometry, level)
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions)
    atoms.calc = CountingCalculator(open_backend(geometry, level), counter, energy_only=True)
    return float(atoms.get_potential_energy())


def analytic_hessian(
    geometry: Geometry, level: LevelOfTheory, counter: GradientCounter, energy_ev: float | None = None
) -> NDArray[np.float64] | None:
    """Second derivatives that the program itself computes, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.

    Args:
        geometry: Where.
        level: Level of theory.
        counter: Counts the Hessian.
        energy_ev: Energy that is known there: the Hessian must be of the same electronic state.

    Returns:
        None where the program has gradients alone; nothing is counted then.

    Raises:
        CalculationError: It failed, or is of another state.
    """
    check_elements(geometry, level)
    if level.program not in WAVEFUNCTION_PROGRAMS:
        return None
    counter.count_hessian()
    backend = open_backend(geometry, level)
    try:
        found = backend.hessian(geometry.positions)
    finally:
        counter.count_scf_cycles(backend.scf_cycles)
    if found is None:
        return None
    energy, hessian = found
    if energy_ev is not None and abs(energy - energy_ev) > SAME_STATE_EV:
        raise CalculationError(
            "electronic_state",
            f"the Hessian is of a state {energy - energy_ev:+.3f} eV from the one that was searched;"
            " give another multiplicity, or a level that has one low-lying state",
        )
    return hessian
