"""Other conformers of a transition state: spectator bonds turned, the reacting atoms left as they are."""

from __future__ import annotations

import itertools
from typing import cast

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from scipy.spatial.transform import Rotation

from chem.alignment import rmsd
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.potential import GradientCounter, single_point
from chem.types import Geometry, LevelOfTheory, Pair

TURNS_DEGREES = (120.0, 240.0)
MOST_TURNED = 2  # bonds turned at once
CLOSEST_ANGSTROM = 0.8  # atoms nearer than this after a turn have gone through each other
DISTINCT_ANGSTROM = 0.1
MOST_STRUCTURES = 60


def rotatable_bonds(before: MolecularGraph, after: MolecularGraph) -> list[Pair]:
    """Bonds of both sides about which a part can turn without moving a reacting distance, sorted.

    Both of their atoms have further neighbours, not three atoms of one kind, as a methyl group has; and without such a
    bond the graph of all bonds of both sides falls apart into a part that holds every reacting atom and a rest.
    """
    graph = _all_bonds(before, after)
    reacting = {atom for pair in before.bonds ^ after.bonds for atom in pair}
    found = []
    bridges = cast("list[Pair]", list(nx.bridges(graph)))
    for first, second in sorted((min(pair), max(pair)) for pair in bridges):
        if (first, second) not in before.bonds & after.bonds:
            continue
        if not (_turns(graph, before, first, second) and _turns(graph, before, second, first)):
            continue
        side = _side(graph, first, second)
        if not (reacting & side and reacting - side):
            found.append((first, second))
    return found


def _all_bonds(before: MolecularGraph, after: MolecularGraph) -> nx.Graph[int]:
    return nx.Graph(list(before.bonds | after.bonds))


def _turns(graph: nx.Graph[int], molecule: MolecularGraph, end: int, other: int) -> bool:
    """Whether turning the atoms at one end of a bond by thirds makes another structure."""
    rest = [atom for atom in graph.adj[end] if atom != other]
    alike = len({molecule.numbers[atom] for atom in rest}) == 1 and all(len(graph.adj[atom]) == 1 for atom in rest)
    return bool(rest) and not (alike and len(rest) == 3)


def _side(graph: nx.Graph[int], first: int, second: int) -> set[int]:
    """Atoms on the second one's side of a bond."""
    cut = graph.copy()
    cut.remove_edge(first, second)
    return set(nx.node_connected_component(cut, second))


def turned_structures(geometry: Geometry, before: MolecularGraph, after: MolecularGraph) -> list[NDArray[np.float64]]:
    """Positions, shape (n_atoms, 3), Angstrom, with one or two rotatable bonds turned by thirds, without clashes."""
    graph = _all_bonds(before, after)
    bonds = rotatable_bonds(before, after)
    chosen = [combination for size in range(1, MOST_TURNED + 1) for combination in itertools.combinations(bonds, size)]
    structures: list[NDArray[np.float64]] = []
    for combination in chosen:
        for angles in itertools.product(TURNS_DEGREES, repeat=len(combination)):
            positions = geometry.positions
            for (first, second), angle in zip(combination, angles, strict=True):
                positions = _turned(positions, first, second, sorted(_side(graph, first, second)), angle)
            apart = squareform(pdist(positions)) + 10.0 * np.eye(len(positions))
            distinct = all(rmsd(positions, other) > DISTINCT_ANGSTROM for other in (geometry.positions, *structures))
            if apart.min() > CLOSEST_ANGSTROM and distinct:
                structures.append(positions)
            if len(structures) == MOST_STRUCTURES:
                return structures
    return structures


def _turned(
    positions: NDArray[np.float64], first: int, second: int, atoms: list[int], angle_degrees: float
) -> NDArray[np.float64]:
    axis = positions[second] - positions[first]
    turn = Rotation.from_rotvec(np.radians(angle_degrees) * axis / np.linalg.norm(axis))
    moved = positions.copy()
    moved[atoms] = turn.apply(positions[atoms] - positions[second]) + positions[second]
    return moved


def conformer_guesses(
    saddle: Geometry,
    before: MolecularGraph,
    after: MolecularGraph,
    level: LevelOfTheory,
    counter: GradientCounter,
    number: int,
) -> list[Geometry]:
    """The turned structures of lowest energy, as guesses of further saddle points.

    Args:
        saddle: A proved saddle point.
        before: Graph of the reactant, in its atom order.
        after: Graph of the product.
        level: Level of theory of the energies.
        counter: Counts one evaluation a structure.
        number: Most guesses wanted.

    Raises:
        CalculationError: The budget is spent.
    """
    ranked = []
    for place, positions in enumerate(turned_structures(saddle, before, after)):
        guess = saddle.with_positions(positions)
        try:
            ranked.append((single_point(guess, level, counter), place, guess))
        except CalculationError:
            if counter.remaining < 1:
                raise
    return [guess for _, _, guess in sorted(ranked, key=lambda each: each[:2])[:number]]
