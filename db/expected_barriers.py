"""What barrier heads expect of stored transition states: which are still to be asked for, and what they said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.barrier_estimate import BarrierEstimate
from chem.outcomes import Status
from chem.units import KCAL_MOL_PER_EV, kcal_mol
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.shown import kcal_mol_or_none
from db.statements import insert_new, select_in
from db.tables import ExpectedBarrierRow, LevelRow, TransitionStateRow

WORTH_ASKING = (Status.PASSED, Status.COULD_NOT_CHECK, Status.ESTIMATED)  # a wrong saddle point has no barrier


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedBarrier:
    """What a head expects of a transition state, kcal/mol, in the direction of the stored reaction.

    Attributes:
        barrier_forward_kcal_mol: Above the reactants.
        barrier_reverse_kcal_mol: Above the products.
        error_bar_95_forward_kcal_mol: Half-width of the 95 % error bar; None where nothing was measured.
        error_bar_95_reverse_kcal_mol: The same of the reverse barrier.
        reference: What the barriers are of, in words.
        checkpoint_sha256: Hash of the weights.
        verdict: `estimated`.
    """

    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_forward_kcal_mol: float | None
    error_bar_95_reverse_kcal_mol: float | None
    reference: str
    checkpoint_sha256: str
    verdict: Status = Status.ESTIMATED


def states_to_ask_for(
    session: Session, *, level_key: str, checkpoint_sha256: str, campaign: str | None = None
) -> list[int]:
    """Row ids of transition states with both ends, filed under a reaction, that a head was not asked for yet.

    Args:
        session: Open session.
        level_key: Level of theory of the head.
        checkpoint_sha256: Its weights.
        campaign: Only of reactions that this campaign reached.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    row, asked = TransitionStateRow, ExpectedBarrierRow
    known = select(asked.transition_state_id).where(asked.checkpoint_hash == checkpoint_sha256)
    statement = (
        select(row.id)
        .join(LevelRow, LevelRow.id == row.level_id)
        .where(
            LevelRow.key == level_key,
            row.reaction_id.is_not(None),
            row.reactant_end_geometry_id.is_not(None),
            row.product_end_geometry_id.is_not(None),
            row.reactant_end_energy_ev.is_not(None),
            row.product_end_energy_ev.is_not(None),
            row.verdict.in_([status.value for status in WORTH_ASKING]),
            row.id.not_in(known),
        )
        .order_by(row.id)
    )
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        statement = statement.where(row.reaction_id.in_(members))
    return list(session.scalars(statement))


def record_expected(session: Session, estimates: Mapping[int, BarrierEstimate]) -> int:
    """Store what a head expects; what is there stays.

    Args:
        session: In a write transaction.
        estimates: By row id of the transition state.

    Returns:
        How many are new.
    """
    statement = select(TransitionStateRow.id, TransitionStateRow.level_id)
    levels = dict(select_in(session, statement, TransitionStateRow.id, estimates))
    rows = [
        {
            "transition_state_id": number,
            "level_id": levels[number],
            "checkpoint_hash": one.checkpoint_sha256,
            "reference": one.reference,
            "forward_ev": one.barrier_forward_kcal_mol / KCAL_MOL_PER_EV,
            "reverse_ev": one.barrier_reverse_kcal_mol / KCAL_MOL_PER_EV,
            "error_bar_95_forward_ev": _ev_or_none(one.error_bar_95_forward_kcal_mol),
            "error_bar_95_reverse_ev": _ev_or_none(one.error_bar_95_reverse_kcal_mol),
            "verdict": one.verdict.value,
        }
        for number, one in estimates.items()
    ]
    return len(insert_new(session, ExpectedBarrierRow, rows, unique=["transition_state_id", "checkpoint_hash"]))


def expected_barriers(session: Session, transition_state_ids: Iterable[int]) -> dict[int, ExpectedBarrier]:
    """What was expected last of transition states, by row id; those never asked for are left out."""
    row = ExpectedBarrierRow
    found = {}
    for (each,) in select_in(session, select(row).order_by(row.id), row.transition_state_id, transition_state_ids):
        found[each.transition_state_id] = ExpectedBarrier(
            barrier_forward_kcal_mol=kcal_mol(each.forward_ev),
            barrier_reverse_kcal_mol=kcal_mol(each.reverse_ev),
            error_bar_95_forward_kcal_mol=kcal_mol_or_none(each.error_bar_95_forward_ev),
            error_bar_95_reverse_kcal_mol=kcal_mol_or_none(each.error_bar_95_reverse_ev),
            reference=each.reference,
            checkpoint_sha256=each.checkpoint_hash,
            verdict=Status(each.verdict),
        )
    return found


def _ev_or_none(value_kcal_mol: float | None) -> float | None:
    return None if value_kcal_mol is None else value_kcal_mol / KCAL_MOL_PER_EV
