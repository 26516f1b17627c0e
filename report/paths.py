"""Ways through the network of a report whose highest transition state is lowest.

A path leads from the species at hand to another; what a step takes must be at hand, or made on the way. Heights are
added end to end, so that the conformers of an intermediate count as one. Reactions of which a check failed are never on
a path. The page finds paths by the same rules (templates/passes.js), and a test compares them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chem.network import Pass, Step, lowest_passes
from chem.outcomes import Status
from report.content import ReactionEntry, State

TRUSTED = frozenset({State.PASSED, State.COULD_NOT_CHECK, State.ESTIMATED})
_SAME_KCAL_MOL = 1e-6  # what rounding may do to energies that were added up
_WORST_FIRST = (Status.ESTIMATED, Status.COULD_NOT_CHECK, Status.PASSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One reaction on a path.

    Attributes:
        reaction: The reaction.
        is_reverse: Whether it is taken from its products to its reactants.
        start_kcal_mol: Energy before it, above the species at hand: of what was hardest to reach of what it takes.
    """

    reaction: ReactionEntry
    is_reverse: bool
    start_kcal_mol: float

    @property
    def taken(self) -> tuple[str, ...]:
        """Species that it starts from."""
        return self.reaction.products if self.is_reverse else self.reaction.reactants

    @property
    def made(self) -> tuple[str, ...]:
        """Species that it ends in."""
        return self.reaction.reactants if self.is_reverse else self.reaction.products

    @property
    def end_kcal_mol(self) -> float:
        """Energy after it, above the species at hand."""
        return self.start_kcal_mol + self.barrier_kcal_mol - self.barrier_back_kcal_mol

    @property
    def barrier_kcal_mol(self) -> float:
        """Height of its transition state above what it starts from."""
        return _heights(self.reaction)[self.is_reverse]

    @property
    def barrier_back_kcal_mol(self) -> float:
        """The same above what it ends in."""
        return _heights(self.reaction)[not self.is_reverse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The easiest known way to a species.

    Attributes:
        steps: In the order of the way.
        height_kcal_mol: Highest transition state above the species at hand.
    """

    steps: tuple[PathStep, ...]
    height_kcal_mol: float

    @property
    def verdict(self) -> Status | None:
        """The weakest verdict on the way; None without a step."""
        found = {step.reaction.verdict for step in self.steps}
        return next((verdict for verdict in _WORST_FIRST if verdict in found), None)

    @property
    def level(self) -> str:
        """Keys of the levels of theory on the way."""
        return ", ".join(dict.fromkeys(step.reaction.level for step in self.steps))


def usable(
    reactions: Iterable[ReactionEntry],
    *,
    states: Collection[State] = TRUSTED,
    highest_barrier_kcal_mol: float | None = None,
) -> list[ReactionEntry]:
    """Reactions that a path may take: both barriers known, in one of the states, and none of whose checks failed.

    Args:
        reactions: To choose from.
        states: How far their barriers have to be checked.
        highest_barrier_kcal_mol: Of the forward barrier; None for any.
    """
    highest = math.inf if highest_barrier_kcal_mol is None else highest_barrier_kcal_mol
    allowed = TRUSTED & set(states)

    def is_usable(reaction: ReactionEntry) -> bool:
        forward, reverse = reaction.barrier_forward_kcal_mol, reaction.barrier_reverse_kcal_mol
        if reaction.state not in allowed or forward is None or reverse is None:
            return False
        return math.isfinite(forward) and math.isfinite(reverse) and forward <= highest

    return [reaction for reaction in reactions if is_usable(reaction)]


def steps_of(reactions: Iterable[ReactionEntry]) -> list[Step]:
    """Usable reactions as steps of `chem.network`."""
    return [
        Step(
            key=reaction.key,
            reactants=reaction.reactants,
            products=reaction.products,
            barrier_forward_kcal_mol=_heights(reaction)[0],
            barrier_reverse_kcal_mol=_heights(reaction)[1],
        )
        for reaction in reactions
    ]


def easiest_path(starts: Iterable[str], end: str, reactions: Sequence[ReactionEntry]) -> Path | None:
    """The path from some species to another; None where no usable reactions lead there.

    Args:
        starts: Keys of the species at hand.
        end: Key of the species to reach.
        reactions: Usable ones.
    """
    passes = passes_from(starts, reactions)
    return path_to(end, passes, reactions) if end in passes else None


def passes_from(starts: Iterable[str], reactions: Iterable[ReactionEntry]) -> dict[str, Pass]:
    """The easiest way to each species that some species turn into by usable reactions, the lowest first."""
    found = lowest_passes(starts, steps_of(reactions))
    return dict(sorted(found.items(), key=lambda each: (each[1].height_kcal_mol, each[1].level_kcal_mol, each[0])))


def path_to(end: str, passes: Mapping[str, Pass], reactions: Iterable[ReactionEntry]) -> Path:
    """The steps of the easiest way to a species, in their order.

    The easiest way to each partner may be another than the one at hand: what an earlier step of the path makes on the
    side, no higher than the step that takes it starts, is not made once more.

    Args:
        end: Key of a species that is reached.
        passes: From `passes_from`.
        reactions: Those that it took.
    """
    by_key = {reaction.key: reaction for reaction in reactions}
    steps: dict[str, PathStep] = {}
    waiting = [(end, False)]
    while waiting:
        species, is_ready = waiting.pop()
        key = passes[species].step_key
        if not key or key in steps:
            continue
        is_reverse = species not in by_key[key].products
        before = by_key[key].products if is_reverse else by_key[key].reactants
        if is_ready:
            start = max(passes[each].level_kcal_mol for each in before)
            steps[key] = PathStep(reaction=by_key[key], is_reverse=is_reverse, start_kcal_mol=start)
            continue
        waiting.append((species, True))
        waiting += [(each, False) for each in reversed(before)]
    at_hand = {species for species, found in passes.items() if not found.step_key}
    return Path(steps=_without_detours(list(steps.values()), at_hand, end), height_kcal_mol=passes[end].height_kcal_mol)


def _without_detours(steps: list[PathStep], at_hand: set[str], end: str) -> tuple[PathStep, ...]:
    """The steps that are left without those for what others make on the side, tried from the last to the first."""
    kept = dict(enumerate(steps))
    made = Counter(species for step in steps for species in set(step.made))
    needed = Counter(species for step in steps for species in set(step.taken)) + Counter([end])
    for place in reversed(range(len(steps))):
        step = steps[place]
        if any(needed[each] and made[each] < 2 and each not in at_hand for each in set(step.made)):
            continue
        without = [each for other, each in kept.items() if other != place]
        if _adds_up(without, at_hand, end):
            del kept[place]
            made.subtract(set(step.made))
            needed.subtract(set(step.taken))
    return tuple(kept.values())


def _adds_up(steps: Iterable[PathStep], at_hand: Iterable[str], end: str) -> bool:
    """Whether each step finds what it takes, no higher than it starts, and the end is reached."""
    levels = dict.fromkeys(at_hand, 0.0)
    for step in steps:
        highest = max(levels.get(species, math.inf) for species in step.taken)
        if highest > step.start_kcal_mol + _SAME_KCAL_MOL:
            return False
        for species in step.made:
            levels[species] = min(levels.get(species, math.inf), step.end_kcal_mol)
    return end in levels


def _heights(reaction: ReactionEntry) -> tuple[float, float]:
    forward, reverse = reaction.barrier_forward_kcal_mol, reaction.barrier_reverse_kcal_mol
    if forward is None or reverse is None:
        raise ValueError(f"reaction {reaction.key} has not both barriers")
    return forward, reverse
