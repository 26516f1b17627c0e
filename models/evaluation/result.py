"""Everything that an evaluation finds, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.evaluation.barrier_summary import BarrierSummary
from models.evaluation.confidence_summary import ConfidenceSummary, summarise_confidence
from models.evaluation.geometry_summary import GeometrySummary, by_product_fragments, by_size, summarise
from models.evaluation.structures import JudgedReaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under which conditions an evaluation ran.

    Attributes:
        data: File of the reactions.
        split: Which of them.
        limit: How many were drawn at random; None for all.
        n_unsupported: Reactions left out, with elements that the generator does not know.
        samples: Samples of each reaction.
        checkpoint: SHA-256 of the generator's weights.
        network_evaluations: Network evaluations of each sample.
        start_noise_angstrom: Standard deviation of the noise on the start of stochastic samples.
        seed: Seed of the noise and of the draw.
        device: Where the network ran.
    """

    data: str
    split: str
    limit: int | None
    n_unsupported: int
    samples: int
    checkpoint: str
    network_evaluations: int
    start_noise_angstrom: float
    seed: int
    device: str

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes:
        conditions: Under which conditions.
        geometry: Errors of the geometries.
        by_product_fragments: The same by number of molecules of the product side.
        by_size: The same by number of atoms.
        swapped: The same for reactions whose product side has two or more molecules, run in reverse.
        confidence: None where nothing ranks the samples.
        barriers: None where no energies were calculated.
        seconds_per_ts: Wall time for one sample, in batches of 64.
    """

    conditions: Conditions
    geometry: GeometrySummary
    by_product_fragments: Mapping[str, GeometrySummary]
    by_size: Mapping[str, GeometrySummary]
    swapped: GeometrySummary
    confidence: ConfidenceSummary | None
    barriers: BarrierSummary | None
    seconds_per_ts: float

    def plain(self) -> dict[str, Any]:
        """As JSON values, units in the names; null where something was not made or not asked for."""
        confidence = dict.fromkeys(("auroc", "spearman", "calibration_error", "share_right", "calibration_bins"))
        return {
            **self.conditions.plain(),
            "seconds_per_ts": self.seconds_per_ts,
            **self.geometry.plain(),
            **(confidence if self.confidence is None else self.confidence.plain()),
            "barrier_error_kcal_mol": None if self.barriers is None else self.barriers.plain(),
            "by_product_fragments": {name: each.plain() for name, each in self.by_product_fragments.items()},
            "by_size": {name: each.plain() for name, each in self.by_size.items()},
            "swapped_multi_fragment": self.swapped.plain(),
        }


def evaluation(
    conditions: Conditions,
    reactions: Sequence[JudgedReaction],
    swapped: Sequence[JudgedReaction],
    barriers: BarrierSummary | None,
    seconds_per_ts: float,
) -> Evaluation:
    """Put the parts together.

    Args:
        conditions: Under which conditions.
        reactions: As judged.
        swapped: Those with two or more molecules of the product side, in reverse, as judged.
        barriers: None where no energies were calculated.
        seconds_per_ts: From `models.evaluation.generation.seconds_per_ts`.
    """
    return Evaluation(
        conditions=conditions,
        geometry=summarise(reactions),
        by_product_fragments=by_product_fragments(reactions),
        by_size=by_size(reactions),
        swapped=summarise(swapped),
        confidence=summarise_confidence(reactions),
        barriers=barriers,
        seconds_per_ts=seconds_per_ts,
    )
