"""Checks that a guessed transition state must pass before any model is asked: nothing in it may be plainly broken.

The limits were set on the 600 true transition states of RDB7's validation split (10.1038/s41597-022-01529-6), so that
hardly any of those is flagged. Bonds are perceived from the relaxed ends, never from the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from chem.canonical import canonical_form
from chem.errors import GeometryError
from chem.generator import EndPoints
from chem.graph import MolecularGraph
from chem.perception import perceive_graph
from chem.types import Geometry, Pair

CLASH_BONDED = 0.8  # multiple of the shorter end distance of pairs bonded in an end; lowest true value 0.838
CLASH_APART = 0.9  # multiple of the radii sum for pairs bonded in neither end; lowest true value 1.081
SPECTATOR_STRETCH = 1.5  # multiple of the longer end distance of a kept bond; true values: one of 600 above 1.37
FLOWN_OFF = 2.5  # nearest neighbour, multiple of the radii sum; highest true value 2.341
TETRAHEDRAL = 0.3  # share of a regular tetrahedron's volume from which the hand of a centre in an end is clear

_REGULAR_VOLUME = 16.0 / (3.0 * np.sqrt(3.0))  # six times the volume of a regular tetrahedron of unit vectors

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two atoms that are closer than they can be.

    Attributes:
        pair: The atoms.
        distance_angstrom: How far apart they are.
        limit_angstrom: How far apart they must be at least.
    """

    pair: Pair
    distance_angstrom: float
    limit_angstrom: float


def hard_checks(candidate: Geometry, ends: EndPoints) -> tuple[str, ...]:
    """What is plainly broken in a guessed transition state.

    Of the 600 true transition states of RDB7's validation split, broken spectator bonds flag one (0.2 %, a bond that
    opens and closes again on the way); clashes, inverted stereocentres and atoms flown off flag none. All 156 mirror
    images of those with a stereocentre that keeps its bonds are flagged.

    Args:
        candidate: The guess, atoms in the order of the ends.
        ends: Reactant and product of the reaction.

    Returns:
        One sentence for each fault, naming atoms (counted from 0) and values; empty when there is none.

    Raises:
        GeometryError: The candidate holds other atoms than the ends.
    """
    _check_atoms(candidate, ends)
    before, after = perceive_graph(ends.reactant), perceive_graph(ends.product)
    return (
        *_describe_clashes(candidate, ends, before, after),
        *_broken_spectators(candidate, ends, before, after),
        *_inverted_centres(candidate, ends, before, after),
        *_flown_off(candidate),
    )


def clashing_pairs(candidate: Geometry, ends: EndPoints) -> tuple[Clash, ...]:
    """Pairs of atoms that are too close, by pair.

    A pair that is bonded in an end clashes below `CLASH_BONDED` times the shorter of its two end distances, any other
    pair below `CLASH_APART` times the sum of its covalent radii (10.1039/b801115j).

    Args:
        candidate: The guess, atoms in the order of the ends.
        ends: Reactant and product of the reaction.

    Raises:
        GeometryError: The candidate holds other atoms than the ends.
    """
    _check_atoms(candidate, ends)
    return _clashes(candidate, ends, perceive_graph(ends.reactant), perceive_graph(ends.product))


def _check_atoms(candidate: Geometry, ends: EndPoints) -> None:
    if not np.array_equal(candidate.numbers, ends.reactant.numbers):
        raise GeometryError(
            f"candidate {candidate.formula} and ends {ends.reactant.formula} must list the same atoms in the same"
            f" order; got {' '.join(candidate.symbols)} and {' '.join(ends.reactant.symbols)}"
        )


def _distances(positions: FloatArray) -> FloatArray:
    """All pair distances, shape (n_atoms, n_atoms), Angstrom."""
    distances: FloatArray = np.linalg.norm(positions[:, None, :] - positions[None, :, :], axis=-1)
    return distances


def _radii_sums(numbers: NDArray[np.int64]) -> FloatArray:
    """Sums of covalent radii, shape (n_atoms, n_atoms), Angstrom."""
    radii = covalent_radii[numbers]
    sums: FloatArray = radii[:, None] + radii[None, :]
    return sums


def _clashes(candidate: Geometry, ends: EndPoints, before: MolecularGraph, after: MolecularGraph) -> tuple[Clash, ...]:
    limits = CLASH_APART * _radii_sums(candidate.numbers)
    shorter = np.minimum(_distances(ends.reactant.positions), _distances(ends.product.positions))
    for pair in before.bonds | after.bonds:
        limits[pair] = CLASH_BONDED * shorter[pair]
    distances = _distances(candidate.positions)
    return tuple(
        Clash(pair=(int(i), int(j)), distance_angstrom=float(distances[i, j]), limit_angstrom=float(limits[i, j]))
        for i, j in np.argwhere(np.triu(distances < limits, k=1))
    )


