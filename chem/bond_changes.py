"""Changes of a bond-electron matrix, and the valence rules that say which of them leave molecules.

The matrix of Dugundji and Ugi (10.1007/BFb0051317) is kept sparsely: the order of each bond, and for each atom its
*shortage*, the bonds missing to its next neutral valence. A shortage of +1 means an anion, a cation or a radical, +2 a
carbene, -1 a lone pair given away, hence a positive charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from chem.electron_states import STANDARD_VALENCE
from chem.graph import MolecularGraph
from chem.lewis import LewisStructure
from chem.types import Pair

NEUTRAL_VALENCES = {**{number: (valence,) for number, valence in STANDARD_VALENCE.items()}, 15: (3, 5), 16: (2, 4, 6)}
LONE_PAIR_DONORS = frozenset({7, 8, 15, 16, 34})
CARBENE_ELEMENTS = frozenset({6, 14})
CATION_ELEMENTS = frozenset({1, 5, 6, 14})

Orders = dict[Pair, int]


@dataclass(frozen=True, slots=True)
class ChargeSeparated:
    """A bond between formal charges that nature has nevertheless.

    Attributes:
        positive: Element of the positive atom.
        negative: Element of the negative atom.
        order: Order of the bond between them.
        other: Element and order of a further bond that the positive atom must have; None for none.
    """

    positive: int
    negative: int
    order: int
    other: tuple[int, int] | None


# Each resonance form of each group.
CHARGE_SEPARATED_GROUPS = {
    "carbon_monoxide": (ChargeSeparated(8, 6, 3, None),),
    "isocyanide": (ChargeSeparated(7, 6, 3, None),),
    "nitro": (ChargeSeparated(7, 8, 1, (8, 2)),),
    "nitrone": (ChargeSeparated(7, 8, 1, (6, 2)),),
    "nitrile_oxide": (ChargeSeparated(7, 8, 1, (6, 3)),),
    "nitrous_oxide": (ChargeSeparated(7, 8, 1, (7, 3)), ChargeSeparated(7, 7, 2, (8, 2))),
    "diazo": (ChargeSeparated(7, 7, 2, (6, 2)), ChargeSeparated(7, 6, 1, (7, 3))),
    "azide": (ChargeSeparated(7, 7, 2, (7, 2)), ChargeSeparated(7, 7, 1, (7, 3))),
    "ozone": (ChargeSeparated(8, 8, 1, (8, 2)),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValenceRules:
    """Which electron counts are allowed beyond neutral closed-shell atoms.

    Attributes:
        carbenes: Divalent carbon and silicon.
        zwitterions: Separated formal charges anywhere in a molecule; not in two, which would be ions.
        groups: Names of the charge-separated groups that are always allowed.
    """

    carbenes: bool
    zwitterions: bool
    groups: tuple[str, ...]


def shortage(number: int, valence: int) -> int:
    """Bonds missing to the next neutral valence; negative when there are too many."""
    options = NEUTRAL_VALENCES[number]
    for option in options:
        if option >= valence:
            return option - valence
    return options[-1] - valence


def changed_connectivities(
    graph: MolecularGraph, structure: LewisStructure, n_break: int, n_form: int, rules: ValenceRules
) -> Iterator[frozenset[Pair]]:
    """Bonded pairs after every allowed change of one Lewis structure; repeats are possible.

    Args:
        graph: The reacting system.
        structure: One of its Lewis structures.
        n_break: Most bond pairs taken out.
        n_form: Most bond pairs put in.
        rules: Allowed electron counts.
    """
    orders = dict(structure.orders)
    valence = [0] * graph.n_atoms
    for (i, j), order in structure.orders:
        valence[i] += order
        valence[j] += order
    ordinary = all(not shortage(n, v) for n, v in zip(graph.numbers, valence, strict=True))
    strict = ordinary and not rules.carbenes and not rules.zwitterions
    units = [pair for pair, order in structure.orders for _ in range(order)]
    for n_broken in range(n_break + 1):
        for broken in sorted(set(combinations(units, n_broken))):
            after, left = dict(orders), list(valence)
            for i, j in broken:
                after[i, j] -= 1
                left[i] -= 1
                left[j] -= 1
            if strict and n_broken > n_form:
                continue
            additions = (
                _neutral_additions(graph.numbers, after, broken, rules)
                if strict
                else _all_additions(graph, structure, after, left, broken, n_form, rules)
            )
            for formed in additions:
                if all(after.get(pair, 0) + formed.count(pair) <= 3 for pair in formed):
                    yield frozenset(pair for pair, order in after.items() if order).union(formed)


def _pair(i: int, j: int) -> Pair:
    return (i, j) if i < j else (j, i)


def _neutral_additions(
    numbers: Sequence[int], orders: Orders, broken: tuple[Pair, ...], rules: ValenceRules
) -> Iterator[tuple[Pair, ...]]:
    """New bond pairs that use up every open site, or all but one beside an atom that gives a lone pair."""
    slots = tuple(atom for pair in broken for atom in pair)
    closed = set(broken)
    yield from _matchings(slots, closed)
    for u, open_atom in enumerate(slots):
        if numbers[open_atom] not in (6, 7, 8):
            continue
        for v, acceptor in enumerate(slots):
            if v == u:
                continue
            rest = tuple(atom for k, atom in enumerate(slots) if k not in (u, v))
            for donor in _donors_beside(open_atom, numbers, orders, slots, acceptor):
                given = _pair(acceptor, donor)
                if donor == acceptor or given in closed:
                    continue
                for others in _matchings(rest, closed):
                    final = dict(orders)
                    for pair in (given, *others):
                        final[pair] = final.get(pair, 0) + 1
                    if _in_group(donor, open_atom, numbers, final, rules.groups):
                        yield (given, *others)


def _donors_beside(
    open_atom: int, numbers: Sequence[int], orders: Orders, slots: tuple[int, ...], acceptor: int
) -> list[int]:
    """Atoms with a lone pair and no open site that are, or by this very bond become, neighbours of an open atom."""
    neighbors = {pair[0] if pair[1] == open_atom else pair[1] for pair, n in orders.items() if n and open_atom in pair}
    if acceptor == open_atom:
        neighbors |= {atom for atom, number in enumerate(numbers) if number in LONE_PAIR_DONORS}
    return sorted(atom for atom in neighbors if numbers[atom] in (7, 8) and atom not in slots and atom != open_atom)


def _matchings(slots: tuple[int, ...], closed: set[Pair]) -> Iterator[tuple[Pair, ...]]:
    """Every way to join open sites in pairs, not restoring what was broken."""
    if not slots:
        yield ()
        return
    first, rest = slots[0], slots[1:]
    for k, other in enumerate(rest):
        pair = _pair(first, other)
        if first == other or pair in closed:
            continue
        for others in _matchings(rest[:k] + rest[k + 1 :], closed):
            yield (pair, *others)


def _in_group(positive: int, negative: int, numbers: Sequence[int], orders: Orders, groups: tuple[str, ...]) -> bool:
    """Whether this bond between charges is one of the allowed groups."""
    between = orders.get(_pair(positive, negative), 0)
    for name in groups:
        for group in CHARGE_SEPARATED_GROUPS[name]:
            if (group.positive, group.negative, group.order) != (numbers[positive], numbers[negative], between):
                continue
            if group.other is None:
                if sum(1 for pair, order in orders.items() if order and negative in pair) == 1:
                    return True
                continue
            for (i, j), order in orders.items():
                if positive in (i, j) and negative not in (i, j):
                    other = j if i == positive else i
                    if (numbers[other], order) == group.other:
                        return True
    return False


def _all_additions(
    graph: MolecularGraph,
    structure: LewisStructure,
    orders: Orders,
    valence: list[int],
    broken: tuple[Pair, ...],
    n_form: int,
    rules: ValenceRules,
) -> Iterator[tuple[Pair, ...]]:
    """New bond pairs for ions, radicals, carbenes and zwitterions: every set, judged one by one."""
    numbers = graph.numbers
    open_sites = [shortage(n, v) for n, v in zip(numbers, valence, strict=True)]
    short = [atom for atom, missing in enumerate(open_sites) if missing > 0]
    donors = [atom for atom, n in enumerate(numbers) if n in LONE_PAIR_DONORS and open_sites[atom] == 0]
    edges = sorted(
        {_pair(a, b) for a in short for b in (*short, *donors) if a != b}
        - set(broken)
        - {pair for pair, order in orders.items() if order >= 3}
    )
    twice = [(pair, pair) for pair in edges if min(open_sites[pair[0]], open_sites[pair[1]]) > 1]
    for n_formed in range(n_form + 1):
        for formed in (*combinations(edges, n_formed), *(twice if n_formed == 2 else ())):
            final, counts = list(valence), Counter(orders)
            for i, j in formed:
                final[i] += 1
                final[j] += 1
                counts[i, j] += 1
            touched = {atom for pair in (*broken, *formed) for atom in pair}
            touched |= {
                other
                for atom in touched
                if structure.charges[atom]
                for other in graph.neighbors[atom]
                if structure.charges[other]
            }  # a charge whose counter-charge is touched is touched itself
            if electrons_allowed(graph, structure, counts, final, touched, rules):
                yield formed


def electrons_allowed(
    graph: MolecularGraph,
    structure: LewisStructure,
    orders: Orders,
    valence: list[int],
    touched: set[int],
    rules: ValenceRules,
) -> bool:
    """Whether charges and spins can be placed as the rules ask; atoms that nothing happened to keep theirs.

    Args:
        graph: The reacting system before the change.
        structure: Its Lewis structure.
        orders: Bond orders after the change.
        valence: Their sums at each atom.
        touched: Atoms that something happened to.
        rules: Allowed electron counts.
    """
    numbers = graph.numbers
    charge, unpaired = graph.charge, graph.multiplicity - 1
    positive, negative = [], []  # atoms one bond over, one bond short
    for atom, (number, bonds) in enumerate(zip(numbers, valence, strict=True)):
        if atom not in touched:
            charge -= structure.charges[atom]
            unpaired -= structure.unpaired[atom]
            continue
        missing = shortage(number, bonds)
        if missing == -1 and number in LONE_PAIR_DONORS:
            positive.append(atom)
        elif missing == 1:
            negative.append(atom)
        elif missing == 2 and number in CARBENE_ELEMENTS and rules.carbenes:
            continue
        elif missing:
            return False
    for atom in list(positive):
        partner = next((other for other in negative if _in_group(atom, other, numbers, orders, rules.groups)), None)
        if partner is not None:
            positive.remove(atom)
            negative.remove(partner)
    most_cations = sum(numbers[atom] in CATION_ELEMENTS for atom in negative)
    most_anions = sum(numbers[atom] != 1 for atom in negative)  # no bare hydride
    most_charges = abs(charge) + (2 if rules.zwitterions else 0)
    for cations in range(most_cations + 1):
        anions = len(positive) + cations - charge
        radicals = len(negative) - cations - anions
        if not 0 <= anions <= most_anions or radicals != unpaired or radicals < 0:
            continue
        if anions + cations + len(positive) <= most_charges:
            return (
                not rules.zwitterions or _odd_molecules(numbers, orders) <= abs(graph.charge) + graph.multiplicity - 1
            )
    return False


def _odd_molecules(numbers: Sequence[int], orders: Orders) -> int:
    """How many molecules hold an odd number of electrons where they are neutral: ions and radicals."""
    bonds = nx.Graph(pair for pair, order in orders.items() if order)
    bonds.add_nodes_from(range(len(numbers)))
    return sum(sum(numbers[atom] for atom in molecule) % 2 for molecule in nx.connected_components(bonds))
