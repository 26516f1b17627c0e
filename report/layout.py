"""Where the nodes of a drawing of the network stand: near what they react with, and never on top of each other.

Distances in the picture follow the number of steps between two nodes (Kamada and Kawai, 10.1016/0020-0190(89)90102-6),
stretched sideways, where cards are wider; then nodes that overlap are pushed apart. Parts of the network that no
reaction joins stand side by side below each other. The same content always gives the same picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from report.content import ReactionEntry, ReportContent

CARD_WIDTH = 146.0  # pixels of the drawing at zoom 1
CARD_HEIGHT = 88.0
REACTION_WIDTH = 62.0
REACTION_HEIGHT = 26.0
_EDGE = (118.0, 78.0)  # mean length of an edge, sideways and up
_CARD_ROOM, _REACTION_ROOM = 16.0, 12.0  # between two nodes
_APART = 60.0  # between parts that nothing joins
_PUSHES = 2_000  # at most; some hundred nodes take some hundred

Point = tuple[float, float]
Node = tuple[str, str]  # "species" or "reaction", and its key
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLayout:
    """Centres of nodes, pixels at zoom 1, x to the right and y downwards.

    Attributes:
        species: By species key.
        reactions: By reaction key.
    """

    species: Mapping[str, Point]
    reactions: Mapping[str, Point]


def network_layout(content: ReportContent) -> NetworkLayout:
    """Place every species and reaction of a report."""
    graph: nx.Graph[Node] = nx.Graph()
    graph.add_nodes_from(("species", entry.key) for entry in content.species)
    for reaction in content.by_barrier:
        graph.add_node(("reaction", reaction.key))
        for key in dict.fromkeys(reaction.reactants + reaction.products):
            graph.add_edge(("species", key), ("reaction", reaction.key))
    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    placed = _packed([_part(graph.subgraph(part)) for part in parts])
    return NetworkLayout(
        species={key: where for (kind, key), where in placed.items() if kind == "species"},
        reactions={key: where for (kind, key), where in placed.items() if kind == "reaction"},
    )


def species_levels(seeds: Sequence[str], reactions: Sequence[ReactionEntry]) -> dict[str, int]:
    """Least number of reactions, taken in either direction, that lead to each reachable species from a seed."""
    across: dict[str, list[str]] = {}
    for reaction in reactions:
        for side, other in ((reaction.reactants, reaction.products), (reaction.products, reaction.reactants)):
            for key in side:
                across.setdefault(key, []).extend(other)
    levels = dict.fromkeys(seeds, 0)
    queue = deque(seeds)
    while queue:
        key = queue.popleft()
        for neighbour in across.get(key, ()):
            if neighbour not in levels:
                levels[neighbour] = levels[key] + 1
                queue.append(neighbour)
    return levels


def _part(graph: nx.Graph[Node]) -> dict[Node, Point]:
    """Centres of the nodes of one part, from its upper left corner on."""
    nodes = sorted(graph)
    if len(nodes) == 1:
        return {nodes[0]: (0.0, 0.0)}
    ordered: nx.Graph[Node] = nx.Graph()  # the order of nodes and edges decides the picture
    ordered.add_nodes_from(nodes)
    ordered.add_edges_from(sorted((min(edge), max(edge)) for edge in graph.edges))
    circle = nx.circular_layout(ordered)
    with np.errstate(divide="ignore", invalid="ignore"):  # where two nodes meet on the way
        found = nx.kamada_kawai_layout(ordered, pos=circle)
    points: FloatArray = np.array([found[node] for node in nodes], dtype=np.float64)
    if not np.isfinite(points).all():
        points = np.array([circle[node] for node in nodes])
    place = {node: number for number, node in enumerate(nodes)}
    lengths = [float(np.linalg.norm(points[place[a]] - points[place[b]])) for a, b in ordered.edges]
    points = points / max(float(np.mean(lengths)), 1e-9) * np.array(_EDGE)
    points = pushed_apart(points, np.array([_room(node) for node in nodes]))
    return dict(zip(nodes, [(float(x), float(y)) for x, y in points], strict=True))


def pushed_apart(points: FloatArray, halves: FloatArray) -> FloatArray:
    """Rectangles moved until none overlap, each pair along the way that is shorter for its size.

    Args:
        points: Centres, shape (n, 2).
        halves: Half the width and height of each, shape (n, 2).
    """
    points = points.copy()
    largest = 2 * halves.max(axis=0)
    for _ in range(_PUSHES):
        near = cKDTree(points / largest).query_pairs(1.0, p=np.inf, output_type="ndarray")
        near = near[np.lexsort(near.T[::-1])]
        between = points[near[:, 0]] - points[near[:, 1]]
        needed = halves[near[:, 0]] + halves[near[:, 1]]
        over = needed - np.abs(between)
        overlap = (over > 0.5).all(axis=1)
        if not overlap.any():
            break
        near, between, needed, over = near[overlap], between[overlap], needed[overlap], over[overlap]
        axis = np.argmin(over / needed, axis=1)
        rows = np.arange(len(near))
        push = np.copysign(over[rows, axis] / 2, between[rows, axis])
        moves, counts = np.zeros_like(points), np.ones_like(points)
        for side, sign in ((0, 1.0), (1, -1.0)):
            np.add.at(moves, (near[:, side], axis), sign * push)
            np.add.at(counts, (near[:, side], axis), 1.0)
        points += moves * np.sqrt(2.0 / counts)
    return points


def _room(node: Node) -> Point:
    """Half the width and height of a node with the room around it."""
    if node[0] == "species":
        return (CARD_WIDTH + _CARD_ROOM) / 2, (CARD_HEIGHT + _CARD_ROOM) / 2
    return (REACTION_WIDTH + _REACTION_ROOM) / 2, (REACTION_HEIGHT + _REACTION_ROOM) / 2


def _packed(parts: Sequence[Mapping[Node, Point]]) -> dict[Node, Point]:
    """All parts in rows about as wide as the first."""
    placed: dict[Node, Point] = {}
    x = y = row = 0.0
    width = 0.0
    for part in parts:
        left, top = (min(point[axis] for point in part.values()) for axis in (0, 1))
        right, bottom = (max(point[axis] for point in part.values()) for axis in (0, 1))
        span = right - left + CARD_WIDTH
        width = width or max(span, 6 * CARD_WIDTH)
        if x and x + span > width:
            x, y, row = 0.0, y + row + _APART, 0.0
        for node, point in part.items():
            placed[node] = (round(x + point[0] - left, 1), round(y + point[1] - top, 1))
        x += span + _APART
        row = max(row, bottom - top + CARD_HEIGHT)
    return placed
