"""Elementary reactions of a molecule or a reacting system by breaking and forming electron-pair bonds.

The bond-electron matrix of Dugundji and Ugi (10.1007/BFb0051317) is changed by taking out up to n bond pairs (a double bond holds
two) and putting in up to m. What the change leaves is judged by valence: an atom may be short of bonds, or hold one more than
its neutral valence by giving a lone pair, only where the rules say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from ase.data import chemical_symbols
from rdkit import Chem

from chem.errors import CalculationError, ConfigurationError, ElementError
from chem.graph import MolecularGraph
from chem.identity import make_reaction, mapping_form
from chem.lewis import STANDARD_VALENCE, LewisStructure, lewis_structure, resonance_structures
from chem.smiles import to_rdkit
from chem.types import Pair, Reaction

NEUTRAL_VALENCES = {**{number: (valence,) for number, valence in STANDARD_VALENCE.items()}, 15: (3, 5), 16: (2, 4, 6)}
LONE_PAIR_DONORS = frozenset({7, 8, 15, 16, 34})

# Groups that nature has although every Lewis structure of them carries a pair of formal charges (or none is closed-shell).
CHARGE_SEPARATED_GROUPS = {
    "carbon_monoxide": "[C-]#[O+]",
    "isocyanide": "[C-]#[N+]",
    "nitro": "[N+](=O)[O-]",
    "diazo": "[C,N]=[N+]=[N-]",
    "diazonium_ylide": "[C-]-[N+]#N",
    "nitrile_oxide": "C#[N+]-[O-]",
    "nitrous_oxide": "N#[N+]-[O-]",
    "azide": "[N-]-[N+]#N",
    "ozone": "O=[O+][O-]",
    "aromatic_n_oxide": "[n+]-[O-]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumerationRules:
    """What counts as an elementary reaction.

    Attributes:
        break_bonds: Most electron-pair bonds broken at once; one of a double bond counts one.
        form_bonds: Most electron-pair bonds formed at once.
        carbenes: Allow products with a divalent carbon or silicon.
        zwitterions: Allow products with separated formal charges outside `charge_separated_groups`.
        minimum_ring_size: Smallest ring that a reaction may form.
        charge_separated_groups: Names of the groups (keys of `CHARGE_SEPARATED_GROUPS`) that are always allowed.
    """

    break_bonds: int = 2
    form_bonds: int = 2
    carbenes: bool = False
    zwitterions: bool = False
    minimum_ring_size: int = 3
    charge_separated_groups: tuple[str, ...] = tuple(CHARGE_SEPARATED_GROUPS)

    def __post_init__(self) -> None:
        """Check ranges and names."""
        for name, value, low, high in (
            ("break_bonds", self.break_bonds, 0, 4),
            ("form_bonds", self.form_bonds, 0, 4),
            ("minimum_ring_size", self.minimum_ring_size, 3, 12),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} must lie between {low} and {high}, got {value}")
        unknown = sorted(set(self.charge_separated_groups) - set(CHARGE_SEPARATED_GROUPS))
        if unknown:
            raise ConfigurationError(
                f"unknown charge_separated_groups {', '.join(unknown)}; known are {', '.join(CHARGE_SEPARATED_GROUPS)}"
            )


def enumerate_reactions(reactant: MolecularGraph, rules: EnumerationRules) -> list[Reaction]:
    """All elementary reactions of one reacting system, one for each inequivalent atom map, sorted by key.

    Fragments that take no part are kept on both sides. A stereo element is kept where no bond of its atoms changes and is
    unspecified where one does.

    Args:
        reactant: One molecule, or several as one graph: a reacting system.
        rules: What may happen.

    Raises:
        ElementError: An element has no valence rule.
    """
    for number in sorted(set(reactant.numbers)):
        if number not in NEUTRAL_VALENCES:
            known = " ".join(chemical_symbols[each] for each in NEUTRAL_VALENCES)
            raise ElementError(f"no valence rule for {chemical_symbols[number]}; enumeration knows {known}")
    products: dict[frozenset[Pair], None] = {}
    for structure in resonance_structures(reactant):
        products.update(dict.fromkeys(_changed_bonds(reactant, structure, rules)))
    products.pop(reactant.bonds, None)
    merged: dict[str, tuple[MolecularGraph, int]] = {}
    for bonds in sorted(products, key=sorted):
        product = _product(reactant, bonds)
        if not _smallest_new_ring_allowed(reactant, product, rules.minimum_ring_size):
            continue
        digest = mapping_form(reactant.without_stereo(), product.without_stereo()).digest
        first, count = merged.get(digest, (product, 0))
        merged[digest] = (first, count + 1)
    reactions = [
        make_reaction(reactant, product, degeneracy=count)
        for product, count in merged.values()
        if _electrons_allowed(reactant, product, rules)
    ]
    return sorted(reactions, key=lambda reaction: reaction.key)


def _product(reactant: MolecularGraph, bonds: frozenset[Pair]) -> MolecularGraph:
    changed = {atom for pair in bonds ^ reactant.bonds for atom in pair}
    return MolecularGraph(
        numbers=reactant.numbers,
        bonds=bonds,
        charge=reactant.charge,
        multiplicity=reactant.multiplicity,
        tetrahedral=frozenset(each for each in reactant.tetrahedral if each[0] not in changed),
        double_bonds=frozenset(
            each for each in reactant.double_bonds if not {each[0], each[1]} & changed
        ),
    )


def _changed_bonds(
    graph: MolecularGraph, structure: LewisStructure, rules: EnumerationRules
) -> Iterator[frozenset[Pair]]:
    """Connectivity after every allowed change of one Lewis structure."""
    orders = dict(structure.orders)
    valence = [0] * graph.n_atoms
    for (i, j), order in orders.items():
        valence[i] += order
        valence[j] += order
    units = [pair for pair, order in structure.orders for _ in range(order)]
    loose = rules.zwitterions or rules.carbenes or graph.charge != 0 or graph.multiplicity != 1
    initial = sum(abs(_shortage(graph.numbers[atom], valence[atom])) for atom in range(graph.n_atoms))
    for n_broken in range(rules.break_bonds + 1):
        for broken in sorted(set(combinations(units, n_broken))):
            after = dict(orders)
            changed_valence = list(valence)
            for i, j in broken:
                after[i, j] -= 1
                changed_valence[i] -= 1
                changed_valence[j] -= 1
            shortage = [_shortage(n, v) for n, v in zip(graph.numbers, changed_valence, strict=True)]
            least = 0 if loose else n_broken
            for formed in _formable(graph, after, broken, shortage, least, rules, loose=loose):
                if _plausible(graph, after, formed, changed_valence, initial, loose=loose):
                    yield frozenset(pair for pair, order in after.items() if order) | frozenset(formed)


def _shortage(number: int, valence: int) -> int:
    """Bonds missing to the next neutral valence; negative when there are too many."""
    options = NEUTRAL_VALENCES[number]
    return next((option - valence for option in options if option >= valence), options[-1] - valence)


def _formable(
    graph: MolecularGraph,
    orders: dict[Pair, int],
    broken: tuple[Pair, ...],
    shortage: list[int],
    least: int,
    rules: EnumerationRules,
    *,
    loose: bool,
) -> Iterator[tuple[Pair, ...]]:
    """Sets of new bond pairs: between atoms that are short, or from a lone pair to an atom that is short."""
    short = [atom for atom, missing in enumerate(shortage) if missing > 0]
    donors: set[int] = set()
    if loose or any(shortage[atom] > 1 for atom in short):
        donors = {a for a, n in enumerate(graph.numbers) if n in LONE_PAIR_DONORS and shortage[a] == 0}
    else:  # a donor ends up positive, which is allowed only beside an atom that stays short
        for (i, j), order in orders.items():
            if not order:
                continue
            for atom, other in ((i, j), (j, i)):
                if shortage[other] > 0 and shortage[atom] == 0 and graph.numbers[atom] in LONE_PAIR_DONORS:
                    donors.add(atom)
    edges = {
        (min(a, b), max(a, b))
        for a in short
        for b in (*short, *donors)
        if a != b and (min(a, b), max(a, b)) not in broken and orders.get((min(a, b), max(a, b)), 0) < 3
    }
    candidates = sorted(edges)
    # A pair may be formed twice: two atoms short of two bonds each.
    twice = [pair for pair in candidates if shortage[pair[0]] > 1 and shortage[pair[1]] > 1]
    for n_formed in range(least, rules.form_bonds + 1):
        yield from combinations(candidates, n_formed)
        if n_formed == 2:
            yield from ((pair, pair) for pair in twice)


def _plausible(
    graph: MolecularGraph,
    orders: dict[Pair, int],
    formed: tuple[Pair, ...],
    valence: list[int],
    initial: int,
    *,
    loose: bool,
) -> bool:
    """Cheap test of the electrons before the Lewis structure is asked for."""
    counts = Counter(formed)
    if any(orders.get(pair, 0) + count > 3 for pair, count in counts.items()):
        return False
    final = list(valence)
    for i, j in formed:
        final[i] += 1
        final[j] += 1
    shortage = [_shortage(n, v) for n, v in zip(graph.numbers, final, strict=True)]
    odd = [atom for atom, missing in enumerate(shortage) if missing]
    if not odd:
        return True
    if any(shortage[atom] < -1 for atom in odd):
        return False
    if loose:
        return sum(abs(shortage[atom]) for atom in odd) <= initial + 4
    if any(shortage[atom] > 1 for atom in odd) or sum(shortage):
        return False
    bonded = [pair for pair, order in orders.items() if order] + list(counts)
    satisfied = {
        atom for i, j in bonded if shortage[i] * shortage[j] < 0 for atom in (i, j)
    }  # beside an atom of the opposite charge
    return satisfied.issuperset(odd)


def _smallest_new_ring_allowed(reactant: MolecularGraph, product: MolecularGraph, minimum: int) -> bool:
    """No formed bond closes a ring smaller than the minimum."""
    if minimum <= 3:
        return True
    for i, j in product.bonds - reactant.bonds:
        reached, frontier = {i}, {i}
        for _ in range(minimum - 2):
            frontier = {
                n for atom in frontier for n in product.neighbors[atom] if {atom, n} != {i, j} and n not in reached
            }
            reached |= frontier
            if j in reached:
                return False
    return True


def _electrons_allowed(reactant: MolecularGraph, product: MolecularGraph, rules: EnumerationRules) -> bool:
    """Judge the Lewis structure of the products by the rules."""
    try:
        structure = lewis_structure(product)
    except CalculationError:
        return False
    if sum(structure.unpaired) != reactant.multiplicity - 1:
        return False
    if not rules.carbenes and _has_new_carbene(reactant, product, structure):
        return False
    charged = {atom for atom, charge in enumerate(structure.charges) if charge}
    if not charged or rules.zwitterions:
        return True
    free = charged - _atoms_of_allowed_groups(product, structure, rules)
    return sum(abs(structure.charges[atom]) for atom in free) <= abs(reactant.charge)


def _has_new_carbene(reactant: MolecularGraph, product: MolecularGraph, structure: LewisStructure) -> bool:
    before = _divalent(reactant, lewis_structure(reactant))
    return bool(_divalent(product, structure) - before)


def _divalent(graph: MolecularGraph, structure: LewisStructure) -> set[int]:
    """Neutral atoms of groups 13 to 17 that lack two electrons or more of their valence shell."""
    valence = [0] * graph.n_atoms
    for (i, j), order in structure.orders:
        valence[i] += order
        valence[j] += order
    return {
        atom
        for atom, number in enumerate(graph.numbers)
        if not structure.charges[atom] and not structure.unpaired[atom] and _shortage(number, valence[atom]) > 1
    }


def _atoms_of_allowed_groups(
    graph: MolecularGraph, structure: LewisStructure, rules: EnumerationRules
) -> set[int]:
    molecule = to_rdkit(graph.without_stereo(), structure)
    atoms: set[int] = set()
    for name in rules.charge_separated_groups:
        for match in molecule.GetSubstructMatches(_pattern(name)):
            atoms.update(match)
    return atoms


def _pattern(name: str) -> Chem.Mol:
    if name not in _PATTERNS:
        _PATTERNS[name] = Chem.MolFromSmarts(CHARGE_SEPARATED_GROUPS[name])
    return _PATTERNS[name]


_PATTERNS: dict[str, Chem.Mol] = {}
