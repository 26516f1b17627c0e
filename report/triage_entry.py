"""What triage did in a campaign, and how right it was, for a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageEntry:
    """What triage did, and how right it was where it looked.

    Attributes:
        accepted: Reactions whose guessed transition state was believed.
        dispatched: Reactions sent to the search.
        rejected: Reactions given up because their expected barrier is hopeless.
        rejected_verified: Those of them that were searched all the same and proved.
        rejected_wrongly: Those of them whose barrier lies below the bound.
        audited: Believed ones that are verified all the same.
        audits_verified: Those where a verified transition state of the reaction was found.
        wrong_saddles: Those where that of another reaction was found.
        not_verified: Those where none was found.
        mean_error_kcal_mol: Mean absolute error of the estimated barrier over `audits_verified`; None without any.
        largest_error_kcal_mol: The largest; None likewise.
        standard_error_kcal_mol: Standard error of that mean; None with fewer than two.
        expected_error_kcal_mol: Mean of the errors that were expected of the same reactions; None where one of them had
            none.
        expected_of_accepted_kcal_mol: Expected errors of the believed reactions, where they had one.
        expected_of_dispatched_kcal_mol: Expected errors of the sent ones that had one; the others were sent before any
            was known.
    """

    accepted: int = 0
    dispatched: int = 0
    rejected: int = 0
    rejected_verified: int = 0
    rejected_wrongly: int = 0
    audited: int = 0
    audits_verified: int = 0
    wrong_saddles: int = 0
    not_verified: int = 0
    mean_error_kcal_mol: float | None = None
    largest_error_kcal_mol: float | None = None
    standard_error_kcal_mol: float | None = None
    expected_error_kcal_mol: float | None = None
    expected_of_accepted_kcal_mol: tuple[float, ...] = ()
    expected_of_dispatched_kcal_mol: tuple[float, ...] = ()

    @property
    def audits_finished(self) -> int:
        """Audits whose search ended."""
        return self.audits_verified + self.wrong_saddles + self.not_verified

    def share(self, count: int) -> float | None:
        """A count as a share of the reactions that triage saw; None where it saw none."""
        seen = self.accepted + self.dispatched + self.rejected
        return count / seen if seen else None
