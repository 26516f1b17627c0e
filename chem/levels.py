"""Levels of theory as data: named entries of a YAML file, or plainly `method/basis`.

Everything in an entry that changes an energy is part of the identity of the level, so that no result of one is ever
taken for one of another.
"""

from __future__ import annotations

import difflib
import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chem.errors import ConfigurationError
from chem.pyscf_device import DEVICE_PROGRAM, device_is_there, device_version
from chem.types import LevelOfTheory
from chem.yaml_file import read_yaml

SHIPPED_LEVELS = Path(__file__).resolve().parents[1] / "configs" / "levels.yaml"
TIGHT_BINDING = {"gfn1": "GFN1-xTB", "gfn2": "GFN2-xTB"}  # what people write -> what the programs call it
# program -> module, distribution, and what to install
PROGRAMS = {
    "xtb-python": ("xtb", "xtb", "pip install xtb (Python 3.11)"),
    "tblite": ("tblite", "tblite", "pip install tblite"),
    "gpu4pyscf": ("gpu4pyscf", "", "pip install gpu4pyscf-cuda12x (with a CUDA device)"),
    "pyscf": ("pyscf", "pyscf", "pip install pyscf pyscf-dispersion"),
}
WAVEFUNCTION_PROGRAMS = ("gpu4pyscf", "pyscf")  # the same code, on the card and on the processor
SCF_TOLERANCE_HARTREE = 1e-9
GRID = 3
FORCES_GRID = 2  # the coarsest with gradients within 0.001 eV/Angstrom


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEntry:
    """One named level of theory.

    Attributes:
        method: `gfn1`, `gfn2`, `hf`, or a density functional with its dispersion, such as `b3lyp-d3bj`; of an ASE
            calculator whatever it is to be called.
        basis: Basis set, of Hartree-Fock and density functionals.
        program: `xtb-python`, `tblite`, `gpu4pyscf`, `pyscf` or `ase`; empty takes what is installed, and a graphics
            card where there is one.
        solvent: Name of a solvent: ALPB for tight binding, the polarisable continuum IEF-PCM for PySCF.
        density_fitting: Whether electron repulsion is fitted: several times faster, some 0.01 kcal/mol off.
        grid: Size of the integration grid of density functionals, 0 to 9.
        cartesian_basis: Whether d functions are the six Cartesian ones, as Gaussian takes them for 6-31G*.
        scf_tolerance_hartree: Change of the energy at which the self-consistent field ends.
        calculator: ASE calculator as `module:Class`, such as `mace.calculators:mace_off`.
        arguments: What it is made with.
    """

    method: str
    basis: str = ""
    program: str = ""
    solvent: str = ""
    density_fitting: bool = False
    grid: int = GRID
    cartesian_basis: bool = False
    scf_tolerance_hartree: float = SCF_TOLERANCE_HARTREE
    calculator: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


def read_levels(path: Path | None = None) -> dict[str, LevelEntry]:
    """The levels of a YAML file over those that Cairn ships, names in lower case.

    Args:
        path: Names with their entries; None takes the shipped ones alone.

    Raises:
        ConfigurationError: The file is missing or no YAML, or an entry has an unknown key or a wrong value.
    """
    entries: dict[str, LevelEntry] = {}
    for each in (SHIPPED_LEVELS, path):
        if each is None:
            continue
        content = read_yaml(each, "levels of theory") or {}
        if not isinstance(content, dict):
            raise ConfigurationError(f"{each} must hold names of levels with their entries")
        for name, values in content.items():
            entries[str(name).lower()] = _entry(values, f"{each}: {name}")
    return entries


def resolve_level(
    name: str, program: str | None = None, *, entries: Mapping[str, LevelEntry] | None = None
) -> LevelOfTheory:
    """The level of theory that goes by a name, with the program that will run it here.

    Args:
        name: Name of an entry, `gfn1`, `gfn2`, or `method/basis` such as `hf/3-21g` and `b3lyp-d3bj/def2-svp`; upper or
            lower case.
        program: Program to run it; None takes the entry's, or the first that is installed.
        entries: Named levels; None takes those that Cairn ships.

    Raises:
        ConfigurationError: The name is unknown, or no program for it is installed.
    """
    key = name.strip().lower()
    entries = read_levels() if entries is None else entries
    if key in entries:
        entry = entries[key]
    elif key in TIGHT_BINDING:
        entry = LevelEntry(method=key)
    elif key.count("/") == 1 and all(key.split("/")):
        method, basis = key.split("/")
        entry = _entry({"method": method, "basis": basis}, f"level {name}")
    else:
        known = sorted({*TIGHT_BINDING, *entries})
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"give method/basis, or one of {', '.join(known)}"
        raise ConfigurationError(f"unknown level of theory {name!r}; {hint}")
    return _resolved(key, entry, program or entry.program)


