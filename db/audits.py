"""Writes and reads of triage after it decided: what estimates, searches and audits ended in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session

from chem.audit import AuditOutcome
from chem.outcomes import Failure, Outcome, Status
from chem.units import KCAL_MOL_PER_EV, kcal_mol
from db.base import utc_now
from db.campaign_tables import AuditRow
from db.campaigns import campaign_id
from db.convert import settings_hash, to_failure
from db.statements import batches, insert_new, select_in
from db.store import stored_ids
from db.tables import (
    AttemptRow,
    BarrierRow,
    CalculationKind,
    CalculationRow,
    CalculationState,
    ReactionRow,
    TransitionStateRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """An accepted reaction that is verified all the same.

    Attributes:
        reaction_key: Which reaction.
        confidence: What the generator said of it.
        estimated_forward_ev: Its barrier before verification, eV.
        outcome: What verification showed; None until the search ends.
        verified_forward_ev: Its barrier after verification, eV; None where there is none.
    """

    reaction_key: str
    confidence: float | None = None
    estimated_forward_ev: float | None = None
    outcome: AuditOutcome | None = None
    verified_forward_ev: float | None = None

    @property
    def error_kcal_mol(self) -> float | None:
        """Absolute error of the estimate, kcal/mol, where both barriers are known."""
        if self.estimated_forward_ev is None or self.verified_forward_ev is None:
            return None
        return abs(kcal_mol(self.estimated_forward_ev - self.verified_forward_ev))


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedBarrier:
    """What a search or an estimate of a reaction ended in.

    Attributes:
        outcome: As stored: `intended`, `unintended` or `failed` of a search, `estimated` or `failed` of an estimate.
        forward_ev: Barrier of the reaction itself in the stored direction, eV; None where it gave none.
        reverse_ev: The same in the other direction.
        transition_state_id: Row of its transition state, of an estimate; None where there is none.
        failure: Why it failed, where it did.
    """

    outcome: str
    forward_ev: float | None = None
    reverse_ev: float | None = None
    transition_state_id: int | None = None
    failure: Failure | None = None


def add_audits(session: Session, campaign: str, audits: Iterable[Audit], *, rounds: Mapping[str, int]) -> int:
    """Note which accepted reactions are verified all the same.

    Args:
        session: In a write transaction.
        campaign: Its name.
        audits: With what is known before verification.
        rounds: Round of each reaction, by key.

    Returns:
        How many were new.

    Raises:
        ValueError: A reaction is not stored.
    """
    entries = list(audits)
    number, ids = campaign_id(session, campaign), stored_ids(session, [entry.reaction_key for entry in entries])
    rows = [
        {
            "campaign_id": number,
            "reaction_id": ids[entry.reaction_key],
            "round": rounds[entry.reaction_key],
            "confidence": entry.confidence,
            "estimated_forward_ev": entry.estimated_forward_ev,
        }
        for entry in entries
    ]
    return len(insert_new(session, AuditRow, rows, unique=["campaign_id", "reaction_id"]))


def finish_audit(
    session: Session,
    campaign: str,
    reaction_key: str,
    *,
    outcome: AuditOutcome,
    verified_forward_ev: float | None = None,
) -> None:
    """Store what the verification of an audited reaction showed.

    Args:
        session: In a write transaction.
        campaign: Its name.
        reaction_key: Which reaction.
        outcome: What it showed.
        verified_forward_ev: The verified barrier, eV; given where the outcome is `verified`, and only there.

    Raises:
        ValueError: The reaction is not stored or not audited, or outcome and barrier do not go together.
    """
    if (outcome is AuditOutcome.VERIFIED) != (verified_forward_ev is not None):
        raise ValueError(f"audit of {reaction_key}: outcome {outcome} with the barrier {verified_forward_ev} eV")
    reaction_id = stored_ids(session, [reaction_key])[reaction_key]
    row = session.scalar(
        select(AuditRow).where(
            AuditRow.campaign_id == campaign_id(session, campaign), AuditRow.reaction_id == reaction_id
        )
    )
    if row is None:
        raise ValueError(f"reaction {reaction_key} is not audited in campaign {campaign!r}; call add_audits first")
    row.outcome = outcome.value
    row.verified_forward_ev = verified_forward_ev
    row.verified_at = utc_now()


def load_audits(session: Session, campaign: str) -> dict[str, Audit]:
    """All audits of a campaign by reaction key.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    statement = (
        select(ReactionRow.key, AuditRow)
        .join(AuditRow, AuditRow.reaction_id == ReactionRow.id)
        .where(AuditRow.campaign_id == campaign_id(session, campaign))
        .order_by(ReactionRow.key)
    )
    return {
        key: Audit(
            reaction_key=key,
            confidence=row.confidence,
            estimated_forward_ev=row.estimated_forward_ev,
            outcome=None if row.outcome is None else AuditOutcome(row.outcome),
            verified_forward_ev=row.verified_forward_ev,
        )
        for key, row in session.execute(statement)
    }


