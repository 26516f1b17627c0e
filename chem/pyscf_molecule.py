"""A molecule as PySCF has it: methods, bases, elements and solvents that there are, core potentials of the heavy."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ase.data import chemical_symbols
from pyscf import dft, gto
from pyscf.lib.exceptions import BasisNotFoundError
from pyscf.scf.dispersion import check_disp, parse_dft
from pyscf.solvent.smd import solvent_db

from chem.errors import ConfigurationError, ElectronCountError, ElementError
from chem.types import Geometry, LevelOfTheory

PROBED_ELEMENTS = ("H", "C", "Cl", "Fe", "I")  # a basis that has none of them is none
LIGHTEST_WITH_CORE = 37  # from Rb on the def2 and LANL bases come with effective core potentials
DIELECTRIC_COLUMN = 5  # of PySCF's table of solvents


def build_molecule(geometry: Geometry, level: LevelOfTheory) -> Any:
    """The molecule of PySCF with the basis of a level.

    Raises:
        ElectronCountError: It has no electrons, or more of one spin than the basis has orbitals.
    """
    molecule = gto.Mole(
        atom=list(zip(geometry.symbols, geometry.positions.tolist(), strict=True)),
        unit="Angstrom",
        basis=level.basis,
        ecp=_core_potentials(geometry, level.basis),
        charge=geometry.charge,
        spin=geometry.multiplicity - 1,
        cart=dict(level.options).get("cartesian_basis") == "yes",
        verbose=0,
    )
    quietly(molecule.build, dump_input=False, parse_arg=False)
    if not 0 < max(molecule.nelec) <= molecule.nao:
        raise ElectronCountError(
            f"{geometry.formula} with charge {geometry.charge} and multiplicity {geometry.multiplicity} has"
            f" {max(molecule.nelec)} electrons of one spin, {level.basis} {molecule.nao} orbitals for them;"
            " give another charge, multiplicity or basis"
        )
    return molecule


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


def has_exact_exchange(method: str) -> bool:
    """Whether a method holds Hartree-Fock exchange, all of it or a part."""
    return method == "hf" or bool(dft.libxc.is_hybrid_xc(parse_dft(method)[0]))


def check_elements_of(geometry: Geometry, level: LevelOfTheory) -> None:
    """Raise `ElementError` where the basis lacks an element."""
    for number in sorted(set(geometry.numbers.tolist())):
        symbol = chemical_symbols[number]
        if not _has_element(level.basis, symbol):
            raise ElementError(f"the basis {level.basis} has no {symbol}; take another, such as def2-svp (H to Rn)")


@lru_cache(maxsize=1024)
def _has_element(basis: str, symbol: str) -> bool:
    try:
        return bool(quietly(gto.basis.load, basis, symbol))
    except (BasisNotFoundError, KeyError, OSError, ValueError):
        return False


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
                found[symbol] = quietly(gto.basis.load_ecp, basis, symbol)
    return {symbol: potential for symbol, potential in found.items() if potential}


def quietly(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call PySCF without its advice about settings and packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)
