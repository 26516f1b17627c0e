"""Reactions that were drawn instead of enumerated: which of them are sound, and why the others are not.

A proposal is a geometry of a reactant, of a transition state and of a product in one atom order, which is the atom map.
Its product is perceived, held against the valence rules of the enumeration and against bounds on the bonds that change,
and becomes a reaction with the same key that enumeration would give it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chem.allowed_changes import PairsMoved, has_allowed_electrons, pairs_moved
from chem.clashes import closest_ratio
from chem.enumeration import EnumerationRules, check_elements, is_exchange, rings_large_enough, with_bonds
from chem.errors import CalculationError
from chem.graph import MolecularGraph
from chem.identity import make_reaction
from chem.perception import perceive_graph
from chem.types import Geometry, Pair, Reaction

CLASH_RATIO = 0.6  # two atoms clash under this multiple of the sum of their covalent radii
PLAUSIBLE = EnumerationRules(break_bonds=4, form_bonds=4)  # elementary steps that break or form more are rare


class Reason(StrEnum):
    """Why a proposal was thrown away; the first that holds, in this order."""

    UNBALANCED = "unbalanced"
    CLASH = "clash"
    REACTANT = "reactant"
    UNCHANGED = "unchanged"
    LEWIS = "lewis"
    ELECTRONS = "electrons"
    BROKEN = "broken"
    FORMED = "formed"
    RING = "ring"
    EXCHANGE = "exchange"


MEANING = {
    Reason.UNBALANCED: "the sides hold other atoms, charge or multiplicity",
    Reason.CLASH: "two atoms of the product lie in each other",
    Reason.REACTANT: "what was drawn as reactant is none by the valence rules",
    Reason.UNCHANGED: "no bond changes",
    Reason.LEWIS: "the product has no Lewis structure",
    Reason.ELECTRONS: "the product has charges, radicals or carbenes that the rules do not allow",
    Reason.BROKEN: "more bonds are broken than the rules allow",
    Reason.FORMED: "more bonds are formed than the rules allow",
    Reason.RING: "a ring is closed that is smaller than the rules allow",
    Reason.EXCHANGE: "like atoms change places and nothing else happens",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """One draw.

    Attributes:
        reactant: Reactant side.
        ts: Transition state, the same atoms in the same order.
        product: Product side, likewise; each object in a frame of its own.
        seed: Of its noise.
        sample: Its number among the draws.
    """

    reactant: Geometry
    ts: Geometry
    product: Geometry
    seed: int
    sample: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProposedReaction:
    """A sound reaction with the draws that gave it.

    Attributes:
        reaction: Identity, and atom map in canonical order.
        moved: Electron-pair bonds broken and formed.
        draws: At least one, in the order in which they were drawn, atoms in their own order.
    """

    reaction: Reaction
    moved: PairsMoved
    draws: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThrownAway:
    """A proposal that is no reaction, and why."""

    proposal: Proposal
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sieved:
    """What came of some proposals.

    Attributes:
        reactions: One for each key, the most often drawn first.
        thrown_away: All the other proposals, in the order in which they were drawn.
    """

    reactions: tuple[ProposedReaction, ...]
    thrown_away: tuple[ThrownAway, ...]

    @property
    def n_sound(self) -> int:
        """Proposals that are reactions."""
        return sum(len(each.draws) for each in self.reactions)

    @property
    def reasons(self) -> dict[Reason, int]:
        """How many proposals were thrown away for each reason, those that occur, in the order of the checks."""
        counts = Counter(each.reason for each in self.thrown_away)
        return {reason: counts[reason] for reason in Reason if counts[reason]}


def judged(
    reactant: MolecularGraph, bonds: frozenset[Pair], rules: EnumerationRules = PLAUSIBLE
) -> tuple[Reaction, PairsMoved] | Reason:
    """The reaction that leads from a reactant to other bonds of its atoms, or why it is none.

    Args:
        reactant: One molecule, or several as one graph.
        bonds: Those of the product, in the same atom order. A stereo element is kept where no bond of its atoms
            changes, and is unspecified where one does, as in the enumeration.
        rules: What may happen.

    Raises:
        ElementError: An element has no valence rule.
    """
    check_elements(reactant)
    if bonds == reactant.bonds:
        return Reason.UNCHANGED
    product = with_bonds(reactant, bonds)
    try:
        moved = pairs_moved(reactant, product, rules.valence_rules)
    except CalculationError:
        return Reason.LEWIS
    if moved is None:
        return Reason.ELECTRONS
    if moved.broken > rules.break_bonds:
        return Reason.BROKEN
    if moved.formed > rules.form_bonds:
        return Reason.FORMED
    if not rings_large_enough(reactant, product, rules.minimum_ring_size):
        return Reason.RING
    try:
        reaction = make_reaction(reactant, product)
    except CalculationError:  # a molecule of the product for itself
        return Reason.LEWIS
    if is_exchange(reaction) and not rules.degenerate:
        return Reason.EXCHANGE
    return reaction, moved


def sieve(
    proposals: Sequence[Proposal], rules: EnumerationRules = PLAUSIBLE, reactant: MolecularGraph | None = None
) -> Sieved:
    """Sort proposals into reactions and what is none.

    Args:
        proposals: Drawn, any number.
        rules: What may happen; its counts of bonds are the plausible bounds.
        reactant: Graph of the reactant that was given, in the atom order of the proposals; None where the reactant was
            drawn as well and is perceived.

    Raises:
        ElementError: An element has no valence rule.
    """
    known: dict[tuple[frozenset[Pair], frozenset[Pair]], tuple[Reaction, PairsMoved] | Reason] = {}
    found: dict[str, tuple[Reaction, PairsMoved, list[Proposal]]] = {}
    thrown_away = []
    for proposal in proposals:
        outcome: tuple[Reaction, PairsMoved] | Reason | None = _first_look(proposal)
        if outcome is None:
            before = perceive_graph(proposal.reactant) if reactant is None else reactant
            after = perceive_graph(proposal.product).bonds
            if (before.bonds, after) not in known:  # most products are drawn many times
                sound = reactant is not None or _is_sound(before, rules)
                known[before.bonds, after] = judged(before, after, rules) if sound else Reason.REACTANT
            outcome = known[before.bonds, after]
        if isinstance(outcome, Reason):
            thrown_away.append(ThrownAway(proposal=proposal, reason=outcome))
            continue
        reaction, moved = outcome
        found.setdefault(reaction.key, (reaction, moved, []))[2].append(proposal)
    reactions = [
        ProposedReaction(reaction=reaction, moved=moved, draws=tuple(draws))
        for _, (reaction, moved, draws) in sorted(found.items(), key=lambda each: (-len(each[1][2]), each[0]))
    ]
    return Sieved(reactions=tuple(reactions), thrown_away=tuple(thrown_away))


def _first_look(proposal: Proposal) -> Reason | None:
    """What is wrong before any bond is perceived."""
    before, after = proposal.reactant, proposal.product
    same = (before.numbers.tolist(), before.charge, before.multiplicity)
    if same != (after.numbers.tolist(), after.charge, after.multiplicity):
        return Reason.UNBALANCED
    return Reason.CLASH if closest_ratio(after) < CLASH_RATIO else None


def _is_sound(graph: MolecularGraph, rules: EnumerationRules) -> bool:
    check_elements(graph)
    try:
        return has_allowed_electrons(graph, rules.valence_rules)
    except CalculationError:
        return False
