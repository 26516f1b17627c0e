"""Which candidates a saddle search begins from.

What a force field made of a candidate comes first, then what the generator recommends, what differs from it, and a
plain guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from chem.alignment import rmsd
from chem.generator import EndPoints
from chem.guess import ClassicalGenerator
from chem.types import TSCandidate

REFINED = "potential"  # generator of candidates that a force field walked to a saddle point of its own
DISTINCT_ANGSTROM = 0.1  # starts nearer than this mostly end in one saddle
MOST_OTHERS = 3


def search_starts(candidates: Sequence[TSCandidate], ends: EndPoints) -> list[TSCandidate]:
    """The first candidate, up to three that differ from those before them, and the first classical guess.

    Refined candidates go before the others, in their order. The classical guess is left out where a candidate lies as
    near to it.

    Args:
        candidates: Best first; may be empty.
        ends: The most promising end points of the reaction, for the classical guess.

    Returns:
        Starts in the order in which to try them, each over 0.1 Angstrom (strict RMSD) from all before it.
    """
    chosen: list[TSCandidate] = []
    for candidate in sorted(candidates, key=lambda each: each.generator != REFINED):
        if len(chosen) > MOST_OTHERS:
            break
        if _differs(candidate, chosen):
            chosen.append(candidate)
    (classical,) = ClassicalGenerator(n_candidates=1).generate([ends])[0]
    return [*chosen, classical] if _differs(classical, chosen) else chosen


def _differs(candidate: TSCandidate, others: Sequence[TSCandidate]) -> bool:
    positions = candidate.geometry.positions
    return all(rmsd(positions, other.geometry.positions) > DISTINCT_ANGSTROM for other in others)
