"""Where the nodes of the network drawing stand: rings around the seeds.

Species stand on rings by the least number of reactions that lead to them from a seed; on the first ring the barriers
rise clockwise from the top. Crowded rings are staggered into two or three, so that an edge to the outer one passes
between two inner neighbours. Reaction nodes stand on rings of their own between the species. The same content always
gives the same picture.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report.content import ReactionEntry, ReportContent

CARD_WIDTH = 146.0  # pixels of the drawing at zoom 1
CARD_HEIGHT = 88.0
REACTION_WIDTH = 62.0
REACTION_HEIGHT = 26.0
ASPECT = CARD_WIDTH / CARD_HEIGHT  # rings are laid out as circles and stretched sideways, where cards are wider
_CARD_PITCH = CARD_HEIGHT * 1.2
_REACTION_PITCH = REACTION_WIDTH / ASPECT * 1.2

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLayout:
    """Centres of nodes, pixels at zoom 1, x to the right and y downwards.

    Attributes:
        species: By species key.
        reactions: By reaction key.
    """

    species: Mapping[str, Point]
    reactions: Mapping[str, Point]


def ring_layout(content: ReportContent) -> NetworkLayout:
    """Place every species and reaction of a report."""
    reactions = content.by_barrier
    keys = list(dict.fromkeys([*(s.key for s in content.species), *(k for r in reactions for k in _members(r))]))
    levels = species_levels(content.seeds or _sources(reactions), reactions)
    seeds = [key for key in keys if levels.get(key) == 0]
    angles: dict[str, float] = {key: 2 * math.pi * i / len(seeds) for i, key in enumerate(seeds)}
    species, _, outer = _ring(angles, _CARD_PITCH, 0.0)
    placed: dict[str, Point] = {}
    uses = Counter(key for reaction in reactions for key in _members(reaction))
    deepest = max(levels.values(), default=0)
    for level in range(1, max(deepest, 1) + 1):
        here = [r for r in reactions if max([1, *(levels.get(key, -1) for key in _members(r))]) == level]
        here = [r for r in here if any(key in levels for key in _members(r))]
        fresh = _ring_order(reactions, levels, level, angles)
        angles |= fresh
        wanted = {r.key: angles[_most_specific(r, levels, level, uses)] for r in here}
        least = outer + 0.75 * _CARD_PITCH
        _, inner, _ = _ring(fresh, _CARD_PITCH, least + 0.8 * _CARD_PITCH)
        ring, _, outer = _ring(_spread(wanted), _REACTION_PITCH, max(least, inner - 0.85 * _CARD_PITCH))
        placed |= ring
        ring, _, outer = _ring(fresh, _CARD_PITCH, outer + 0.8 * _CARD_PITCH)
        species |= ring
    rest = [key for key in keys if key not in species]
    species |= _grid(rest, outer + 1.5 * _CARD_PITCH)
    for reaction in reactions:
        if reaction.key not in placed:
            corners = [species[key] for key in _members(reaction)]
            placed[reaction.key] = (_mean([x for x, _ in corners]), _mean([y for _, y in corners]))
    return NetworkLayout(species=_stretched(species), reactions=_stretched(placed))


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


def _members(reaction: ReactionEntry) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reaction.reactants + reaction.products))


def _most_specific(reaction: ReactionEntry, levels: Mapping[str, int], level: int, uses: Mapping[str, int]) -> str:
    """The species that a reaction is drawn beside: of the outermost ones the one with the fewest reactions."""
    outermost = [key for key in _members(reaction) if levels.get(key) == level]
    return min(outermost or _members(reaction), key=lambda key: uses[key])


def _sources(reactions: Sequence[ReactionEntry]) -> tuple[str, ...]:
    """Where to begin without seeds: the reactants of the first reaction."""
    return tuple(dict.fromkeys(reactions[0].reactants)) if reactions else ()


def _ring_order(
    reactions: Sequence[ReactionEntry], levels: Mapping[str, int], level: int, angles: Mapping[str, float]
) -> dict[str, float]:
    """Angles of the species of one level: in the order of their parents, then of the barriers, evenly spread."""

    def from_within(reaction: ReactionEntry) -> bool:
        return any(levels.get(key, level) < level for key in _members(reaction))

    def parent_angle(reaction: ReactionEntry) -> float:
        parents = [angles[key] for key in _members(reaction) if levels.get(key, level) < level]
        return _mean_angle(parents) if parents and level > 1 else 0.0

    ordered = dict.fromkeys(
        key
        for reaction in sorted(reactions, key=lambda r: (not from_within(r), parent_angle(r)))
        for key in _members(reaction)
        if levels.get(key) == level
    )
    if level == 1 or len(ordered) > 2 * sum(value == level - 1 for value in levels.values()):
        return {key: 2 * math.pi * i / len(ordered) for i, key in enumerate(ordered)}
    wanted: dict[str, list[float]] = {key: [] for key in ordered}
    for reaction in reactions:
        for key in _members(reaction):
            if key in wanted:
                wanted[key].append(parent_angle(reaction))
    return _spread({key: _mean_angle(values) for key, values in wanted.items()})


def _spread(wanted: Mapping[str, float]) -> dict[str, float]:
    """Angles near the wanted ones, neighbours at least 0.8 of an even share of the circle apart."""
    order = sorted(wanted, key=lambda key: wanted[key])
    n = len(order)
    values = [wanted[key] for key in order]
    apart = 0.8 * 2 * math.pi / max(n, 1)
    for _ in range(400):
        moved = False
        for i in range(n):
            j = (i + 1) % n
            gap = values[j] - values[i] + (2 * math.pi if j == 0 else 0.0)
            if n > 1 and gap < apart - 1e-6:
                push = (apart - gap) / 2
                values[i] -= push
                values[j] += push
                moved = True
        if not moved:
            break
    return dict(zip(order, values, strict=True))


def _ring(angles: Mapping[str, float], pitch: float, least_radius: float) -> tuple[dict[str, Point], float, float]:
    """Points of nodes of size `pitch` on one ring, or staggered over two or three; the least and greatest radius.

    Rings bulge towards the corners, as x^4 + y^4 = r^4: nodes are rectangles, which need more room along the diagonals.
    """
    n = len(angles)
    if n == 0:
        return {}, least_radius, least_radius
    if n == 1 and least_radius == 0.0:
        return dict.fromkeys(angles, (0.0, 0.0)), 0.0, 0.0
    order = sorted(angles, key=lambda key: angles[key])
    gaps = [(angles[order[(i + 1) % n]] - angles[order[i]]) % (2 * math.pi) for i in range(n)] if n > 1 else []
    closest = min([gap for gap in gaps if gap > 1e-3], default=math.pi)
    needed = pitch / (2 * math.sin(min(closest, math.pi) / 2))  # radius of a single ring, its chords one pitch long
    rings = 1 if needed <= least_radius * 1.2 or n < 10 else 2 if n <= 60 else 3
    radius = max(least_radius, needed * (1.0 if rings == 1 else 1.2 / rings))
    points = {}
    for i, key in enumerate(order):
        sine, cosine = math.sin(angles[key]), math.cos(angles[key])
        r = (radius + (i % rings) * pitch) / (sine**4 + cosine**4) ** 0.25
        points[key] = (r * sine, -r * cosine)
    return points, radius, radius + (min(rings, n) - 1) * pitch


def _grid(keys: Sequence[str], top: float) -> dict[str, Point]:
    """Species that no reaction joins to a seed, in rows below everything else."""
    columns = max(1, math.ceil(2 * math.sqrt(len(keys))))
    return {
        key: ((i % columns - (min(columns, len(keys)) - 1) / 2) * _CARD_PITCH, top + (i // columns) * _CARD_PITCH)
        for i, key in enumerate(keys)
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _mean_angle(values: Sequence[float]) -> float:
    """Mean direction in [0, 2 pi)."""
    angle = math.atan2(_mean([math.sin(v) for v in values]), _mean([math.cos(v) for v in values]))
    return angle % (2 * math.pi)


def _stretched(points: Mapping[str, Point]) -> dict[str, Point]:
    return {key: (round(x * ASPECT, 1), round(y, 1)) for key, (x, y) in points.items()}
