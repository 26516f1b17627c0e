"""How many electron-pair bonds lie between two connectivities, where valence rules allow the step at all.

Enumeration makes the changes that rules allow; here a change that came from elsewhere is held against the same rules.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from chem.bond_changes import ValenceRules, electrons_allowed
from chem.graph import MolecularGraph
from chem.lewis import LewisStructure, resonance_structures


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsMoved:
    """A change of Lewis structure.

    Attributes:
        broken: Electron-pair bonds broken; one of a double bond counts one.
        formed: Electron-pair bonds formed.
    """

    broken: int
    formed: int


def pairs_moved(reactant: MolecularGraph, product: MolecularGraph, rules: ValenceRules) -> PairsMoved | None:
    """The smallest change between resonance forms of both sides that leaves electrons as the rules allow.

    Only the best Lewis structures are looked at. Where charges move, enumeration may reach the same product with fewer
    bonds through a form that is not the best.

    Args:
        reactant: Before.
        product: After, the same atoms in the same order.
        rules: Allowed electron counts; atoms that nothing happened to keep theirs.

    Returns:
        None where no form of the product is allowed.

    Raises:
        CalculationError: A side has no Lewis structure at all (kind `lewis`).
    """
    allowed = []
    afters = resonance_structures(product)
    for before in resonance_structures(reactant):
        for after in afters:
            differences = _differences(before, after)
            if electrons_allowed(
                reactant,
                before,
                Counter(dict(after.orders)),
                _valences(product, after),
                _touched(reactant, before, differences),
                rules,
            ):
                broken = -sum(change for change in differences.values() if change < 0)
                formed = sum(change for change in differences.values() if change > 0)
                allowed.append((broken + formed, broken, formed))
    if not allowed:
        return None
    _, broken, formed = min(allowed)
    return PairsMoved(broken=broken, formed=formed)


def has_allowed_electrons(graph: MolecularGraph, rules: ValenceRules) -> bool:
    """Whether rules allow a system as it is, with nothing known of where it comes from.

    Raises:
        CalculationError: It has no Lewis structure at all (kind `lewis`).
    """
    everything = set(range(graph.n_atoms))
    return any(
        electrons_allowed(graph, form, Counter(dict(form.orders)), _valences(graph, form), everything, rules)
        for form in resonance_structures(graph)
    )


def _differences(before: LewisStructure, after: LewisStructure) -> dict[tuple[int, int], int]:
    """Bond orders after minus before, of the pairs where they differ."""
    changes = Counter(dict(after.orders))
    changes.subtract(dict(before.orders))
    return {pair: change for pair, change in changes.items() if change}


def _touched(reactant: MolecularGraph, before: LewisStructure, differences: dict[tuple[int, int], int]) -> set[int]:
    """Atoms whose bonds change, and charges whose counter-charge is one of them."""
    touched = {atom for pair in differences for atom in pair}
    return touched | {
        other for atom in touched if before.charges[atom] for other in reactant.neighbors[atom] if before.charges[other]
    }


def _valences(graph: MolecularGraph, form: LewisStructure) -> list[int]:
    valence = [0] * graph.n_atoms
    for (i, j), order in form.orders:
        valence[i] += order
        valence[j] += order
    return valence