def finished_estimates(
    session: Session, reaction_keys: Iterable[str], level_key: str, settings: Mapping[str, Any]
) -> dict[str, FinishedBarrier]:
    """Estimates that ended, by reaction key, whichever campaign asked for them; arguments as in `db.work.claim`.

    Those that infrastructure ended are among them, with that as their failure.
    """
    ended = (CalculationState.DONE, CalculationState.FAILED)
    statement = (
        _finished(CalculationKind.ESTIMATE, level_key, settings, ended)
        .add_columns(BarrierRow.forward_ev, BarrierRow.reverse_ev, BarrierRow.transition_state_id)
        .outerjoin(TransitionStateRow, TransitionStateRow.calculation_id == CalculationRow.id)
        .outerjoin(BarrierRow, BarrierRow.transition_state_id == TransitionStateRow.id)
    )
    return {
        row.subject_key: FinishedBarrier(
            outcome=row.outcome or "",
            forward_ev=forward,
            reverse_ev=reverse,
            transition_state_id=state,
            failure=to_failure(row),
        )
        for row, forward, reverse, state in select_in(session, statement, CalculationRow.subject_key, reaction_keys)
    }


def record_expected_errors(session: Session, errors_kcal_mol: Mapping[int, float]) -> None:
    """Store how far the barriers of estimates may be off.

    Args:
        session: In a write transaction.
        errors_kcal_mol: Expected absolute errors by row of the transition state, kcal/mol.
    """
    for batch in batches(sorted(errors_kcal_mol.items())):
        rows = [{"state": state, "error_ev": error / KCAL_MOL_PER_EV} for state, error in batch]
        session.connection().execute(
            update(BarrierRow).where(BarrierRow.transition_state_id == bindparam("state")), rows
        )


def finished_searches(
    session: Session, reaction_keys: Iterable[str], level_key: str, settings: Mapping[str, Any]
) -> dict[str, FinishedBarrier]:
    """Searches that are done, by reaction key, with the barrier that passed every check; arguments as above."""
    statement = (
        _finished(CalculationKind.SEARCH, level_key, settings, (CalculationState.DONE,))
        .add_columns(BarrierRow.forward_ev)
        .outerjoin(
            AttemptRow,
            (AttemptRow.calculation_id == CalculationRow.id) & (AttemptRow.outcome == Outcome.INTENDED.value),
        )
        .outerjoin(
            BarrierRow,
            (BarrierRow.transition_state_id == AttemptRow.transition_state_id)
            & (BarrierRow.verdict == Status.PASSED.value),
        )
    )
    return {
        row.subject_key: FinishedBarrier(outcome=row.outcome or "", forward_ev=forward, failure=to_failure(row))
        for row, forward in select_in(session, statement, CalculationRow.subject_key, reaction_keys)
    }


def _finished(
    kind: CalculationKind, level_key: str, settings: Mapping[str, Any], states: Iterable[CalculationState]
) -> Select[tuple[CalculationRow]]:
    return select(CalculationRow).where(
        CalculationRow.kind == kind.value,
        CalculationRow.level_key == level_key,
        CalculationRow.settings_hash == settings_hash(settings),
        CalculationRow.state.in_([state.value for state in states]),
    )
