"""The values that flow through Cairn: frozen, self-checking dataclasses.

Units: eV, Angstrom, eV/Angstrom, amu, K, cm-1. Arrays are read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.data import chemical_symbols

from chem.errors import ElectronCountError, GeometryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chem.graph import MolecularGraph

Pair = tuple[int, int]  # two atom indices, smaller first


def check_electrons(numbers: tuple[int, ...], charge: int, multiplicity: int) -> None:
    """Raise `ElectronCountError` unless the electrons can have this multiplicity."""
    electrons = sum(numbers) - charge
    if 1 <= multiplicity <= electrons + 1 and (electrons - multiplicity) % 2 == 1:
        return
    formula = hill_formula(numbers)
    if multiplicity < 1:
        raise ElectronCountError(f"{formula}: multiplicity {multiplicity} is below 1; give 2S+1")
    if electrons < 0:
        raise ElectronCountError(f"{formula}: charge {charge} exceeds the {sum(numbers)} protons")
    parity = "odd" if electrons % 2 == 0 else "even"
    raise ElectronCountError(
        f"{formula} with charge {charge} has {electrons} electrons, which excludes multiplicity {multiplicity};"
        f" give an {parity} multiplicity of at most {electrons + 1}, or another charge"
    )


def hill_formula(numbers: tuple[int, ...]) -> str:
    """Molecular formula in Hill order: C, H, then the alphabet."""
    counts: dict[str, int] = {}
    for number in numbers:
        symbol = chemical_symbols[number]
        counts[symbol] = counts.get(symbol, 0) + 1
    first = [s for s in ("C", "H") if s in counts] if "C" in counts else []
    order = first + sorted(s for s in counts if s not in first)
    return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Geometry:
    """Atoms in space.

    Attributes:
        numbers: Atomic numbers, shape (n_atoms,).
        positions: Cartesian positions, shape (n_atoms, 3), Angstrom.
        charge: Total charge, elementary charges.
        multiplicity: Spin multiplicity 2S+1.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    charge: int = 0
    multiplicity: int = 1

    def __post_init__(self) -> None:
        """Check shapes, finiteness and electrons; freeze copies of the arrays."""
        numbers = np.array(self.numbers, dtype=np.int64)
        positions = np.array(self.positions, dtype=np.float64)
        if numbers.ndim != 1 or numbers.size == 0:
            raise GeometryError(f"numbers must have shape (n_atoms,) with n_atoms > 0, got {numbers.shape}")
        if positions.shape != (numbers.size, 3):
            raise GeometryError(f"positions must have shape ({numbers.size}, 3), got {positions.shape}")
        if not np.isfinite(positions).all():
            raise GeometryError("positions contain a value that is not finite")
        if numbers.min() < 1 or numbers.max() >= len(chemical_symbols):
            raise GeometryError(f"atomic numbers must lie in 1 to {len(chemical_symbols) - 1}, got {numbers.tolist()}")
        check_electrons(tuple(numbers.tolist()), self.charge, self.multiplicity)
        numbers.setflags(write=False)
        positions.setflags(write=False)
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "positions", positions)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return int(self.numbers.size)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Element symbols in atom order."""
        return tuple(chemical_symbols[int(number)] for number in self.numbers)

    @property
    def formula(self) -> str:
        """Molecular formula in Hill order."""
        return hill_formula(tuple(self.numbers.tolist()))

    def with_positions(self, positions: NDArray[np.float64]) -> Geometry:
        """The same atoms elsewhere; positions of shape (n_atoms, 3), Angstrom."""
        return Geometry(numbers=self.numbers, positions=positions, charge=self.charge, multiplicity=self.multiplicity)

    def permuted(self, order: tuple[int, ...] | NDArray[np.int64]) -> Geometry:
        """Atoms reordered: atom k of the result is atom `order[k]` of this geometry."""
        index = np.asarray(order)
        return Geometry(
            numbers=self.numbers[index],
            positions=self.positions[index],
            charge=self.charge,
            multiplicity=self.multiplicity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOfTheory:
    """What an energy was computed with; stands beside every energy.

    Attributes:
        name: The name that people and configurations use, such as `gfn2`.
        method: Method, such as `GFN2-xTB`.
        basis: Basis set; empty for methods that have none.
        program: Program that ran it, such as `xtb-python` or `tblite`.
        version: Version of the program.
        options: Further settings that change the energy, as sorted (name, value) pairs.
    """

    name: str
    method: str
    basis: str = ""
    program: str = ""
    version: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """Identity of the level: method, basis and options; two programs that agree share it."""
        options = ",".join(f"{name}={value}" for name, value in sorted(self.options))
        return "/".join(part for part in (self.method, self.basis, options) if part)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TSCandidate:
    """A guessed transition state.

    Attributes:
        geometry: Atoms in the order of the reaction.
        generator: Name of what made it, such as `classical`.
        reaction_key: Reaction it is meant for; empty when a bare pair of geometries was given.
        checkpoint_hash: Hash of the model's weights; empty for classical generators.
        seed: Seed of the random generator.
        sample: Which of the candidates drawn with that seed; 0 is the deterministic one.
        confidence: Calibrated probability of being right, in [0, 1]; None when not scored.
        expected_error_kcal_mol: Expected absolute error of its barrier; None when not scored.
        unscored_reasons: Why a confidence of zero says that nothing is known, such as an element never seen.
    """

    geometry: Geometry
    generator: str
    reaction_key: str = ""
    checkpoint_hash: str = ""
    seed: int = 0
    sample: int = 0
    confidence: float | None = None
    expected_error_kcal_mol: float | None = None
    unscored_reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Confidence is a probability."""
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must lie in [0, 1], got {self.confidence}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Species:
    """A molecule as a node of the network.

    Attributes:
        key: Identity: formula, charge, multiplicity, canonical constitution, stereo layer.
        smiles: Canonical SMILES label without explicit hydrogens or map numbers.
        graph: Molecular graph in canonical atom order.
        energy_key: Identity up to mirror image; enantiomers share it and their energies.
    """

    key: str
    smiles: str
    graph: MolecularGraph
    energy_key: str

    @property
    def formula(self) -> str:
        """Molecular formula in Hill order."""
        return hill_formula(self.graph.numbers)

    @property
    def charge(self) -> int:
        """Total charge."""
        return self.graph.charge

    @property
    def multiplicity(self) -> int:
        """Spin multiplicity 2S+1."""
        return self.graph.multiplicity

    def __eq__(self, other: object) -> bool:
        """Species are equal when their keys are."""
        return isinstance(other, Species) and self.key == other.key

    def __hash__(self) -> int:
        """Hash of the key."""
        return hash(self.key)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reaction:
    """An elementary reaction with its atom map: atom i of the reactants is atom i of the products.

    Attributes:
        key: Identity: independent of atom order and of direction, one per inequivalent atom map.
        reactant_graph: All reactant molecules as one (possibly disconnected) graph.
        product_graph: All product molecules in the same atom order.
        reactants: Species of the reactant side, sorted by key, repeated as often as they occur.
        products: Species of the product side, likewise.
        degeneracy: Number of symmetry-equivalent atom maps merged into this key, forward direction.
    """

    key: str
    reactant_graph: MolecularGraph
    product_graph: MolecularGraph
    reactants: tuple[Species, ...]
    products: tuple[Species, ...]
    degeneracy: int = 1

    @property
    def broken(self) -> tuple[Pair, ...]:
        """Bonds of the reactants that the products lack, sorted."""
        return tuple(sorted(self.reactant_graph.bonds - self.product_graph.bonds))

    @property
    def formed(self) -> tuple[Pair, ...]:
        """Bonds of the products that the reactants lack, sorted."""
        return tuple(sorted(self.product_graph.bonds - self.reactant_graph.bonds))

    def __eq__(self, other: object) -> bool:
        """Reactions are equal when their keys are."""
        return isinstance(other, Reaction) and self.key == other.key

    def __hash__(self) -> int:
        """Hash of the key."""
        return hash(self.key)
