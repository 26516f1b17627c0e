"""What a trained network expects a barrier to be, with its own error bar: an estimate, of which nothing is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chem.outcomes import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class PointEnergies:
    """Energies of one candidate and of the ends that it lies between, eV, all at one level."""

    reactant_ev: float
    product_ev: float
    candidate_ev: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierEstimate:
    """Expected barriers of a reaction over one candidate.

    Attributes:
        barrier_forward_kcal_mol: Above the reactant, at the reference.
        barrier_reverse_kcal_mol: Above the product.
        error_bar_95_forward_kcal_mol: Half-width of the 95 % error bar of the forward barrier; None where nothing was
            calibrated for reactants of so many molecules.
        error_bar_95_reverse_kcal_mol: Of the reverse barrier; None where the reverse reaction's would be.
        height_forward_kcal_mol: Height of the candidate above the reactant as the energies say.
        height_reverse_kcal_mol: Above the product.
        reference: What the barriers are of, in words, such as `CCSD(T)-F12 with zero-point energy`.
        level: Key of the level of the energies.
        checkpoint_sha256: Hash of the network's weights.
        verdict: Always `estimated`.
    """

    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_forward_kcal_mol: float | None
    error_bar_95_reverse_kcal_mol: float | None
    height_forward_kcal_mol: float
    height_reverse_kcal_mol: float
    reference: str
    level: str
    checkpoint_sha256: str
    verdict: Status = Status.ESTIMATED

    @property
    def least_barrier_kcal_mol(self) -> float:
        """Lower end of the error bar of the forward barrier; minus infinity where there is none."""
        half_width = self.error_bar_95_forward_kcal_mol
        return -math.inf if half_width is None else self.barrier_forward_kcal_mol - half_width

    def describe(self) -> str:
        """The forward barrier with its error bar in words, for the record."""
        half_width = self.error_bar_95_forward_kcal_mol
        bar = "without an error bar" if half_width is None else f"within {half_width:.1f} (95 %)"
        return (
            f"the barrier head expects {self.barrier_forward_kcal_mol:.1f} kcal/mol {bar} at {self.reference},"
            f" corrected from {self.level}, {self.verdict.value}"
        )
