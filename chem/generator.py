"""The one interface behind which transition states are guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chem.clashes import check_distances
from chem.errors import UnbalancedReactionError
from chem.types import Geometry, TSCandidate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndPoints:
    """Reactant and product of one reaction in 3D, in one atom order.

    Attributes:
        reactant: Relaxed reactant side.
        product: Relaxed product side, placed near the reactant.
        reaction_key: Identity of the reaction; empty when a bare pair of geometries was given.
    """

    reactant: Geometry
    product: Geometry
    reaction_key: str = ""

    def __post_init__(self) -> None:
        """Both sides hold the same atoms in the same order, charge and multiplicity, none on top of another."""
        first, second = self.reactant, self.product
        check_distances(first, "the reactant")
        check_distances(second, "the product")
        if first.symbols != second.symbols:
            raise UnbalancedReactionError(
                f"reactant {first.formula} and product {second.formula} must list the same atoms in the same order;"
                f" got {' '.join(first.symbols)} and {' '.join(second.symbols)}"
            )
        if (first.charge, first.multiplicity) != (second.charge, second.multiplicity):
            raise UnbalancedReactionError(
                f"reactant has charge {first.charge} and multiplicity {first.multiplicity},"
                f" product {second.charge} and {second.multiplicity}; give both the same"
            )


class Generator(Protocol):
    """Anything that guesses transition states, classical or learned."""

    name: str

    def generate(self, reactions: Sequence[EndPoints]) -> list[list[TSCandidate]]:
        """Candidates of each reaction, best first; one list for each input, in order."""
        ...
