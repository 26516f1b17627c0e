"""Lewis structures of a molecular graph: bond orders, formal charges, unpaired electrons.

A structure is derived from connectivity, charge and multiplicity alone, in canonical atom order, so that it never
depends on how a molecule was written. Neutral closed-shell molecules follow at once from the standard valences;
everything else is an integer program over the states that each atom may take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

import numpy as np
from ase.data import chemical_symbols
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import lil_matrix

from chem.canonical import canonical_form
from chem.electron_states import STANDARD_VALENCE, electron_states
from chem.errors import CalculationError
from chem.graph import MolecularGraph, subgraph
from chem.types import Pair

# Further costs beside those of the atoms. A pair of charges joined by a triple bond to terminal carbon is cheaper than
# a carbene: carbon monoxide, isocyanides.
_UNCOUPLED, _TERMINAL_TRIPLE = 6.0, -3.0
_EQUAL = 0.05  # resonance forms whose costs differ by less are of one weight
_CACHED = 8192  # molecules kept by each cache


@dataclass(frozen=True, slots=True, kw_only=True)
class LewisStructure:
    """One assignment of the valence electrons.

    Attributes:
        orders: Bond order (1, 2 or 3) of each bonded pair.
        charges: Formal charge of each atom.
        unpaired: Unpaired electrons of each atom.
    """

    orders: tuple[tuple[Pair, int], ...]
    charges: tuple[int, ...]
    unpaired: tuple[int, ...]

    @property
    def neutral_closed_shell(self) -> bool:
        """No formal charge and no unpaired electron anywhere."""
        return not any(self.charges) and not any(self.unpaired)


@lru_cache(maxsize=_CACHED)
def lewis_structure(graph: MolecularGraph) -> LewisStructure:
    """The best Lewis structure of a graph, the same whatever the atom order.

    Raises:
        CalculationError: No structure exists (kind `lewis`), such as five bonds to carbon.
    """
    simple = _standard_structure(graph) or _with_standard_fragments(graph)
    if simple is not None:
        return simple
    order = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).order
    solved, _ = _solve(graph.without_stereo().permuted(order))
    place = {old: new for new, old in enumerate(order)}
    orders = dict(solved.orders)
    return LewisStructure(
        orders=tuple(
            ((i, j), orders[min(place[i], place[j]), max(place[i], place[j])]) for i, j in sorted(graph.bonds)
        ),
        charges=tuple(solved.charges[place[atom]] for atom in range(graph.n_atoms)),
        unpaired=tuple(solved.unpaired[place[atom]] for atom in range(graph.n_atoms)),
    )


def _with_standard_fragments(graph: MolecularGraph) -> LewisStructure | None:
    """The structure of a system in which some molecules follow from standard valences: only the others need a search.

    None where there are none such, or where a high spin leaves the choice of the molecule that carries it.
    """
    if len(graph.fragments) == 1 or graph.multiplicity > 2:
        return None
    orders: dict[Pair, int] = {}
    rest: list[int] = []
    for atoms in graph.fragments:
        even = sum(graph.numbers[atom] for atom in atoms) % 2 == 0
        simple = _standard_structure(subgraph(graph, atoms, 0, 1)) if even else None
        if simple is None:
            rest.extend(atoms)
        else:
            orders.update({(atoms[i], atoms[j]): order for (i, j), order in simple.orders})
    if not rest or len(rest) == graph.n_atoms:
        return None
    rest.sort()
    solved = lewis_structure(subgraph(graph, tuple(rest), graph.charge, graph.multiplicity))
    orders.update({(rest[i], rest[j]): order for (i, j), order in solved.orders})
    charges, unpaired = [0] * graph.n_atoms, [0] * graph.n_atoms
    for index, atom in enumerate(rest):
        charges[atom], unpaired[atom] = solved.charges[index], solved.unpaired[index]
    return LewisStructure(orders=tuple(sorted(orders.items())), charges=tuple(charges), unpaired=tuple(unpaired))


def _standard_structure(graph: MolecularGraph) -> LewisStructure | None:
    """The neutral closed-shell structure where it follows from standard valences without a choice."""
    if graph.charge or graph.multiplicity != 1:
        return None
    missing = []
    for number, around in zip(graph.numbers, graph.neighbors, strict=True):
        deficit = STANDARD_VALENCE.get(number, -1) - len(around)
        if deficit < 0:
            return None
        missing.append(deficit)
    orders = dict.fromkeys(graph.bonds, 1)
    open_atoms = {atom for atom, deficit in enumerate(missing) if deficit}
    while open_atoms:
        progress = False
        for atom in sorted(open_atoms):
            partners = [other for other in graph.neighbors[atom] if missing[other]]
            if len(partners) != 1:
                continue
            other = partners[0]
            shared = min(missing[atom], missing[other], 2)
            if missing[atom] > shared:
                return None
            orders[min(atom, other), max(atom, other)] += shared
            missing[atom] -= shared
            missing[other] -= shared
            open_atoms -= {each for each in (atom, other) if not missing[each]}
            progress = True
            break
        if not progress:  # rings of alternating bonds: the first complete placement in canonical order
            return _alternating_structure(graph)
    zeros = (0,) * graph.n_atoms
    return LewisStructure(orders=tuple(sorted(orders.items())), charges=zeros, unpaired=zeros)


def _alternating_structure(graph: MolecularGraph) -> LewisStructure | None:
    """A neutral closed-shell structure found by trying the multiple bonds in canonical order."""
    order = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).order
    place = {old: new for new, old in enumerate(order)}
    wanted = [
        STANDARD_VALENCE[number] - len(around) for number, around in zip(graph.numbers, graph.neighbors, strict=True)
    ]
    pairs = sorted(graph.bonds, key=lambda pair: sorted((place[pair[0]], place[pair[1]])))
    placed = next(_placements(pairs, wanted), None)
    if placed is None:
        return None
    zeros = (0,) * graph.n_atoms
    orders = tuple((pair, 1 + placed.get(pair, 0)) for pair in sorted(graph.bonds))
    return LewisStructure(orders=orders, charges=zeros, unpaired=zeros)


def _placements(pairs: list[Pair], wanted: list[int]) -> Iterator[dict[Pair, int]]:
    """Every way to give each atom the `wanted` number of further bond pairs."""
    usable = [pair for pair in pairs if wanted[pair[0]] and wanted[pair[1]]]
    last_use = {atom: position for position, pair in enumerate(usable) for atom in pair}
    if any(amount and atom not in last_use for atom, amount in enumerate(wanted)):
        return

    def place(position: int, left: list[int], chosen: dict[Pair, int]) -> Iterator[dict[Pair, int]]:
        if position == len(usable):
            yield chosen
            return
        i, j = usable[position]
        for amount in range(min(left[i], left[j], 2), -1, -1):
            remaining = list(left)
            remaining[i] -= amount
            remaining[j] -= amount
            if not any(remaining[atom] and last_use[atom] == position for atom in (i, j)):
                yield from place(position + 1, remaining, {**chosen, (i, j): amount} if amount else chosen)

    yield from place(0, wanted, {})


def _solve(graph: MolecularGraph, single: Pair | None = None) -> tuple[LewisStructure, float]:
    """Integer program: pick one state an atom and the order of each bond at the least cost.

    Args:
        graph: The molecule or molecules.
        single: A bond that must be single; None for no such condition.

    Returns:
        The structure, and its cost without the preferences that only decide between equals.
    """
    bonds = sorted(graph.bonds)
    states = [electron_states(n, len(around)) for n, around in zip(graph.numbers, graph.neighbors, strict=True)]
    first_state = np.cumsum([0, *[len(options) for options in states]])
    n_states, n_bonds = int(first_state[-1]), len(bonds)
    # Variables: one per state; per bond its order minus one and whether it is triple; one for antiferromagnetic pairs.
    extra, triple, uncoupled = n_states, n_states + n_bonds, n_states + 2 * n_bonds
    n_variables = uncoupled + 1
    cost, preference = np.zeros(n_variables), np.zeros(n_variables)
    upper = np.ones(n_variables)
    upper[extra:triple], upper[uncoupled] = 2, graph.n_atoms
    cost[uncoupled] = _UNCOUPLED
    n_rows = 2 * graph.n_atoms + 2 + n_bonds
    rows = lil_matrix((n_rows, n_variables))
    low, high = np.zeros(n_rows), np.zeros(n_rows)
    for atom, options in enumerate(states):
        row = 2 * atom
        low[row] = high[row] = 1
        low[row + 1] = high[row + 1] = len(graph.neighbors[atom])
        for index, state in enumerate(options, start=int(first_state[atom])):
            cost[index] = state.cost
            # A tiny preference for charges early in the canonical order decides between equivalent resonance forms.
            preference[index] = 1e-4 * atom * (abs(state.charge) + state.unpaired)
            rows[row, index] = 1
            rows[row + 1, index] = state.valence
            rows[2 * graph.n_atoms, index] = state.charge
            rows[2 * graph.n_atoms + 1, index] = state.unpaired
    low[2 * graph.n_atoms] = high[2 * graph.n_atoms] = graph.charge
    rows[2 * graph.n_atoms + 1, uncoupled] = -2
    low[2 * graph.n_atoms + 1] = high[2 * graph.n_atoms + 1] = graph.multiplicity - 1
    for place, (i, j) in enumerate(bonds):
        preference[extra + place] = 1e-5 * place
        if any(graph.numbers[atom] == 6 and len(graph.neighbors[atom]) == 1 for atom in (i, j)):
            cost[triple + place] = _TERMINAL_TRIPLE
        rows[2 * i + 1, extra + place] = -1
        rows[2 * j + 1, extra + place] = -1
        row = 2 * graph.n_atoms + 2 + place  # triple <= extra / 2
        rows[row, extra + place], rows[row, triple + place] = 1, -2
        high[row] = 2
    if single is not None:
        upper[extra + bonds.index(single)] = 0
    solution = milp(
        cost + preference,
        integrality=np.ones(n_variables),
        bounds=(np.zeros(n_variables), upper),
        constraints=LinearConstraint(rows.tocsr(), low, high),
        options={"mip_rel_gap": 0.0},
    )
    if solution.x is None:
        symbols = " ".join(chemical_symbols[number] for number in graph.numbers)
        raise CalculationError(
            "lewis",
            f"no Lewis structure for charge {graph.charge}, multiplicity {graph.multiplicity}:"
            f" atoms {symbols}, bonds {bonds}",
        )
    values = np.rint(solution.x).astype(int)
    chosen = [
        options[int(np.argmax(values[first_state[atom] : first_state[atom + 1]]))]
        for atom, options in enumerate(states)
    ]
    structure = LewisStructure(
        orders=tuple((pair, int(values[extra + place]) + 1) for place, pair in enumerate(bonds)),
        charges=tuple(state.charge for state in chosen),
        unpaired=tuple(state.unpaired for state in chosen),
    )
    return structure, float(cost @ values)


def resonance_structures(graph: MolecularGraph, limit: int = 64) -> list[LewisStructure]:
    """The resonance forms of the least cost, at most `limit` of them, the best structure's own family first.

    Multiple bonds are placed in every way that leaves charges and valences as they are, and a charge or an unpaired
    electron moves along a double bond to an atom that holds it as well. Benzene, carboxylates and allyl radicals have
    two forms; a molecule with isolated double bonds has one.
    """
    pairs = sorted(graph.bonds)
    forms: dict[LewisStructure, None] = {}
    families = [lewis_structure(graph)]
    seen = {(families[0].charges, families[0].unpaired)}
    for family in families:  # grows as charges and radicals move
        wanted = [0] * graph.n_atoms
        for (i, j), order in family.orders:
            wanted[i] += order - 1
            wanted[j] += order - 1
        for placed in islice(_placements(pairs, wanted), limit - len(forms)):
            form = replace(family, orders=tuple((pair, 1 + placed.get(pair, 0)) for pair in pairs))
            forms[form] = None
            for moved in _moved(graph, form):
                if (moved.charges, moved.unpaired) not in seen:
                    seen.add((moved.charges, moved.unpaired))
                    families.append(moved)
    return list(forms)


def _moved(graph: MolecularGraph, form: LewisStructure) -> Iterator[LewisStructure]:
    """Forms of like cost in which one charge or unpaired electron has changed places with a double bond."""
    if form.neutral_closed_shell:
        return
    orders = dict(form.orders)
    for a, state in enumerate(zip(form.charges, form.unpaired, strict=True)):
        if state == (0, 0):
            continue
        for b in graph.neighbors[a]:
            near = min(a, b), max(a, b)
            for c in graph.neighbors[b]:
                far = min(b, c), max(b, c)
                if c == a or orders[near] > 2 or orders[far] < 2 or (form.charges[c], form.unpaired[c]) != (0, 0):
                    continue
                charges, unpaired = list(form.charges), list(form.unpaired)
                charges[a], charges[c] = charges[c], charges[a]
                unpaired[a], unpaired[c] = unpaired[c], unpaired[a]
                shifted = {**orders, near: orders[near] + 1, far: orders[far] - 1}
                moved = LewisStructure(
                    orders=tuple(sorted(shifted.items())), charges=tuple(charges), unpaired=tuple(unpaired)
                )
                if abs(_cost(graph, moved) - _cost(graph, form)) < _EQUAL:
                    yield moved


def _cost(graph: MolecularGraph, form: LewisStructure) -> float:
    """Cost of the states of all atoms; infinite where one cannot hold its electrons."""
    valence = [0] * graph.n_atoms
    for (i, j), order in form.orders:
        valence[i] += order
        valence[j] += order
    total = 0.0
    for atom, number in enumerate(graph.numbers):
        wanted = (valence[atom], form.charges[atom], form.unpaired[atom])
        options = electron_states(number, len(graph.neighbors[atom]))
        total += min((s.cost for s in options if (s.valence, s.charge, s.unpaired) == wanted), default=math.inf)
    return total


def charge_and_multiplicity_of_fragments(graph: MolecularGraph) -> tuple[tuple[int, int], ...]:
    """Charge and multiplicity of each connected component, from the Lewis structure of the whole.

    Spins that the multiplicity of the whole wants paired pair up inside a molecule first, so that a singlet diradical
    beside a spectator stays a singlet; what is left (two radicals that make a singlet) pairs between molecules.
    """
    structure = lewis_structure(graph)
    charges = [sum(structure.charges[atom] for atom in atoms) for atoms in graph.fragments]
    unpaired = [sum(structure.unpaired[atom] for atom in atoms) for atoms in graph.fragments]
    to_pair = (sum(unpaired) - (graph.multiplicity - 1)) // 2
    if to_pair and max(unpaired) > 1:
        order = canonical_form(graph.numbers, dict.fromkeys(graph.bonds, 1)).order
        place = {atom: index for index, atom in enumerate(order)}
        first = [min(place[atom] for atom in atoms) for atoms in graph.fragments]
        for fragment in sorted(range(len(first)), key=lambda each: first[each]):
            paired = min(unpaired[fragment] // 2, to_pair)
            unpaired[fragment] -= 2 * paired
            to_pair -= paired
    return tuple((charge, 1 + electrons) for charge, electrons in zip(charges, unpaired, strict=True))


@lru_cache(maxsize=_CACHED)
def double_in_every_form(graph: MolecularGraph, pair: Pair) -> bool:
    """Whether a bond is double in all resonance forms of the least cost.

    Only such a bond holds its E or Z: in an allyl radical the choice between the two forms is one of bookkeeping.
    """
    best = lewis_structure(graph)
    if any(dict(form.orders)[pair] != 2 for form in resonance_structures(graph)):
        return False
    if best.neutral_closed_shell and _standard_structure(graph) is not None:
        return True
    _, least = _solve(graph)
    try:
        _, other = _solve(graph, single=pair)
    except CalculationError:
        return True
    return other > least + _EQUAL
