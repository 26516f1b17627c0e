"""Hartree-Fock and density functionals through PySCF (10.1063/5.0006074): energies, gradients, analytic Hessians.

A self-consistent field that does not converge is tried again in harder ways, each recorded; only when all fail is the
point given up.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from pyscf import dft, gto, scf
from pyscf.lib.exceptions import BasisNotFoundError
from pyscf.scf.dispersion import check_disp, parse_dft
from pyscf.solvent.smd import solvent_db

from chem.errors import CalculationError, ConfigurationError, ElectronCountError, ElementError
from chem.levels import GRID, SCF_TOLERANCE_HARTREE
from chem.types import Geometry, LevelOfTheory
from chem.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE

scf.hf.MUTE_CHKFILE = True  # each field would leave a temporary file that nobody reads

FloatArray = NDArray[np.float64]
MAX_CYCLES = 100
LEVEL_SHIFT_HARTREE = 0.3
DAMPING = 0.3
MOST_INSTABILITIES = 3  # that are followed
PROBED_ELEMENTS = ("H", "C", "Cl", "Fe", "I")  # a basis that has none of them is none
LIGHTEST_WITH_CORE = 37  # from Rb on the def2 and LANL bases come with effective core potentials
DIELECTRIC_COLUMN = 5  # of PySCF's table of solvents


@dataclass(frozen=True, slots=True, kw_only=True)
class ScfAttempt:
    """One way in which a self-consistent field was sought.

    Attributes:
        way: Name of the way.
        converged: Whether it got there.
        cycles: Iterations it took.
        energy_ev: Where it ended.
    """

    way: str
    converged: bool
    cycles: int
    energy_ev: float


@lru_cache(maxsize=256)
def check_method(method: str, basis: str) -> None:
    """Raise `ConfigurationError` unless PySCF knows a method and a basis."""
    if not basis:
        raise ConfigurationError(f"{method} needs a basis; write {method}/def2-svp, for example")
    if not any(_has_element(basis, symbol) for symbol in PROBED_ELEMENTS):
        raise ConfigurationError(f"PySCF knows no basis {basis!r}; pyscf.org/user/gto.html lists them")
    if method == "hf":
        return
    unknown = f"PySCF knows no method {method!r}; give hf or a functional with its dispersion, such as b3lyp-d3bj"
    try:
        functional, _, _ = parse_dft(method)
        dft.libxc.parse_xc(functional)
        check_disp(method)
    except (KeyError, ValueError, NotImplementedError, AttributeError) as error:
        raise ConfigurationError(f"{unknown} ({error})") from error


def check_elements_of(geometry: Geometry, level: LevelOfTheory) -> None:
    """Raise `ElementError` where the basis lacks an element."""
    for number in sorted(set(geometry.numbers.tolist())):
        symbol = chemical_symbols[number]
        if not _has_element(level.basis, symbol):
            raise ElementError(f"the basis {level.basis} has no {symbol}; take another, such as def2-svp (H to Rn)")


@lru_cache(maxsize=1024)
def _has_element(basis: str, symbol: str) -> bool:
    try:
        return bool(_quietly(gto.basis.load, basis, symbol))
    except (BasisNotFoundError, KeyError, OSError, ValueError):
        return False


class PyscfBackend:
    """One molecule at one level; the density of a point starts the next."""

    def __init__(self, geometry: Geometry, level: LevelOfTheory) -> None:
        self._options = dict(level.options)
        self._geometry = geometry
        self._level = level
        self._field = self._mean_field(self._molecule(geometry))
        self._density: Any = None
        self.attempts: tuple[ScfAttempt, ...] = ()  # of the last point

    @property
    def warm(self) -> bool:
        """Never: this adapter itself starts afresh where an old density leads astray."""
        return False

    def evaluate(self, positions: FloatArray) -> tuple[float, FloatArray]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom.

        Raises:
            CalculationError: No way to a self-consistent field worked.
        """
        energy = self._solve(positions)
        gradient = np.asarray(_quietly(self._field.nuc_grad_method().kernel))
        return energy, gradient * (EV_PER_HARTREE / ANGSTROM_PER_BOHR)

    def hessian(self, positions: FloatArray) -> tuple[float, FloatArray] | None:
        """Energy in eV and analytic second derivatives, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.

        Returns:
            None where PySCF has none for the level.

        Raises:
            CalculationError: No way to a self-consistent field worked, or the response equations did not converge.
        """
        energy = self._solve(positions)
        if min(self._field.mol.nelec) == 0 and self._geometry.multiplicity > 1:
            return None  # PySCF's response of an unrestricted field needs electrons of both spins
        try:
            blocks = np.asarray(_quietly(self._field.Hessian().kernel))
        except (NotImplementedError, AttributeError):
            return None
        except RuntimeError as error:
            raise CalculationError("response", f"the analytic Hessian did not converge: {error}") from error
        size = 3 * self._geometry.n_atoms
        matrix = blocks.transpose(0, 2, 1, 3).reshape(size, size)
        symmetric: FloatArray = 0.5 * (matrix + matrix.T) * (EV_PER_HARTREE / ANGSTROM_PER_BOHR**2)
        return energy, symmetric

    def spin_square(self) -> tuple[float, float]:
        """Expectation of S^2 at the last point, and S (S + 1) of the multiplicity; unitless."""
        spin = 0.5 * (self._geometry.multiplicity - 1)
        wanted = spin * (spin + 1.0)
        return (float(self._field.spin_square()[0]), wanted) if self._geometry.multiplicity > 1 else (wanted, wanted)

    def _molecule(self, geometry: Geometry) -> Any:
        molecule = gto.Mole(
            atom=list(zip(geometry.symbols, geometry.positions.tolist(), strict=True)),
            unit="Angstrom",
            basis=self._level.basis,
            ecp=_core_potentials(geometry, self._level.basis),
            charge=geometry.charge,
            spin=geometry.multiplicity - 1,
            cart=self._options.get("cartesian_basis") == "yes",
            verbose=0,
        )
        _quietly(molecule.build, dump_input=False, parse_arg=False)
        if not 0 < max(molecule.nelec) <= molecule.nao:
            raise ElectronCountError(
                f"{geometry.formula} with charge {geometry.charge} and multiplicity {geometry.multiplicity} has"
                f" {max(molecule.nelec)} electrons of one spin, {self._level.basis} {molecule.nao} orbitals for them;"
                " give another charge, multiplicity or basis"
            )
        return molecule

    def _mean_field(self, molecule: Any) -> Any:
        """The solver of the level, unrestricted for open shells."""
        open_shell = self._geometry.multiplicity > 1
        if self._level.method == "hf":
            field = (scf.UHF if open_shell else scf.RHF)(molecule)
        else:
            field = (dft.UKS if open_shell else dft.RKS)(molecule)
            field.xc = self._level.method
            field.grids.level = int(self._options.get("grid", GRID))
        if "density_fitting" in self._options:
            field = field.density_fit()
        if "solvent" in self._options:
            field = field.PCM()
            field.with_solvent.method = "IEF-PCM"
            field.with_solvent.eps = dielectric_constant(self._options["solvent"])
        field.conv_tol = float(self._options.get("scf_tolerance_hartree", SCF_TOLERANCE_HARTREE))
        field.max_cycle = MAX_CYCLES
        return field

    def _solve(self, positions: FloatArray) -> float:
        """Energy in eV of the first way that converges."""
        molecule = self._field.mol.set_geom_(positions, unit="Angstrom", inplace=False)
        done: list[ScfAttempt] = []
        for way, begin in self._ways():
            self._field.reset(molecule)
            energy = begin()
            attempt = ScfAttempt(
                way=way,
                converged=bool(self._field.converged) and bool(np.isfinite(energy)),
                cycles=int(getattr(self._field, "cycles", 0) or 0),
                energy_ev=float(energy) * EV_PER_HARTREE,
            )
            done.append(attempt)
            self.attempts = tuple(done)
            if attempt.converged:
                self._density = self._field.make_rdm1()
                return attempt.energy_ev
        self._density = None
        ways = ", ".join(attempt.way for attempt in done)
        raise CalculationError(
            "scf",
            f"no self-consistent field at {self._level.key} ({ways} were tried);"
            " check charge and multiplicity, or take another functional or basis",
        )

    def _ways(self) -> list[tuple[str, Callable[[], float]]]:
        """Ways to a self-consistent field, the cheapest first."""
        field = self._field

        def plainly(density: Any = None) -> float:
            field.level_shift, field.damp = 0.0, 0.0
            return float(_quietly(field.kernel, dm0=density))

        def shifted() -> float:
            field.level_shift, field.damp = LEVEL_SHIFT_HARTREE, DAMPING
            _quietly(field.kernel)
            return plainly(field.make_rdm1())

        def second_order() -> float:
            field.level_shift, field.damp = 0.0, 0.0
            newton = field.newton()
            newton.conv_tol, newton.max_cycle = field.conv_tol, MAX_CYCLES
            _quietly(newton.kernel, dm0=field.get_init_guess())
            return plainly(newton.make_rdm1())

        def stable() -> float:
            energy = plainly()
            # A radical's first field is often not its lowest: leave it along its instabilities, if orbitals can turn.
            turns = any(0 < electrons < field.mol.nao for electrons in field.mol.nelec)
            follow = self._geometry.multiplicity > 1 and field.converged and turns
            for _ in range(MOST_INSTABILITIES if follow else 0):
                orbitals, _, is_stable, _ = _quietly(field.stability, return_status=True)
                if is_stable:
                    break
                energy = plainly(field.make_rdm1(orbitals, field.mo_occ))
            return energy

        fresh: list[tuple[str, Callable[[], float]]] = [
            ("fresh guess", stable),
            ("level shift and damping", shifted),
            ("second order", second_order),
        ]
        if self._density is None:
            return fresh
        return [("previous density", lambda: plainly(self._density)), *fresh]


def dielectric_constant(solvent: str) -> float:
    """Relative permittivity of a solvent.

    Raises:
        ConfigurationError: PySCF's table lacks it.
    """
    if solvent.lower() not in solvent_db:
        raise ConfigurationError(f"PySCF knows no solvent {solvent!r}; it has water, methanol, acetonitrile and others")
    return float(solvent_db[solvent.lower()][DIELECTRIC_COLUMN])


def _core_potentials(geometry: Geometry, basis: str) -> dict[str, Any]:
    """Effective core potentials that come with a basis, by element; light elements have none."""
    found = {}
    for number in set(geometry.numbers.tolist()):
        if number >= LIGHTEST_WITH_CORE:
            symbol = chemical_symbols[number]
            with contextlib.suppress(BasisNotFoundError, KeyError):
                found[symbol] = _quietly(gto.basis.load_ecp, basis, symbol)
    return {symbol: potential for symbol, potential in found.items() if potential}


def _quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call PySCF without its advice about settings and packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)
