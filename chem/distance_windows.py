"""Windows of interatomic distances that a molecular graph allows: a force field without parameters to miss.

Bond lengths are sums of covalent radii shortened by the bond order, angles follow from the number of neighbours and the
Lewis structure, torsions are free between cis and trans, and atoms further apart keep a share of their van der Waals
distance. That is crude, but it exists for every element, charge, radical and carbene alike, and it can describe a
structure in which bonds are half made; the level of theory does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import covalent_radii
from ase.data.vdw_alvarez import vdw_radii
from numpy.typing import NDArray

from chem.graph import MolecularGraph
from chem.lewis import LewisStructure, lewis_structure
from chem.types import Pair

FloatArray = NDArray[np.float64]

ORDER_FACTORS = {1: 1.0, 2: 0.87, 3: 0.78}  # bond length over the sum of covalent radii
BOND_TOLERANCE_ANGSTROM = 0.01
CONTACT_SHARE = 0.72  # closest approach in a molecule, share of the van der Waals distance; hydrogen bonds: 0.7
FRAGMENT_SHARE = 0.8  # the same between molecules
CLOSE, APART = (0.0, 1.05), (1.1, 1.6)  # nearest and farthest of reacting atoms without a bond, the same share
TRANSITION_STRETCH = (1.2, 1.45)  # changing bonds of transition states, multiples of the bonded length
SMALLEST_TRANSITION_ANGLE = 65.0  # degrees, between a changing bond and its neighbours
BOND_STIFFNESS, ANGLE_STIFFNESS, CONTACT_STIFFNESS, NEAR_STIFFNESS = 10.0, 3.0, 1.0, 0.3  # relative


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistanceWindows:
    """Allowed distances of all pairs, symmetric.

    Attributes:
        lower: Shortest, shape (n_atoms, n_atoms), Angstrom.
        upper: Longest, same shape, Angstrom; infinite where nothing limits it.
        stiffness: Weight of a violation, same shape, unitless.
    """

    lower: FloatArray
    upper: FloatArray
    stiffness: FloatArray


def windows_of(
    graph: MolecularGraph, near: tuple[Pair, ...] = (), near_shares: tuple[float, float] = CLOSE
) -> DistanceWindows:
    """Windows of one side of a reaction.

    Args:
        graph: One or several molecules.
        near: Pairs without a bond that are to stay close: the bonds of the other side.
        near_shares: How close, from and to, shares of their van der Waals distance: `CLOSE` or `APART`.
    """
    lewis = lewis_structure(graph)
    contacts = contact_distances(graph)
    paths = path_lengths(graph)
    same = paths < graph.n_atoms
    lower = np.where(same, CONTACT_SHARE, FRAGMENT_SHARE) * contacts
    upper = np.full_like(lower, np.inf)
    stiffness = np.full_like(lower, CONTACT_STIFFNESS)

    np.fill_diagonal(lower, 0.0)
    np.fill_diagonal(upper, 0.0)
    windows = DistanceWindows(lower=lower, upper=upper, stiffness=stiffness)
    lengths = bond_lengths(graph, lewis)
    _set_torsions(windows, graph, lewis, lengths, paths)
    _set_angles(windows, graph, lewis, lengths, paths)
    for pair, length in lengths.items():
        _set(windows, pair, length - BOND_TOLERANCE_ANGSTROM, length + BOND_TOLERANCE_ANGSTROM, BOND_STIFFNESS)
    for i, j in near:
        nearest, farthest = (share * float(contacts[i, j]) for share in near_shares)
        # Angles and torsions come first: within a molecule the pair may not be free to come near or to part.
        low = max(float(lower[i, j]), min(nearest, float(upper[i, j])))
        high = max(low, min(farthest, float(upper[i, j])))
        if (i, j) not in graph.bonds and paths[i, j] > 2:
            _set(windows, (i, j), low, high, NEAR_STIFFNESS if near_shares is CLOSE else CONTACT_STIFFNESS)
    _tie_fragments(windows, graph.fragments, near, contacts)
    return windows


def windows_between(
    reactant: MolecularGraph, product: MolecularGraph, stretch: tuple[float, float] = TRANSITION_STRETCH
) -> DistanceWindows:
    """Windows of structures half way: what both sides have is kept, bonds that change are stretched, the rest is free.

    Args:
        reactant: One side.
        product: The other side, in the same atom order.
        stretch: Shortest and longest changing bond, multiples of its bonded length.
    """
    first, second = windows_of(reactant), windows_of(product)
    union = replace(reactant.without_stereo(), bonds=reactant.bonds | product.bonds)
    contacts, paths = contact_distances(union), path_lengths(union)
    lower = np.minimum(first.lower, second.lower)
    upper = np.maximum(first.upper, second.upper)
    windows = DistanceWindows(lower=lower, upper=upper, stiffness=np.minimum(first.stiffness, second.stiffness))
    lengths = {}
    before, after = (bond_lengths(graph, lewis_structure(graph)) for graph in (reactant, product))
    for pair in union.bonds:
        if pair in before and pair in after:
            low, high, weight = min(before[pair], after[pair]), max(before[pair], after[pair]), BOND_STIFFNESS
        else:
            length = before.get(pair) or after[pair]
            low, high, weight = stretch[0] * length, stretch[1] * length, BOND_STIFFNESS
        lengths[pair] = 0.5 * (low + high)
        _set(windows, pair, low, high, weight)
    kept = reactant.bonds & product.bonds
    for j, around in enumerate(union.neighbors):
        for place, i in enumerate(around):
            for k in around[place + 1 :]:
                arms = _pair(i, j), _pair(j, k)
                if (i, k) in union.bonds or (arms[0] in kept and arms[1] in kept):
                    continue
                a, b = lengths[arms[0]], lengths[arms[1]]
                for p, q in ((i, k), (k, i)):
                    lower[p, q] = min(lower[p, q], third_side(a, b, SMALLEST_TRANSITION_ANGLE))
                    upper[p, q] = min(upper[p, q], a + b)
    far = paths == 3
    lower[far] = np.minimum(lower[far], 0.6 * contacts[far])
    changing = tuple(sorted((reactant.bonds | product.bonds) - kept))
    _tie_fragments(windows, union.fragments, changing, contacts)
    np.maximum(upper, lower, out=upper)
    return windows


def bond_lengths(graph: MolecularGraph, lewis: LewisStructure) -> dict[Pair, float]:
    """Expected length of every bond, Angstrom."""
    radii = covalent_radii[list(graph.numbers)]
    return {(i, j): float(radii[i] + radii[j]) * ORDER_FACTORS[order] for (i, j), order in lewis.orders}


def contact_distances(graph: MolecularGraph) -> FloatArray:
    """Sums of van der Waals radii (Alvarez, 10.1039/C3DT50599E), shape (n_atoms, n_atoms), Angstrom."""
    numbers = list(graph.numbers)
    known = np.array([vdw_radii[n] if n < len(vdw_radii) else np.nan for n in numbers], dtype=np.float64)
    radii = np.where(np.isfinite(known), known, covalent_radii[numbers] + 0.9)
    contacts: FloatArray = radii[:, None] + radii[None, :]
    return contacts


def path_lengths(graph: MolecularGraph) -> NDArray[np.int64]:
    """Bonds between each two atoms, shape (n_atoms, n_atoms); n_atoms where there is no path."""
    n_atoms = graph.n_atoms
    lengths = np.full((n_atoms, n_atoms), n_atoms, dtype=np.int64)
    for start in range(n_atoms):
        lengths[start, start] = 0
        frontier, distance = [start], 0
        while frontier:
            distance += 1
            frontier = [n for atom in frontier for n in graph.neighbors[atom] if lengths[start, n] == n_atoms]
            lengths[start, frontier] = distance
    return lengths


def third_side(first: float, second: float, angle_degrees: float) -> float:
    """Distance between the ends of two bonds that share an atom (law of cosines), Angstrom."""
    square = first**2 + second**2 - 2.0 * first * second * np.cos(np.radians(angle_degrees))
    return float(np.sqrt(max(square, 0.0)))


def _pair(i: int, j: int) -> Pair:
    return (i, j) if i < j else (j, i)


def _angle_window(graph: MolecularGraph, lewis: LewisStructure, atom: int) -> tuple[float, float]:
    """Usual angles at an atom, degrees."""
    number, degree = graph.numbers[atom], len(graph.neighbors[atom])
    orders = [order for pair, order in lewis.orders if atom in pair]
    if degree > 4:
        return 70.0, 180.0
    if degree == 4:
        return 105.0, 114.0
    if degree == 2 and (3 in orders or orders.count(2) == 2) and number in (6, 7):
        return 175.0, 180.0
    if degree == 3:
        planar = 2 in orders or number == 5 or (number == 6 and lewis.charges[atom] >= 0)
        return (116.0, 124.0) if planar else (104.0, 118.0)
    if 2 in orders:
        return 112.0, 122.0
    return (99.0, 112.0) if number not in (14, 15, 16, 33, 34) else (92.0, 105.0)


def _set(windows: DistanceWindows, pair: Pair, low: float, high: float, stiffness: float) -> None:
    for i, j in (pair, pair[::-1]):
        windows.lower[i, j], windows.upper[i, j], windows.stiffness[i, j] = low, high, stiffness


def _set_angles(
    windows: DistanceWindows,
    graph: MolecularGraph,
    lewis: LewisStructure,
    lengths: dict[Pair, float],
    paths: NDArray[np.int64],
) -> None:
    rings = _small_rings(graph)
    for j, around in enumerate(graph.neighbors):
        low, high = _angle_window(graph, lewis, j)
        for place, i in enumerate(around):
            for k in around[place + 1 :]:
                if (i, k) in graph.bonds:
                    continue
                size = rings.get((i, j, k), 0)
                if size == 4:
                    window = 84.0, 96.0
                elif size == 5:
                    window = 99.0, 112.0
                elif any(j == centre and ring <= 4 for (_, centre, _), ring in rings.items()):
                    window = low - 3.0, min(high + 20.0, 180.0)
                else:
                    window = low, high
                a, b = lengths[_pair(i, j)], lengths[_pair(j, k)]
                if paths[i, k] == 2:
                    limits = third_side(a, b, window[0]), third_side(a, b, window[1])
                    _set(windows, (i, k), *limits, ANGLE_STIFFNESS)


def _small_rings(graph: MolecularGraph) -> dict[tuple[int, int, int], int]:
    """Size of the smallest ring through i-j-k (i < k), where it has at most five atoms."""
    found = {}
    for j, around in enumerate(graph.neighbors):
        for place, i in enumerate(around):
            for k in around[place + 1 :]:
                reached, frontier = {i, j}, [i]
                for size in range(3, 6):
                    frontier = [n for atom in frontier for n in graph.neighbors[atom] if n not in reached]
                    reached.update(frontier)
                    if k in frontier:
                        found[i, j, k] = size
                        break
    return found


def _set_torsions(
    windows: DistanceWindows,
    graph: MolecularGraph,
    lewis: LewisStructure,
    lengths: dict[Pair, float],
    paths: NDArray[np.int64],
) -> None:
    signs = {(i, j): sign for i, j, sign in graph.double_bonds}
    for j, k in sorted(graph.bonds):
        for i in graph.neighbors[j]:
            for m in graph.neighbors[k]:
                if len({i, j, k, m}) < 4 or paths[i, m] != 3:
                    continue
                first, second = (sum(_angle_window(graph, lewis, atom)) / 2 for atom in (j, k))
                a, b, c = lengths[_pair(i, j)], lengths[j, k], lengths[_pair(k, m)]
                along = b - a * np.cos(np.radians(first)) - c * np.cos(np.radians(second))
                heights = a * np.sin(np.radians(first)), c * np.sin(np.radians(second))
                cis = float(np.hypot(along, heights[0] - heights[1]))
                trans = float(np.hypot(along, heights[0] + heights[1]))
                low, high = cis - 0.1, trans + 0.1
                if (j, k) in signs:
                    lowest = i == min(n for n in graph.neighbors[j] if n != k)
                    together = signs[j, k] * (1 if lowest else -1)
                    lowest = m == min(n for n in graph.neighbors[k] if n != j)
                    together *= 1 if lowest else -1
                    low, high = (cis - 0.1, cis + 0.15) if together > 0 else (trans - 0.15, trans + 0.1)
                _set(windows, (i, m), low, high, CONTACT_STIFFNESS)


def _tie_fragments(
    windows: DistanceWindows, fragments: tuple[tuple[int, ...], ...], near: tuple[Pair, ...], contacts: FloatArray
) -> None:
    """Keep molecules that no reacting pair joins within reach of the others."""
    group = {atom: number for number, atoms in enumerate(fragments) for atom in atoms}
    joined = {frozenset((group[i], group[j])) for i, j in near}
    # What hangs together through reacting pairs needs no tie.
    parts = list(range(len(fragments)))
    for pair in joined:
        low, high = min(parts[g] for g in pair), max(parts[g] for g in pair)
        parts = [low if part == high else part for part in parts]
    for number in range(1, len(fragments)):
        if parts[number] == parts[0]:
            continue
        i, j = fragments[0][0], fragments[number][0]
        _set(windows, (i, j), float(windows.lower[i, j]), float(contacts[i, j]) + 1.5, NEAR_STIFFNESS)
        merged = parts[number]
        parts = [parts[0] if part == merged else part for part in parts]