def check_forces(level: LevelOfTheory) -> None:
    """Raise `ConfigurationError` where the forces of a level are too rough to search or relax with.

    On a grid below 2 PySCF's gradients are off by more than 0.01 eV/Angstrom, so that no search would converge.
    """
    if int(dict(level.options).get("grid", FORCES_GRID)) < FORCES_GRID:
        raise ConfigurationError(
            f"level {level.name} has an integration grid for energies alone; searches and relaxations want grid"
            f" {FORCES_GRID} or finer, or take it for energies at points of another level"
        )


def programs_of(entry: LevelEntry) -> tuple[str, ...]:
    """Programs that can run an entry, the preferred first."""
    if entry.calculator:
        return ("ase",)
    if entry.method.lower() in TIGHT_BINDING:
        return ("tblite",) if entry.solvent else ("xtb-python", "tblite")  # xtb-python has no ALPB
    return WAVEFUNCTION_PROGRAMS


def _resolved(name: str, entry: LevelEntry, program: str) -> LevelOfTheory:
    able = programs_of(entry)
    if program and program not in able:
        raise ConfigurationError(f"{program!r} does not run level {name}; give one of {', '.join(able)}")
    if entry.calculator:
        return _of_ase(name, entry)
    for candidate in (program,) if program else able:
        module, distribution, _ = PROGRAMS[candidate]
        if device_is_there() if candidate == DEVICE_PROGRAM else find_spec(module) is not None:
            break
    else:
        wanted, remedy = program or " or ".join(able), PROGRAMS[program or able[-1]][2]
        raise ConfigurationError(f"level {name} needs {wanted}, which is not installed; run `{remedy}`")
    options: dict[str, str] = {"solvent": entry.solvent} if entry.solvent else {}
    method = TIGHT_BINDING.get(entry.method.lower(), entry.method.lower())
    if candidate in WAVEFUNCTION_PROGRAMS:
        from chem.pyscf_molecule import check_method  # noqa: PLC0415 - only where it is installed

        check_method(method, entry.basis)
        if method != "hf":
            options["grid"] = str(entry.grid)
        if entry.density_fitting:
            options["density_fitting"] = "yes"
        if entry.cartesian_basis:
            options["cartesian_basis"] = "yes"
        if entry.scf_tolerance_hartree != SCF_TOLERANCE_HARTREE:
            options["scf_tolerance_hartree"] = f"{entry.scf_tolerance_hartree:g}"
    return LevelOfTheory(
        name=name,
        method=method,
        basis=entry.basis.lower(),
        program=candidate,
        version=device_version() if candidate == DEVICE_PROGRAM else version(distribution),
        options=tuple(sorted(options.items())),
    )


def _of_ase(name: str, entry: LevelEntry) -> LevelOfTheory:
    module, _, member = entry.calculator.partition(":")
    if not (module and member):
        raise ConfigurationError(f"level {name}: calculator {entry.calculator!r} must read module:Class")
    try:
        missing = find_spec(module) is None
    except ImportError:
        missing = True
    if missing:
        raise ConfigurationError(f"level {name} needs the Python module {module}, which is not installed")
    try:
        found = version(module.split(".")[0])
    except PackageNotFoundError:
        found = ""
    arguments = json.dumps(dict(entry.arguments), sort_keys=True)
    return LevelOfTheory(
        name=name,
        method=entry.method,
        basis=entry.basis,
        program="ase",
        version=found,
        options=(("arguments", arguments), ("calculator", entry.calculator)),
    )


def _entry(values: Any, where: str) -> LevelEntry:
    """An entry from plain values."""
    if not isinstance(values, dict):
        raise ConfigurationError(f"{where}: expected keys and values, got {reprlib.repr(values)}")
    known = {each.name: each for each in fields(LevelEntry)}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise ConfigurationError(
                f"{where}: unknown key {key}; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}")
            )
        wanted = {"bool": bool, "int": int, "float": float, "str": str}.get(str(known[key].type), Mapping)
        fits = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise ConfigurationError(f"{where}: {key} must be of type {wanted.__name__}, got {reprlib.repr(value)}")
    if not values.get("method"):
        raise ConfigurationError(f"{where}: a level needs a method")
    entry = LevelEntry(**values)
    tight_binding = entry.method.lower() in TIGHT_BINDING
    if tight_binding and entry.basis:
        raise ConfigurationError(f"{where}: {entry.method} has a basis of its own; remove basis")
    if not tight_binding and not entry.calculator and not entry.basis:
        raise ConfigurationError(f"{where}: {entry.method} needs a basis")
    if not 0 <= entry.grid <= 9:
        raise ConfigurationError(f"{where}: grid must lie in 0 to 9, got {entry.grid}")
    if not 0 < entry.scf_tolerance_hartree < 1:
        raise ConfigurationError(
            f"{where}: scf_tolerance_hartree must lie between 0 and 1, got {entry.scf_tolerance_hartree}"
        )
    try:
        json.dumps(entry.arguments)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: arguments must be words, numbers, lists and mappings ({error}),"
            f" got {reprlib.repr(entry.arguments)}"
        ) from error
    return entry
