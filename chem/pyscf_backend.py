"""Hartree-Fock and density functionals through PySCF (10.1063/5.0006074): energies, gradients, analytic Hessians.

A self-consistent field that does not converge is tried again in harder ways, each recorded; only when all fail is the
point given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyscf import dft, scf

from chem.errors import CalculationError
from chem.levels import GRID, SCF_TOLERANCE_HARTREE
from chem.pyscf_device import array, on_processor, placed
from chem.pyscf_molecule import build_molecule, dielectric_constant, quietly
from chem.pyscf_stability import MOST_INSTABILITIES, broken_symmetry, stability
from chem.types import Geometry, LevelOfTheory
from chem.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE
from chem.wavefunction import WavefunctionReport

scf.hf.MUTE_CHKFILE = True  # each field would leave a temporary file that nobody reads

FloatArray = NDArray[np.float64]
MAX_CYCLES = 100
LEVEL_SHIFT_HARTREE = 0.3
DAMPING = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScfAttempt:
    """One way in which a self-consistent field was sought.

    Attributes:
        way: Name of the way.
        converged: Whether it got there.
        cycles: Iterations it took, of every field on the way.
        energy_ev: Where it ended.
    """

    way: str
    converged: bool
    cycles: int
    energy_ev: float


class PyscfBackend:
    """One molecule at one level; the density of a point starts the next."""

    def __init__(self, geometry: Geometry, level: LevelOfTheory) -> None:
        self._options = dict(level.options)
        self._geometry = geometry
        self._level = level
        self._cycles = 0  # of the way that is being tried
        host = self._mean_field(build_molecule(geometry, level), unrestricted=geometry.multiplicity > 1)
        self._field = placed(host, level.program)
        self._density: Any = None
        self.attempts: tuple[ScfAttempt, ...] = ()  # of the last point

    @property
    def warm(self) -> bool:
        """Never: this adapter itself starts afresh where an old density leads astray."""
        return False

    @property
    def scf_cycles(self) -> int:
        """Iterations at the last point, all ways together."""
        return sum(attempt.cycles for attempt in self.attempts)

    def evaluate(self, positions: FloatArray) -> tuple[float, FloatArray]:
        """Energy in eV and gradient in eV/Angstrom, shape (n_atoms, 3), at positions in Angstrom.

        Raises:
            CalculationError: No way to a self-consistent field worked.
        """
        energy = self._solve(positions)
        gradient = array(quietly(self._field.nuc_grad_method().kernel))
        return energy, gradient * (EV_PER_HARTREE / ANGSTROM_PER_BOHR)

    def energy(self, positions: FloatArray) -> float:
        """Energy in eV.

        Raises:
            CalculationError: No way to a self-consistent field worked.
        """
        return self._solve(positions)

    def hessian(self, positions: FloatArray) -> tuple[float, FloatArray] | None:
        """Energy in eV and analytic second derivatives, shape (3 n_atoms, 3 n_atoms), eV/Angstrom^2.

        Returns:
            None where PySCF has none for the level.

        Raises:
            CalculationError: No way to a self-consistent field worked, the response equations did not converge, or
                memory was too little.
        """
        energy = self._solve(positions)
        if min(self._field.mol.nelec) == 0 and self._geometry.multiplicity > 1:
            return None  # PySCF's response of an unrestricted field needs electrons of both spins
        try:
            blocks = array(quietly(self._field.Hessian().kernel))
        except (NotImplementedError, AttributeError):
            return None
        except (RuntimeError, MemoryError) as error:
            if "memory" in str(error).lower():
                raise CalculationError("memory", f"the analytic Hessian has too little memory: {error}") from error
            raise CalculationError("response", f"the analytic Hessian did not converge: {error}") from error
        size = 3 * self._geometry.n_atoms
        matrix = blocks.transpose(0, 2, 1, 3).reshape(size, size)
        symmetric: FloatArray = 0.5 * (matrix + matrix.T) * (EV_PER_HARTREE / ANGSTROM_PER_BOHR**2)
        return energy, symmetric

    def spin_square(self) -> tuple[float, float]:
        """Expectation of S^2 at the last point, and S (S + 1) of the multiplicity; unitless."""
        spin = 0.5 * (self._geometry.multiplicity - 1)
        wanted = spin * (spin + 1.0)
        if self._geometry.multiplicity == 1:
            return wanted, wanted
        return float(self._on_processor().spin_square()[0]), wanted

    def wavefunction(self, positions: FloatArray) -> WavefunctionReport:
        """Spin, stability and broken-symmetry solution of the field at positions in Angstrom.

        Raises:
            CalculationError: No way to a self-consistent field worked.
        """
        energy = self._solve(positions)
        found, wanted = self.spin_square()
        singlet = self._geometry.multiplicity == 1
        lowering: float | None = None
        broken: float | None = None
        field = self._on_processor()
        now = stability(field, external=singlet)
        if singlet and now is not None:
            lowering = 0.0
        if singlet and now is not None and not now.is_stable:
            unrestricted = self._mean_field(field.mol, unrestricted=True)
            below = broken_symmetry(unrestricted, now.orbitals, field.mo_occ)
            lowering = None if below is None else max(0.0, energy - below.energy_hartree * EV_PER_HARTREE)
            broken = None if below is None else below.spin_square
        return WavefunctionReport(
            spin_square=found,
            spin_square_of_pure_state=wanted,
            is_stable=None if now is None else now.is_stable,
            broken_symmetry_lowering_ev=lowering,
            broken_symmetry_spin_square=broken,
            scf_ways=tuple(attempt.way for attempt in self.attempts),
        )

    def _on_processor(self) -> Any:
        return on_processor(self._field, self._level.program)

    def _mean_field(self, molecule: Any, *, unrestricted: bool) -> Any:
        """The solver of the level."""
        if self._level.method == "hf":
            field = (scf.UHF if unrestricted else scf.RHF)(molecule)
        else:
            field = (dft.UKS if unrestricted else dft.RKS)(molecule)
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
        field.callback = self._count_cycle
        return field

    def _solve(self, positions: FloatArray) -> float:
        """Energy in eV of the first way that converges."""
        molecule = self._field.mol.set_geom_(positions, unit="Angstrom", inplace=False)
        done: list[ScfAttempt] = []
        for way, begin in self._ways():
            self._field.reset(molecule)
            self._cycles = 0
            energy = begin()
            attempt = ScfAttempt(
                way=way,
                converged=bool(self._field.converged) and bool(np.isfinite(energy)),
                cycles=self._cycles,
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

    def _count_cycle(self, _: Any) -> None:
        self._cycles += 1

    def _ways(self) -> list[tuple[str, Callable[[], float]]]:
        """Ways to a self-consistent field, the cheapest first."""
        field = self._field

        def plainly(density: Any = None) -> float:
            field.level_shift, field.damp = 0.0, 0.0
            if density is None:  # GPU4PySCF's own guess is another, which may lead a radical elsewhere
                density = self._on_processor().get_init_guess()
            return float(quietly(field.kernel, dm0=density))

        def shifted() -> float:
            field.level_shift, field.damp = LEVEL_SHIFT_HARTREE, DAMPING
            quietly(field.kernel)
            return plainly(field.make_rdm1())

        def second_order() -> float:
            field.level_shift, field.damp = 0.0, 0.0
            host = self._on_processor()
            newton = host.newton()
            newton.conv_tol, newton.max_cycle = field.conv_tol, MAX_CYCLES
            quietly(newton.kernel, dm0=host.get_init_guess())
            return plainly(newton.make_rdm1())

        def stable() -> float:
            energy = plainly()
            # A radical's first field is often not its lowest: leave it along its instabilities.
            for _ in range(MOST_INSTABILITIES if self._geometry.multiplicity > 1 and field.converged else 0):
                host = self._on_processor()
                found = stability(host, external=False)
                if found is None or found.is_stable:
                    break
                energy = plainly(host.make_rdm1(found.orbitals, host.mo_occ))
            return energy

        fresh: list[tuple[str, Callable[[], float]]] = [
            ("fresh guess", stable),
            ("level shift and damping", shifted),
            ("second order", second_order),
        ]
        if self._density is None:
            return fresh
        return [("previous density", lambda: plainly(self._density)), *fresh]
