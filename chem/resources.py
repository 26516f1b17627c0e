"""What memory a calculation needs, told beforehand.

PySCF keeps what fits and goes to disk or to smaller blocks with the rest: an estimate counts what it cannot do without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase.data import chemical_symbols

from chem.errors import ResourceError
from chem.levels import GRID, WAVEFUNCTION_PROGRAMS
from chem.types import Geometry, LevelOfTheory

PROGRAM_GIB = 0.25  # Python with everything that a worker imports
TIGHT_BINDING_GIB = 0.5  # with it, up to some hundred atoms
FOREIGN_GIB = 0.5  # of an ASE calculator, of which nothing more is known

NUMBER_BYTES = 8
FIELD_MATRICES = 40  # of n_basis^2 a self-consistent field holds for each spin: DIIS has 16 of them
GRID_POINTS_PER_ATOM = 12_000  # at grid 3
LARGEST_BLOCK = 1200 * 56  # grid points that PySCF takes at once, where memory allows
BLOCK_FLOOR_BYTES = 2e9  # that PySCF allows a block however small its limit
GRADIENT_COMPONENTS, HESSIAN_COMPONENTS = 13, 21  # derivatives of each basis function on the grid, and a copy
RESPONSE_MATRICES = 4  # of n_basis^2 for each atom, direction and spin
RESPONSE_VECTORS = 30  # of n_basis n_occupied for each atom, direction and spin: the Krylov space
FITTED_TENSORS = 16  # of n_basis^2 n_auxiliary that a Hessian holds, as far as they fit into a block
FITTED_SHARE = 0.8  # of its limit that PySCF gives the half-transformed integrals of a Hessian
SURFACE_POINTS_PER_ATOM = 100
SURFACE_MATRICES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Atom:
    """What one atom adds to the size of a calculation."""

    n_basis: int
    n_auxiliary: int
    n_electrons: int  # outside the effective core potential


def estimated_memory_gib(geometry: Geometry, level: LevelOfTheory, *, hessian: bool) -> float:
    """Resident memory that a calculation needs at least, GiB.

    Counted for PySCF: matrices of the field, a block of the integration grid, the metric of density fitting, the
    surface of a solvent; for an analytic Hessian the response of every atom and, with density fitting, the
    half-transformed integrals. Integrals that are kept only where there is room are not counted, so that a peak may lie
    higher, up to the limit that PySCF was told.

    The coefficients were fitted roughly to peaks of PySCF 2.14: gradients of up to 26 atoms and 222 basis functions,
    Hessians of up to 12 atoms and 114 functions. Where integrals had no room, estimates were 0.8 to 1.3 of the peaks.
    Larger molecules, solvents and non-local functionals were not measured.

    Args:
        geometry: Elements, charge and multiplicity count, positions do not.
        level: Level of theory.
        hessian: Whether an analytic Hessian is computed.

    Raises:
        ElementError: The basis lacks an element.
    """
    if level.program not in WAVEFUNCTION_PROGRAMS:
        return FOREIGN_GIB if level.program == "ase" else TIGHT_BINDING_GIB
    from chem.pyscf_molecule import check_elements_of, has_exact_exchange  # noqa: PLC0415 - only where installed

    check_elements_of(geometry, level)
    options = dict(level.options)
    atoms = [_atom(symbol, level) for symbol in geometry.symbols]
    basis, auxiliary = (sum(getattr(atom, name) for atom in atoms) for name in ("n_basis", "n_auxiliary"))
    electrons = sum(atom.n_electrons for atom in atoms) - geometry.charge
    occupied = (electrons + geometry.multiplicity) // 2
    spins = 1 if geometry.multiplicity == 1 else 2
    fitted = "density_fitting" in options
    size: float = FIELD_MATRICES * spins * basis**2 + (3 * auxiliary**2 if fitted else 0)
    blocks = [0.0]  # one after the other, each cut to what PySCF allows
    if level.method != "hf":
        points = GRID_POINTS_PER_ATOM * (int(options.get("grid", GRID)) + 1) / 4 * geometry.n_atoms
        components = HESSIAN_COMPONENTS if hessian else GRADIENT_COMPONENTS
        blocks.append(components * basis * min(points, LARGEST_BLOCK))
    if "solvent" in options:
        size += SURFACE_MATRICES * (SURFACE_POINTS_PER_ATOM * geometry.n_atoms) ** 2
    if hessian:
        response = RESPONSE_MATRICES * basis**2 + RESPONSE_VECTORS * basis * occupied
        size += 3 * geometry.n_atoms * spins * response
    if hessian and fitted:
        blocks.append(FITTED_TENSORS * basis**2 * auxiliary)
        if has_exact_exchange(level.method):
            size += spins * auxiliary * occupied * (occupied + basis) / FITTED_SHARE
    size += min(max(blocks), BLOCK_FLOOR_BYTES / NUMBER_BYTES)
    return PROGRAM_GIB + NUMBER_BYTES * size / 2**30


def check_memory(geometry: Geometry, level: LevelOfTheory, *, hessian: bool, limit_gib: float) -> None:
    """Raise `ResourceError` where a calculation needs more memory than it may use, GiB."""
    needed = estimated_memory_gib(geometry, level, hessian=hessian)
    if needed <= limit_gib:
        return
    part = "the analytic Hessian" if hessian else "the gradient"
    raise ResourceError(
        f"{part} of {geometry.formula} at {level.key} needs about {needed:.1f} GiB of memory, and a job may use"
        f" {limit_gib:g} GiB; raise job_memory_gib (--memory-gib) where the machine has more, or take a smaller basis"
    )


@lru_cache(maxsize=1024)
def _atom(symbol: str, level: LevelOfTheory) -> _Atom:
    from pyscf import df  # noqa: PLC0415 - only where it is installed

    from chem.pyscf_molecule import build_molecule, quietly  # noqa: PLC0415

    number = chemical_symbols.index(symbol)
    alone = Geometry(numbers=np.array([number]), positions=np.zeros((1, 3)), multiplicity=1 + number % 2)
    molecule = build_molecule(alone, level)
    fitted = "density_fitting" in dict(level.options)
    return _Atom(
        n_basis=int(molecule.nao),
        n_auxiliary=int(quietly(df.make_auxmol, molecule).nao) if fitted else 0,
        n_electrons=int(molecule.nelectron),
    )
