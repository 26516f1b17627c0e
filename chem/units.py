"""Unit conversions, all from the CODATA values that ASE carries."""

from __future__ import annotations

from ase import units

KCAL_MOL_PER_EV: float = units.mol / units.kcal  # kcal/mol in one eV
EV_PER_HARTREE: float = units.Hartree  # eV in one hartree
ANGSTROM_PER_BOHR: float = units.Bohr  # Angstrom in one bohr


def kcal_mol(energy_ev: float) -> float:
    """An energy in eV as kcal/mol."""
    return energy_ev * KCAL_MOL_PER_EV
