"""What kind of electronic state an energy belongs to: spin contamination, stability, a broken-symmetry solution."""

from __future__ import annotations

from dataclasses import dataclass

from chem.levels import WAVEFUNCTION_PROGRAMS
from chem.potential import check_elements
from chem.types import Geometry, LevelOfTheory


@dataclass(frozen=True, slots=True, kw_only=True)
class WavefunctionReport:
    """The self-consistent field at one geometry.

    Attributes:
        spin_square: Expectation of S^2, unitless; exactly 0 for a closed shell.
        spin_square_of_pure_state: S(S + 1) of the multiplicity; what is above it is contamination.
        is_stable: Whether no rotation of the orbitals lowers the energy: within the restricted or unrestricted form,
            and for singlets from restricted to unrestricted; None where the program has no such analysis.
        broken_symmetry_lowering_ev: For singlets how far the solution that an instability leads to lies below the
            restricted one, eV, 0 where there is none; None where not sought (no singlet, no analysis) or not converged.
        broken_symmetry_spin_square: S^2 of that solution, near 1 for a diradical; None where there is none.
        scf_ways: Names of the ways to a self-consistent field that were tried; the last one worked.
    """

    spin_square: float
    spin_square_of_pure_state: float
    is_stable: bool | None
    broken_symmetry_lowering_ev: float | None
    broken_symmetry_spin_square: float | None
    scf_ways: tuple[str, ...]


def wavefunction_report(geometry: Geometry, level: LevelOfTheory) -> WavefunctionReport | None:
    """Look at the wavefunction of a level at a geometry, from a fresh start.

    Args:
        geometry: Where; a singlet is computed restricted first.
        level: Level of theory.

    Returns:
        None for programs without a wavefunction to look at: tight binding, ASE calculators.

    Raises:
        CalculationError: No way to a self-consistent field worked.
        ElementError: The basis lacks an element.
    """
    check_elements(geometry, level)
    if level.program not in WAVEFUNCTION_PROGRAMS:
        return None
    from chem.pyscf_backend import PyscfBackend  # noqa: PLC0415 - programs are imported where they are needed

    return PyscfBackend(geometry, level).wavefunction(geometry.positions)
