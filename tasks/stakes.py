"""What to verify next: calculations whose result would change the answer before those whose result would not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from chem.errors import CalculationError
from chem.growth import GrowthSettings, Strategy
from chem.network import Step
from chem.priority import by_flux, by_pass
from tasks.plan import seed_species
from tasks.settings import ExploreSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """What the answer of a campaign is about.

    Attributes:
        seeds: Keys of its seeds.
        growth: How it grows; under `kinetic` the answer is the flux, else the lowest passes.
    """

    seeds: tuple[str, ...]
    growth: GrowthSettings

    def places(self, steps: Sequence[Step]) -> dict[str, float]:
        """Places in the queue by reaction key, from -1 for what matters most to 0 for what does not.

        They are ranks, so that campaigns with other answers may share a queue. Where the rate equations cannot be
        integrated, passes decide.

        Args:
            steps: The network; those with an error bar get places.
        """
        scores = by_pass(self.seeds, steps)
        if self.growth.strategy is Strategy.KINETIC:
            with suppress(CalculationError):
                scores = by_flux(self.seeds, steps, self.growth.conditions)
        matter = [key for key, score in scores.items() if score > 0.0]
        ranks = {key: rank / len(matter) - 1.0 for rank, key in enumerate(matter)}
        return {key: ranks.get(key, 0.0) for key in scores}


def stakes_of(settings: ExploreSettings) -> Stakes:
    """Of a campaign."""
    return Stakes(seeds=tuple(species.key for species in seed_species(settings)), growth=settings.growth)
