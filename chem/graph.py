"""Molecular graphs: which atoms are bonded, with total charge and multiplicity.

A graph holds connectivity alone. Bond orders and formal charges are derived from it (`chem.lewis`), so that an amide is
one species whichever resonance form was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from chem.errors import InputError
from chem.types import Pair, check_electrons


@dataclass(frozen=True, kw_only=True)
class MolecularGraph:
    """Connectivity of one or several molecules.

    Attributes:
        numbers: Atomic numbers in atom order.
        bonds: Bonded pairs (i, j) with i < j.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1 of the whole.
        tetrahedral: Handedness of centres, (atom, sign); see `chem.stereo`. What is not listed is unspecified.
        double_bonds: Geometry of double bonds, (i, j, sign) with i < j; likewise.
    """

    numbers: tuple[int, ...]
    bonds: frozenset[Pair]
    charge: int = 0
    multiplicity: int = 1
    tetrahedral: frozenset[tuple[int, int]] = frozenset()
    double_bonds: frozenset[tuple[int, int, int]] = frozenset()

    def __post_init__(self) -> None:
        """Check the pairs and the electrons."""
        for i, j in self.bonds:
            if not 0 <= i < j < len(self.numbers):
                raise InputError(f"bond ({i}, {j}) is not a pair i < j of the {len(self.numbers)} atoms")
        _check_electrons_once(self.numbers, self.charge, self.multiplicity)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.numbers)

    @cached_property
    def neighbors(self) -> tuple[tuple[int, ...], ...]:
        """Bonded atoms of each atom, sorted."""
        result: list[list[int]] = [[] for _ in self.numbers]
        for i, j in self.bonds:
            result[i].append(j)
            result[j].append(i)
        return tuple(tuple(sorted(atoms)) for atoms in result)

    @cached_property
    def fragments(self) -> tuple[tuple[int, ...], ...]:
        """Connected components as sorted atom indices, ordered by their first atom."""
        seen: set[int] = set()
        result: list[tuple[int, ...]] = []
        for start in range(self.n_atoms):
            if start in seen:
                continue
            component, stack = {start}, [start]
            while stack:
                for neighbor in self.neighbors[stack.pop()]:
                    if neighbor not in component:
                        component.add(neighbor)
                        stack.append(neighbor)
            seen |= component
            result.append(tuple(sorted(component)))
        return tuple(result)

    def permuted(self, order: tuple[int, ...]) -> MolecularGraph:
        """Atoms reordered: atom k of the result is atom `order[k]` of this graph."""
        place = {old: new for new, old in enumerate(order)}
        bonds = frozenset((min(place[i], place[j]), max(place[i], place[j])) for i, j in self.bonds)
        tetrahedral = frozenset(
            (place[atom], sign * permutation_sign([place[n] for n in self.neighbors[atom]]))
            for atom, sign in self.tetrahedral
        )
        return MolecularGraph(
            numbers=tuple(self.numbers[old] for old in order),
            bonds=bonds,
            charge=self.charge,
            multiplicity=self.multiplicity,
            tetrahedral=tetrahedral,
            double_bonds=frozenset(self._permuted_double_bond(bond, place) for bond in self.double_bonds),
        )

    def _permuted_double_bond(self, bond: tuple[int, int, int], place: dict[int, int]) -> tuple[int, int, int]:
        i, j, sign = bond
        for atom, other in ((i, j), (j, i)):
            around = [n for n in self.neighbors[atom] if n != other]
            if min(around, key=lambda n: place[n]) != around[0]:
                sign = -sign
        return min(place[i], place[j]), max(place[i], place[j]), sign

    def with_stereo(
        self, tetrahedral: frozenset[tuple[int, int]], double_bonds: frozenset[tuple[int, int, int]]
    ) -> MolecularGraph:
        """The same graph with another stereo layer."""
        return replace(self, tetrahedral=tetrahedral, double_bonds=double_bonds)

    def without_stereo(self) -> MolecularGraph:
        """The constitution alone."""
        return self.with_stereo(frozenset(), frozenset())

    def mirrored(self) -> MolecularGraph:
        """The mirror image."""
        return self.with_stereo(frozenset((atom, -sign) for atom, sign in self.tetrahedral), self.double_bonds)


_check_electrons_once = lru_cache(maxsize=1024)(check_electrons)  # one composition makes thousands of graphs


def subgraph(graph: MolecularGraph, atoms: tuple[int, ...], charge: int, multiplicity: int) -> MolecularGraph:
    """One fragment (whole connected components, ascending atoms) as a graph of its own."""
    place = {atom: index for index, atom in enumerate(atoms)}
    return MolecularGraph(
        numbers=tuple(graph.numbers[atom] for atom in atoms),
        bonds=frozenset((place[i], place[j]) for i, j in graph.bonds if i in place),
        charge=charge,
        multiplicity=multiplicity,
        tetrahedral=frozenset((place[atom], sign) for atom, sign in graph.tetrahedral if atom in place),
        double_bonds=frozenset((place[i], place[j], sign) for i, j, sign in graph.double_bonds if i in place),
    )


def permutation_sign(values: Sequence[int]) -> int:
    """+1 when an even number of swaps sorts the values, else -1."""
    inversions = sum(a > b for k, a in enumerate(values) for b in values[k + 1 :])
    return -1 if inversions % 2 else 1
