"""Canonical form and symmetry of small coloured graphs.

Identity in Cairn must survive the next version of every dependency, since keys are stored for years; so the canonical
form is defined here rather than taken from a library whose canonical order may change between releases: it is the
lexicographically smallest certificate over the individualisation-refinement tree (McKay and Piperno,
10.1016/j.jsc.2013.09.003).
Hydrogens on heavy atoms are folded into the colour of their neighbour first, which makes molecules small graphs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chem.types import Pair

Certificate = tuple[tuple[tuple[int, ...], tuple[tuple[int, int], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalForm:
    """What is left of a coloured graph when the numbering of its vertices is forgotten.

    Attributes:
        certificate: Equal for two graphs exactly when they are isomorphic.
        order: Vertices in canonical order.
        automorphisms: Number of symmetry operations of the graph.
        generators: Symmetry operations that generate all others; vertex v goes to `generator[v]`.
    """

    certificate: Certificate
    order: tuple[int, ...]
    automorphisms: int
    generators: tuple[tuple[int, ...], ...]

    @property
    def digest(self) -> str:
        """Twenty hexadecimal digits of the SHA-256 hash of the certificate."""
        return hashlib.sha256(repr(self.certificate).encode()).hexdigest()[:20]


def canonical_form(
    numbers: Sequence[int], edges: Mapping[Pair, int], colors: Sequence[int] | None = None
) -> CanonicalForm:
    """Canonical form of atoms joined by labelled edges.

    Args:
        numbers: Atomic numbers, one a vertex.
        edges: Label (an integer) of each edge (i, j) with i < j.
        colors: Further label of each vertex, such as a stereo descriptor; zero everywhere by default.
    """
    # Plain integers throughout: the digest hashes the text of the certificate, and NumPy's integers print differently.
    numbers = [int(number) for number in numbers]
    extra = [int(color) for color in colors] if colors is not None else [0] * len(numbers)
    adjacency: list[list[tuple[int, int]]] = [[] for _ in numbers]
    for (i, j), label in edges.items():
        adjacency[i].append((int(label), j))
        adjacency[j].append((int(label), i))
    # Hydrogens with a single edge, to a heavy atom, become part of that atom's colour.
    folded: dict[int, list[tuple[int, int, int]]] = {}
    for atom, number in enumerate(numbers):
        if number == 1 and len(adjacency[atom]) == 1 and numbers[adjacency[atom][0][1]] != 1:
            label, parent = adjacency[atom][0]
            folded.setdefault(parent, []).append((label, extra[atom], atom))
    hidden = {atom for leaves in folded.values() for _, _, atom in leaves}
    kept = [atom for atom in range(len(numbers)) if atom not in hidden]
    place = {atom: index for index, atom in enumerate(kept)}
    symmetry = 1
    kinds: list[tuple[int, ...]] = []
    for atom in kept:
        leaves = sorted([(label, color) for label, color, _ in folded.get(atom, [])])
        if len(leaves) > 1:
            for leaf in set(leaves):
                symmetry *= math.factorial(leaves.count(leaf))
        kinds.append((numbers[atom], extra[atom], *(value for leaf in leaves for value in leaf)))
    links = [[(label, place[j]) for label, j in adjacency[atom] if j in place] for atom in kept]
    search = _Search(kinds, links)
    search.run()
    order: list[int] = []
    for index in search.best_order:
        order.append(kept[index])
        order.extend(atom for _, _, atom in sorted(folded.get(kept[index], [])))
    leaves_of = [sorted(folded.get(atom, [])) for atom in kept]
    return CanonicalForm(
        certificate=search.best,
        order=tuple(order),
        automorphisms=symmetry * search.automorphism_count(),
        generators=tuple(_generators(len(numbers), kept, leaves_of, search.generators)),
    )


def _generators(
    n_vertices: int, kept: list[int], leaves_of: list[list[tuple[int, int, int]]], found: list[list[int]]
) -> Iterator[tuple[int, ...]]:
    """Exchanges of equal leaves, and the symmetries of the kept vertices with their leaves carried along."""
    for leaves in leaves_of:
        for (*first_kind, first), (*second_kind, second) in pairwise(leaves):
            if first_kind == second_kind:
                exchange = list(range(n_vertices))
                exchange[first], exchange[second] = second, first
                yield tuple(exchange)
    for generator in found:
        lifted = list(range(n_vertices))
        for index, image in enumerate(generator):
            lifted[kept[index]] = kept[image]
            for (*_, leaf), (*_, other) in zip(leaves_of[index], leaves_of[image], strict=True):
                lifted[leaf] = other
        yield tuple(lifted)


class _Search:
    """Depth-first search of the individualisation-refinement tree, pruned by the automorphisms found on the way."""

    def __init__(self, kinds: list[tuple[int, ...]], links: list[list[tuple[int, int]]]) -> None:
        self.kinds = kinds
        self.links = links
        self.best: Certificate = ()
        self.best_order: list[int] = []
        self.best_labels: list[int] = []
        self.first_labels: list[int] = []
        self.first_certificate: Certificate = ()
        self.generators: list[list[int]] = []
        self.first_path: list[int] = []
        self.path: list[int] = []

    def run(self) -> None:
        # The colour of a class is the number of vertices before it, which leaves room to split it.
        first: dict[tuple[int, ...], int] = {}
        for position, kind in enumerate(sorted(self.kinds)):
            first.setdefault(kind, position)
        self._descend(self._refine([first[kind] for kind in self.kinds]))

    def _refine(self, colors: list[int]) -> list[int]:
        """Split colour classes by the colours around each vertex until nothing changes."""
        links = self.links
        while True:
            refined = list(colors)
            for color, cell in _cells(colors).items():
                if len(cell) == 1:
                    continue
                around = sorted(
                    [(sorted([(label, colors[other]) for label, other in links[vertex]]), vertex) for vertex in cell]
                )
                previous, rank = around[0][0], color
                for position, (signature, vertex) in enumerate(around, start=color):
                    if signature != previous:
                        previous, rank = signature, position
                    refined[vertex] = rank
            if refined == colors:
                return colors
            colors = refined

    def _descend(self, colors: list[int]) -> None:
        cells = _cells(colors)
        target = min((color for color, cell in cells.items() if len(cell) > 1), default=None)
        if target is None:
            self._leaf(colors)
            return
        explored: list[int] = []
        for vertex in cells[target]:
            if explored and self._orbit(vertex).intersection(explored):
                continue
            split = [color + (color == target and other != vertex) for other, color in enumerate(colors)]
            self.path.append(vertex)
            self._descend(self._refine(split))
            self.path.pop()
            explored.append(vertex)

    def _leaf(self, labels: list[int]) -> None:
        order = sorted(range(len(labels)), key=lambda vertex: labels[vertex])
        certificate: Certificate = tuple(
            (
                self.kinds[vertex],
                tuple(sorted((labels[j], label) for label, j in self.links[vertex] if labels[j] > place)),
            )
            for place, vertex in enumerate(order)
        )
        if not self.first_labels:
            self.first_labels, self.first_certificate, self.first_path = labels, certificate, list(self.path)
        elif certificate == self.first_certificate:
            self._add_automorphism(self.first_labels, order)
        if not self.best_order or certificate < self.best:
            self.best, self.best_order, self.best_labels = certificate, order, labels
        elif certificate == self.best and self.best_labels is not labels:
            self._add_automorphism(self.best_labels, order)

    def _add_automorphism(self, labels: list[int], order: list[int]) -> None:
        self.generators.append([order[labels[vertex]] for vertex in range(len(labels))])

    def _orbit(self, vertex: int) -> set[int]:
        """Images of a vertex under the known automorphisms that fix the current path."""
        return _orbit(vertex, [g for g in self.generators if all(g[fixed] == fixed for fixed in self.path)])

    def automorphism_count(self) -> int:
        """Order of the group, by orbits and stabilisers along the first path."""
        count = 1
        for depth, vertex in enumerate(self.first_path):
            fixed = self.first_path[:depth]
            count *= len(_orbit(vertex, [g for g in self.generators if all(g[f] == f for f in fixed)]))
        return count


def _cells(colors: list[int]) -> dict[int, list[int]]:
    cells: dict[int, list[int]] = {}
    for vertex, color in enumerate(colors):
        cells.setdefault(color, []).append(vertex)
    return cells


def _orbit(vertex: int, generators: list[list[int]]) -> set[int]:
    orbit, stack = {vertex}, [vertex]
    while stack:
        current = stack.pop()
        for generator in generators:
            if generator[current] not in orbit:
                orbit.add(generator[current])
                stack.append(generator[current])
    return orbit
