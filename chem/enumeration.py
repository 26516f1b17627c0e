"""Elementary reactions of a molecule or a reacting system by breaking and forming electron-pair bonds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations, product

from ase.data import chemical_symbols

from chem.bond_changes import CHARGE_SEPARATED_GROUPS, NEUTRAL_VALENCES, ValenceRules, changed_connectivities
from chem.errors import ConfigurationError, ElementError
from chem.graph import MolecularGraph
from chem.identity import make_reaction, mapping_form, reaction_key, split_species
from chem.lewis import resonance_structures
from chem.types import Pair, Reaction

Change = tuple[tuple[int, int, int], ...]  # sorted (i, j, +1 formed or -1 broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumerationRules:
    """What counts as an elementary reaction.

    Attributes:
        break_bonds: Most electron-pair bonds broken at once; one of a double bond counts one.
        form_bonds: Most electron-pair bonds formed at once.
        carbenes: Allow products with a divalent carbon or silicon.
        zwitterions: Allow molecules with separated formal charges outside `charge_separated_groups`; never ion pairs.
        degenerate: Keep reactions that only exchange like atoms and so return the reactants, up to lost stereo marks.
        minimum_ring_size: Smallest ring that a reaction may close.
        charge_separated_groups: Names of the groups (keys of `CHARGE_SEPARATED_GROUPS`) that are always allowed.
    """

    break_bonds: int = 2
    form_bonds: int = 2
    carbenes: bool = False
    zwitterions: bool = False
    degenerate: bool = False
    minimum_ring_size: int = 3
    charge_separated_groups: tuple[str, ...] = tuple(CHARGE_SEPARATED_GROUPS)

    def __post_init__(self) -> None:
        """Check ranges and names."""
        for name, value, low, high in (
            ("break_bonds", self.break_bonds, 1, 4),
            ("form_bonds", self.form_bonds, 1, 4),
            ("minimum_ring_size", self.minimum_ring_size, 3, 12),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} must lie between {low} and {high}, got {value}")
        unknown = sorted(set(self.charge_separated_groups) - set(CHARGE_SEPARATED_GROUPS))
        if unknown:
            raise ConfigurationError(
                f"unknown charge_separated_groups {', '.join(unknown)}; known are {', '.join(CHARGE_SEPARATED_GROUPS)}"
            )

    @property
    def valence_rules(self) -> ValenceRules:
        """Which electron counts are allowed."""
        return ValenceRules(carbenes=self.carbenes, zwitterions=self.zwitterions, groups=self.charge_separated_groups)


def check_elements(graph: MolecularGraph) -> None:
    """Raise `ElementError` where an element has no valence rule."""
    for number in sorted(set(graph.numbers)):
        if number not in NEUTRAL_VALENCES:
            known = " ".join(chemical_symbols[each] for each in NEUTRAL_VALENCES)
            raise ElementError(f"no valence rule for {chemical_symbols[number]}; enumeration knows {known}")


def enumerate_reactions(reactant: MolecularGraph, rules: EnumerationRules) -> list[Reaction]:
    """All elementary reactions of one reacting system, one for each inequivalent atom map, sorted by key.

    Fragments that take no part are kept on both sides. A stereo element is kept where no bond of its atoms changes and
    is unspecified where one does.

    Args:
        reactant: One molecule, or several as one graph: a reacting system.
        rules: What may happen.

    Raises:
        ElementError: An element has no valence rule.
    """
    check_elements(reactant)
    valence_rules = rules.valence_rules
    outcomes: set[frozenset[Pair]] = set()
    for structure in resonance_structures(reactant):
        outcomes.update(changed_connectivities(reactant, structure, rules.break_bonds, rules.form_bonds, valence_rules))
    outcomes.discard(reactant.bonds)
    distinct: dict[str, MolecularGraph] = {}
    stereo = bool(reactant.tetrahedral or reactant.double_bonds)
    for change in _merge_twins(reactant, outcomes):
        after = with_bonds(reactant, _bonds_after(reactant, change))
        if not rings_large_enough(reactant, after, rules.minimum_ring_size):
            continue
        # Changes that constitution makes equal may differ in stereo, such as those at the two ends of a meso compound.
        key = reaction_key(reactant, after) if stereo else mapping_form(reactant, after).digest
        distinct.setdefault(key, after)
    reactions: dict[str, Reaction] = {}
    for _, after in sorted(distinct.items()):
        reaction = make_reaction(reactant, after)
        if rules.degenerate or not is_exchange(reaction):
            reactions.setdefault(reaction.key, reaction)
    return [reactions[key] for key in sorted(reactions)]


def is_exchange(reaction: Reaction) -> bool:
    """Whether like atoms change places and nothing else happens, but for stereo marks that are lost on the way."""
    if len(reaction.reactants) != len(reaction.products):
        return False
    if reaction.reactants == reaction.products:
        return True
    if not reaction.reactant_graph.tetrahedral and not reaction.reactant_graph.double_bonds:
        return False
    plain = split_species(reaction.reactant_graph.without_stereo())
    return plain == split_species(reaction.product_graph.without_stereo())


def _merge_twins(reactant: MolecularGraph, outcomes: Iterable[frozenset[Pair]]) -> list[Change]:
    """Changes without those that differ only in which hydrogen of one atom takes part, in a fixed order."""
    twins: dict[int, tuple[int, ...]] = {}
    for atom, around in enumerate(reactant.neighbors):
        leaves = tuple(n for n in around if reactant.numbers[n] == 1 and len(reactant.neighbors[n]) == 1)
        if len(leaves) > 1 and reactant.numbers[atom] != 1:
            twins.update(dict.fromkeys(leaves, leaves))
    merged: set[Change] = set()
    for bonds in outcomes:
        edges = [(i, j, -1) for i, j in reactant.bonds - bonds] + [(i, j, 1) for i, j in bonds - reactant.bonds]
        involved: dict[tuple[int, ...], list[int]] = {}
        for atom in sorted({atom for i, j, _ in edges for atom in (i, j)}):
            if atom in twins:
                involved.setdefault(twins[atom], []).append(atom)
        best: Change | None = None
        for images in product(*(permutations(leaves[: len(used)]) for leaves, used in involved.items())):
            renamed = {
                atom: image for used, image_of in zip(involved.values(), images, strict=True)
                for atom, image in zip(used, image_of, strict=True)
            }  # fmt: skip
            change = tuple(
                sorted(
                    (min(a, b), max(a, b), sign)
                    for a, b, sign in ((renamed.get(i, i), renamed.get(j, j), sign) for i, j, sign in edges)
                )
            )
            if best is None or change < best:
                best = change
        if best is not None:
            merged.add(best)
    return sorted(merged)


def with_bonds(reactant: MolecularGraph, bonds: frozenset[Pair]) -> MolecularGraph:
    """The atoms of a reactant with other bonds; a stereo element is kept where no bond of its atoms changes."""
    changed = {atom for pair in reactant.bonds ^ bonds for atom in pair}
    return MolecularGraph(
        numbers=reactant.numbers,
        bonds=bonds,
        charge=reactant.charge,
        multiplicity=reactant.multiplicity,
        tetrahedral=frozenset(each for each in reactant.tetrahedral if each[0] not in changed),
        double_bonds=frozenset(each for each in reactant.double_bonds if not {each[0], each[1]} & changed),
    )


def _bonds_after(reactant: MolecularGraph, change: Change) -> frozenset[Pair]:
    broken = {(i, j) for i, j, sign in change if sign < 0}
    formed = {(i, j) for i, j, sign in change if sign > 0}
    return (reactant.bonds - broken) | formed


def rings_large_enough(reactant: MolecularGraph, after: MolecularGraph, minimum: int) -> bool:
    """No formed bond closes a ring smaller than the minimum."""
    if minimum <= 3:
        return True
    for i, j in after.bonds - reactant.bonds:
        reached, frontier = {i}, {i}
        for _ in range(minimum - 2):
            frontier = {
                n for atom in frontier for n in after.neighbors[atom] if {atom, n} != {i, j} and n not in reached
            }
            reached |= frontier
            if j in reached:
                return False
    return True
