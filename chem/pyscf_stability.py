"""Whether a self-consistent field is a minimum, and what lies below it (10.1063/1.434318, 10.1063/1.471637)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chem.pyscf_molecule import quietly

MOST_INSTABILITIES = 3  # that are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """What a field is with respect to rotations of its orbitals.

    Attributes:
        is_stable: Whether no rotation that was looked at lowers the energy.
        orbitals: The orbitals of the field, turned along the instability where there is one.
    """

    is_stable: bool
    orbitals: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSymmetry:
    """The unrestricted field below a restricted one.

    Attributes:
        energy_hartree: Its energy, Hartree.
        spin_square: Expectation of S^2; 0 where only orbitals of both spins together were turned.
    """

    energy_hartree: float
    spin_square: float


def stability(field: Any, *, external: bool) -> Stability | None:
    """Look for rotations of the orbitals that lower the energy of a converged field.

    Args:
        field: Converged field of PySCF.
        external: Whether a restricted field may also become unrestricted; that goes first, being the usual one.

    Returns:
        None where PySCF has no such analysis for the level.
    """
    occupations = np.atleast_2d(np.asarray(field.mo_occ))
    if not sum(int((spin > 0).sum()) * int((spin == 0).sum()) for spin in occupations):
        return Stability(is_stable=True, orbitals=field.mo_coeff)  # no empty orbital
    try:
        inner, outer, is_stable, may_stay_restricted = quietly(field.stability, external=external, return_status=True)
    except NotImplementedError:
        return None
    if external and not may_stay_restricted:
        return Stability(is_stable=False, orbitals=outer)
    return Stability(is_stable=bool(is_stable), orbitals=(inner, inner) if external else inner)


def broken_symmetry(field: Any, orbitals: Any, occupation: Any) -> BrokenSymmetry | None:
    """Converge an unrestricted field from the orbitals to which an unstable restricted one turns.

    Args:
        field: Unrestricted field of the same molecule and level, not yet run; it is left at the solution.
        orbitals: Orbitals of both spins.
        occupation: Of the restricted orbitals, 2 or 0.

    Returns:
        None where it does not converge.
    """
    each = np.asarray(occupation) / 2.0
    density = field.make_rdm1(orbitals, (each, each))
    for _ in range(MOST_INSTABILITIES):
        quietly(field.kernel, dm0=density)
        if not field.converged:
            newton = field.newton()
            newton.conv_tol, newton.max_cycle = field.conv_tol, field.max_cycle
            quietly(newton.kernel, dm0=density)
            quietly(field.kernel, dm0=newton.make_rdm1())
        if not field.converged:
            return None
        found = stability(field, external=False)
        if found is None or found.is_stable:
            break
        density = field.make_rdm1(found.orbitals, field.mo_occ)
    return BrokenSymmetry(energy_hartree=float(field.e_tot), spin_square=float(field.spin_square()[0]))
