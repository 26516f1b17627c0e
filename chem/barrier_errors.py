"""What a barrier of a level of theory is worth: its error bar against coupled cluster, as it was measured.

The mean absolute errors in configs/barrier_errors.yaml are of barriers with zero-point energy against CCSD(T)-F12
(10.1038/s41597-022-01529-6), larger ones counted as 20 kcal/mol: they are those of another transition state.
The bar is the half-width that covers 95 % of normally distributed errors of that mean: 1.96 sqrt(pi / 2) times it. What
it covers of the reactions that it was not fitted to stands in the file as well.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from chem.errors import ConfigurationError
from chem.outcomes import Status, TransitionState
from chem.yaml_file import read_yaml

SHIPPED_ERRORS = Path(__file__).resolve().parents[1] / "configs" / "barrier_errors.yaml"
HALF_WIDTH_PER_MEAN = 1.959964 * math.sqrt(math.pi / 2.0)  # of a normal distribution around zero
CAP_KCAL_MOL = 20.0
WITHOUT_EFFECT = frozenset({"density_fitting", "grid", "scf_tolerance_hartree"})  # far below the error of any level
MEASURED_ELEMENTS = frozenset("HCNO")
SMILES_ELEMENT = re.compile(r"Cl|Br|Si|Se|Li|Na|[A-Z]|[a-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierError:
    """The measured error of the barriers of one level.

    Attributes:
        level: Method and basis of the energies, as in the key of a level.
        geometry: Key of the level of the geometries; empty where it is the same.
        mean_absolute_error_kcal_mol: Over the reactions that it was fitted to, each capped.
        bias_kcal_mol: Mean signed error over them; a barrier is not corrected for it.
        reactions: How many.
        split: Of the data.
        test_mean_absolute_error_kcal_mol: Over reactions that it was not fitted to.
        test_coverage: Share of those whose true barrier lies within the bar.
        test_reactions: How many.
    """

    level: str
    geometry: str = ""
    mean_absolute_error_kcal_mol: float
    bias_kcal_mol: float
    reactions: int
    split: str
    test_mean_absolute_error_kcal_mol: float
    test_coverage: float
    test_reactions: int

    def half_width_kcal_mol(self, own_error_kcal_mol: float | None = None) -> float:
        """Half-width of the 95 % error bar.

        Args:
            own_error_kcal_mol: Expected absolute error of a barrier that is itself an estimate of the level's.
        """
        return HALF_WIDTH_PER_MEAN * math.hypot(self.mean_absolute_error_kcal_mol, own_error_kcal_mol or 0.0)


def error_bar_kcal_mol(
    level_key: str, verdict: Status, smiles: Iterable[str], own_error_kcal_mol: float | None = None
) -> float | None:
    """Half-width of the 95 % error bar of a barrier against coupled cluster.

    Args:
        level_key: Level of theory of the barrier.
        verdict: Its verdict.
        smiles: Molecules of one side.
        own_error_kcal_mol: Expected absolute error of an estimated barrier against the level's own.

    Returns:
        None where nothing was measured: for other levels, charged systems, and elements beyond H, C, N and O; for a
        barrier that did not pass its checks, and an estimated one of which no error is expected.
    """
    if verdict is not Status.PASSED and (verdict is not Status.ESTIMATED or own_error_kcal_mol is None):
        return None
    found = measured_errors().get(_measured_as(level_key))
    if found is None or not is_measured_for(smiles):
        return None
    return found.half_width_kcal_mol(own_error_kcal_mol)


def error_bar_of_state_kcal_mol(state: TransitionState) -> float | None:
    """The same of the barrier of a transition state; None as well where it has an open shell."""
    if state.geometry.charge or state.geometry.multiplicity != 1:
        return None
    return error_bar_kcal_mol(state.level.key, state.verdict.status, state.geometry.symbols)


def is_measured_for(smiles: Iterable[str]) -> bool:
    """Whether molecules are of the kind that errors were measured for: neutral together, of H, C, N and O."""
    text = "".join(smiles)
    count = Counter(text)
    neutral = count["+"] == count["-"]  # in bracket atoms; a single bond is never written out
    return neutral and {each.upper() for each in SMILES_ELEMENT.findall(text)} <= MEASURED_ELEMENTS


@lru_cache(maxsize=1)
def measured_errors() -> Mapping[tuple[str, str], BarrierError]:
    """The shipped measurements, by level and geometry."""
    return read_barrier_errors(SHIPPED_ERRORS)


def read_barrier_errors(path: Path) -> dict[tuple[str, str], BarrierError]:
    """Measurements of a YAML file, by level and geometry.

    Raises:
        ConfigurationError: The file is missing or no YAML, or an entry lacks a key or has an unknown one.
    """
    content = read_yaml(path, "errors of barriers")
    if not isinstance(content, list):
        raise ConfigurationError(f"{path} must hold a list of levels with their errors")
    entries = [_entry(values, path) for values in content]
    return {(entry.level.lower(), entry.geometry.lower()): entry for entry in entries}


def _entry(values: Any, path: Path) -> BarrierError:
    known = {each.name for each in fields(BarrierError)}
    if not isinstance(values, dict) or not known - {"geometry"} <= set(values) <= known:
        raise ConfigurationError(f"{path}: an entry must hold {', '.join(sorted(known))}, got {values!r}")
    return BarrierError(**values)


def _measured_as(level_key: str) -> tuple[str, str]:
    """Level and geometry as the measurements name them: without what has no effect on an error."""
    level, _, behind = level_key.partition("geometry=")
    geometry, *options = behind.split(",")  # options of both levels, which sort behind
    named = level.rstrip(",/") + "".join(f",{each}" for each in options)
    return _without_technicalities(named), _without_technicalities(geometry)


def _without_technicalities(level_key: str) -> str:
    """A key of a level with those options alone that have an effect on an error, in lower case."""
    *names, last = level_key.lower().split("/")
    pieces = [each for each in last.split(",") if each and each.partition("=")[0] not in WITHOUT_EFFECT]
    return "/".join([*names, ",".join(pieces)]).rstrip("/")