def _describe_clashes(
    candidate: Geometry, ends: EndPoints, before: MolecularGraph, after: MolecularGraph
) -> Iterator[str]:
    for clash in _clashes(candidate, ends, before, after):
        yield (
            f"atoms {_names(candidate, clash.pair)} clash: {clash.distance_angstrom:.2f} Angstrom apart, at least"
            f" {clash.limit_angstrom:.2f} expected"
        )


def _broken_spectators(
    candidate: Geometry, ends: EndPoints, before: MolecularGraph, after: MolecularGraph
) -> Iterator[str]:
    """Bonds of both ends that are stretched beyond `SPECTATOR_STRETCH` times their longer end distance."""
    distances = _distances(candidate.positions)
    longer = np.maximum(_distances(ends.reactant.positions), _distances(ends.product.positions))
    for pair in sorted(before.bonds & after.bonds):
        if distances[pair] > SPECTATOR_STRETCH * longer[pair]:
            yield (
                f"the bond {_names(candidate, pair)}, which both ends have, is broken: {distances[pair]:.2f} Angstrom,"
                f" at most {SPECTATOR_STRETCH * longer[pair]:.2f} expected"
            )


def _inverted_centres(
    candidate: Geometry, ends: EndPoints, before: MolecularGraph, after: MolecularGraph
) -> Iterator[str]:
    """Stereocentres that keep their four bonds and their hand from end to end, and have the other hand here."""
    for atom, around in enumerate(before.neighbors):
        if len(around) != 4 or around != after.neighbors[atom]:
            continue
        hands = [handedness(each.positions, atom, around) for each in (ends.reactant, ends.product, candidate)]
        if min(abs(hands[0]), abs(hands[1])) < TETRAHEDRAL or hands[0] * hands[1] < 0 or hands[0] * hands[2] >= 0:
            continue
        if _is_stereocentre(atom, before, after):
            neighbors = ", ".join(f"{candidate.symbols[n]}{n}" for n in around)
            yield (
                f"stereocentre {candidate.symbols[atom]}{atom} between {neighbors} is inverted: signed volume"
                f" {hands[2]:+.2f}, {hands[0]:+.2f} in the reactant and {hands[1]:+.2f} in the product"
            )


def handedness(positions: FloatArray, atom: int, around: tuple[int, ...]) -> float:
    """Signed volume of the four neighbours of an atom, each put at unit distance; +1 or -1 in a regular tetrahedron.

    Args:
        positions: Shape (n_atoms, 3), Angstrom.
        atom: The centre.
        around: Its four neighbours; an odd permutation of them changes the sign.
    """
    vectors = positions[list(around)] - positions[atom]
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return float(np.linalg.det(vectors[:3] - vectors[3]) / _REGULAR_VOLUME)


def _is_stereocentre(atom: int, before: MolecularGraph, after: MolecularGraph) -> bool:
    """Whether no symmetry of the atom map that leaves the atom in place exchanges two of its four neighbours.

    Hydrogens of a methyl or methylene group that take no part in the reaction can be exchanged: inversion is then no
    more than another numbering.
    """
    kept = before.bonds & after.bonds
    edges = {pair: 1 if pair in kept else 2 if pair in before.bonds else 3 for pair in before.bonds | after.bonds}
    colors = [int(other == atom) for other in range(before.n_atoms)]
    generators = canonical_form(before.numbers, edges, colors).generators
    around = set(before.neighbors[atom])
    for start in around:
        orbit, stack = {start}, [start]
        while stack:
            current = stack.pop()
            for image in (generator[current] for generator in generators):
                if image not in orbit:
                    orbit.add(image)
                    stack.append(image)
        if len(orbit & around) > 1:
            return False
    return True


def _flown_off(candidate: Geometry) -> Iterator[str]:
    """Atoms whose nearest neighbour, in multiples of the sum of covalent radii, is beyond `FLOWN_OFF`."""
    if candidate.n_atoms < 2:
        return
    ratios = _distances(candidate.positions) / _radii_sums(candidate.numbers)
    np.fill_diagonal(ratios, np.inf)
    for atom in np.flatnonzero(ratios.min(axis=1) > FLOWN_OFF):
        nearest = int(ratios[atom].argmin())
        distance = float(np.linalg.norm(candidate.positions[atom] - candidate.positions[nearest]))
        yield (
            f"atom {candidate.symbols[atom]}{atom} has flown off: its nearest neighbour"
            f" {candidate.symbols[nearest]}{nearest} is {distance:.2f} Angstrom away, {ratios[atom].min():.1f} times"
            f" the sum of their covalent radii, at most {FLOWN_OFF} expected"
        )


def _names(geometry: Geometry, pair: Pair) -> str:
    return "-".join(f"{geometry.symbols[atom]}{atom}" for atom in pair)
