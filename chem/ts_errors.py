"""How far a generated transition state lies from the true one: strictly, leniently, at its core, and by hand.

The strict error takes the atoms in their mapped order, moves by proper rotations alone and caps nothing. The lenient
one is what several papers report: the best over mirror images and equivalent atoms, capped. Never compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from chem.alignment import rmsd
from chem.equivalent_atoms import Permutation, group_elements, mapping_generators
from chem.errors import CalculationError, GeometryError
from chem.generator import EndPoints
from chem.guess import changing_bonds, pair_distances
from chem.hard_checks import clashing_pairs
from chem.identity import split_species
from chem.perception import perceive_graph
from chem.stereo import perceive_stereo
from chem.types import Geometry

LENIENT_CAP_ANGSTROM = 1.0
OWN_MIRROR_ANGSTROM = 0.2  # nearer to its mirror image than this, a transition state has no hand
HAND_MARGIN_ANGSTROM = 0.05  # a generated structure has the wrong hand when nearer to the mirror image by more
LARGEST_GROUP = 1024  # relabellings that are all tried
MOST_ROUNDS = 10  # of assignment and alignment, which settle within three or four

FloatArray = NDArray[np.float64]


def strict_rmsd(generated: FloatArray, true: FloatArray) -> float:
    """Root-mean-square deviation in mapped order after the best proper rotation, not capped, Angstrom.

    Args:
        generated: Shape (n_atoms, 3), Angstrom.
        true: Same shape and atom order.
    """
    return rmsd(generated, true)


def distance_mae(generated: FloatArray, true: FloatArray) -> float:
    """Mean absolute error of all pair distances, Angstrom; blind to handedness, and much below an RMSD.

    Args:
        generated: Shape (n_atoms, 3), at least two atoms, Angstrom.
        true: Same shape and atom order.

    Raises:
        GeometryError: The shapes differ, or there is no pair.
    """
    if generated.shape != true.shape or len(true) < 2:
        raise GeometryError(
            f"distances compare structures of one shape (n_atoms, 3) with two atoms or more, got {generated.shape},"
            f" {true.shape}"
        )
    return float(np.abs(pair_distances(generated) - pair_distances(true)).mean())


def core_atoms(ends: EndPoints) -> tuple[int, ...]:
    """Atoms of the bonds that break or form, perceived from the ends, sorted; empty where no bond changes."""
    broken, formed = changing_bonds(ends)
    return tuple(sorted({atom for pair in broken + formed for atom in pair}))


def core_rmsd(generated: FloatArray, true: FloatArray, atoms: Sequence[int]) -> float:
    """Strict root-mean-square deviation of some atoms, aligned on themselves, Angstrom.

    Args:
        generated: Shape (n_atoms, 3), Angstrom.
        true: Same shape and atom order.
        atoms: Atoms that count, such as those of `core_atoms`; at least two.

    Raises:
        GeometryError: Fewer than two atoms are given.
    """
    if len(atoms) < 2:
        raise GeometryError(f"a reaction core has two atoms or more, got {list(atoms)}; leave this reaction out")
    index = list(atoms)
    return rmsd(generated[index], true[index])


def relabellings(ends: EndPoints) -> list[Permutation]:
    """Generators of the relabellings that leave the reaction the same, for `lenient_rmsd`.

    They are the automorphisms that the graphs of both ends have in common (`chem.equivalent_atoms`).
    """
    return mapping_generators(perceive_graph(ends.reactant), perceive_graph(ends.product))


def lenient_rmsd(
    generated: FloatArray,
    true: FloatArray,
    generators: Sequence[Permutation],
    cap_angstrom: float = LENIENT_CAP_ANGSTROM,
) -> float:
    """Lowest root-mean-square deviation over both mirror images and all relabellings of equivalent atoms, Angstrom.

    With s1 >= s2 >= s3 the singular values of the covariance A^T B of the centred structures and d the sign of its
    determinant, the lowest mean square over proper rotations is (|A|^2 + |B|^2 - 2 (s1 + s2 + d s3)) / n
    (10.1107/S0567739476001873), and over improper ones the same with - d s3; so the better mirror image has
    s1 + s2 + s3. The minimum is exact for groups of up to `LARGEST_GROUP` relabellings. In larger ones the sets of
    freely exchangeable atoms, such as the hydrogens of a methyl group, are assigned at least squared distance in turn
    with the alignment, from each relabelling of the rest: an upper bound.

    Args:
        generated: Shape (n_atoms, 3), Angstrom.
        true: Same shape and atom order.
        generators: From `relabellings`; empty where no atoms are equivalent.
        cap_angstrom: Larger deviations count as this.

    Raises:
        GeometryError: The shapes differ.
    """
    if generated.shape != true.shape:
        raise GeometryError(f"structures must share one shape (n_atoms, 3), got {generated.shape}, {true.shape}")
    mobile, target = generated - generated.mean(axis=0), true - true.mean(axis=0)
    group = np.array(group_elements(generators, len(true), LARGEST_GROUP + 1))  # (n_elements, n_atoms)
    if len(group) > LARGEST_GROUP:
        group = _assigned(mobile, target, generators)
    overlap = float(_overlaps(mobile[group], target).max())
    square = ((mobile**2).sum() + (target**2).sum() - 2.0 * overlap) / len(true)
    return min(cap_angstrom, float(np.sqrt(max(square, 0.0))))


def _overlaps(mobile: FloatArray, target: FloatArray) -> FloatArray:
    """Sums of the singular values of the covariances, shape (n_trials,), of mobile (n_trials, n_atoms, 3)."""
    covariances = np.einsum("gak,al->gkl", mobile, target)
    sums: FloatArray = np.linalg.svd(covariances, compute_uv=False).sum(axis=1)
    return sums


def _assigned(mobile: FloatArray, target: FloatArray, generators: Sequence[Permutation]) -> NDArray[np.int64]:
    """Relabellings whose freely exchangeable atoms are assigned in turn with the alignment; (n_trials, n_atoms)."""
    exchanges = [g for g in generators if sum(atom != image for atom, image in enumerate(g)) == 2]
    label = np.arange(len(target))  # of the set that an atom is exchangeable in
    for exchange in exchanges:
        first, second = (atom for atom, image in enumerate(exchange) if atom != image)
        label[label == label[second]] = label[first]
    sets = [np.flatnonzero(label == each) for each in np.unique(label)]
    middle = np.zeros((len(target), len(target)))  # puts each atom into the middle of its set
    for members in sets:
        middle[np.ix_(members, members)] = 1.0 / len(members)
    found = []
    rest = [g for g in generators if g not in exchanges]
    for start in np.array(group_elements(rest, len(target), LARGEST_GROUP + 1)):
        left, _, right = np.linalg.svd((middle @ mobile[start]).T @ (middle @ target))
        for handedness in (1.0, -1.0):  # the two hands may differ in their best assignment
            order, rotation = start.copy(), left @ np.diag([1.0, 1.0, handedness]) @ right
            for _ in range(MOST_ROUNDS):
                before = order.copy()
                for members in sets:
                    squares = cdist(target[members], mobile[order[members]] @ rotation, "sqeuclidean")
                    order[members] = order[members][linear_sum_assignment(squares)[1]]
                if np.array_equal(order, before):
                    break
                outer, _, inner = np.linalg.svd(mobile[order].T @ target)
                rotation = outer @ inner  # proper or not, whichever fits better
            found.append(order)
    return np.array(found)


def is_chiral(geometry: Geometry) -> bool | None:
    """Whether the molecules of a relaxed structure differ, as a set, from those of its mirror image.

    Handedness of centres is read off the geometry; conformations, which turn into their mirror images, and chiral axes
    do not count. A racemic pair of molecules is achiral.

    Returns:
        None where the structure has no Lewis structure.
    """
    graph = perceive_stereo(perceive_graph(geometry), geometry)
    try:
        species, mirrored = split_species(graph), split_species(graph.mirrored())
    except CalculationError:
        return None
    return species != mirrored


def is_wrong_hand(generated: FloatArray, true: FloatArray, reactant: Geometry, product: Geometry) -> bool | None:
    """Whether a generated transition state is the mirror image of the wanted one rather than that one.

    It is when its strict deviation from the mirror image is the smaller one by more than `HAND_MARGIN_ANGSTROM`.

    Args:
        generated: Shape (n_atoms, 3), Angstrom.
        true: Same shape and atom order.
        reactant: Relaxed reactant in the same atom order.
        product: Relaxed product likewise.

    Returns:
        None where it does not count: the true structure is within `OWN_MIRROR_ANGSTROM` of its own mirror image, or
        reactant and product are both achiral, so that either hand leads from one to the other. An end without a Lewis
        structure is not known to be achiral, and counts.
    """
    mirror = -true
    if rmsd(mirror, true) <= OWN_MIRROR_ANGSTROM:
        return None
    if is_chiral(reactant) is False and is_chiral(product) is False:
        return None
    return rmsd(generated, true) - rmsd(generated, mirror) > HAND_MARGIN_ANGSTROM


def clashes(generated: Geometry, ends: EndPoints) -> int:
    """Number of pairs of atoms that are too close (`chem.hard_checks.clashing_pairs`).

    The clash rate is the share of generated structures with one or more.

    Args:
        generated: Atoms in the order of the ends.
        ends: Reactant and product of the reaction.
    """
    return len(clashing_pairs(generated, ends))
