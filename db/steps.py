"""The network of a campaign as steps between species, with the heights that are proved or believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from chem.audit import AuditOutcome
from chem.network import Step
from chem.outcomes import Action, Status
from chem.units import kcal_mol
from db.campaign_tables import AuditRow, ReactionMembershipRow
from db.campaigns import campaign_id
from db.convert import settings_hash
from db.statements import select_in
from db.tables import (
    BarrierRow,
    CalculationKind,
    CalculationRow,
    CalculationState,
    ReactionRow,
    ReactionSpeciesRow,
    Side,
    SpeciesRow,
    TransitionStateRow,
)
from db.views import transition_state_ranking

_REFUTED = (AuditOutcome.WRONG_SADDLE.value, AuditOutcome.NOT_VERIFIED.value)


def known_steps(
    session: Session, campaign: str, *, level_key: str, estimate_settings: Mapping[str, Any], up_to_round: int
) -> list[Step]:
    """Reactions of a campaign with a height: proved, or else estimated, believed by its triage and not refuted since.

    Args:
        session: To read with.
        campaign: Its name.
        level_key: Level of theory of the heights.
        estimate_settings: Settings of its estimates.
        up_to_round: Only reactions that it reached up to this round.

    Returns:
        By key of the reaction.

    Raises:
        ConfigurationError: There is no such campaign.
    """
    number = campaign_id(session, campaign)
    member = and_(ReactionMembershipRow.campaign_id == number, ReactionMembershipRow.round <= up_to_round)
    heights: dict[str, tuple[float, float, None]] = {}
    for statement in (_believed(level_key, estimate_settings), _proved(level_key)):  # the latter wins
        for key, forward, reverse in session.execute(statement.where(member)):
            heights[key] = (forward, reverse, None)
    return steps_of(session, heights)


def steps_of(session: Session, heights_ev: Mapping[str, tuple[float, float, float | None]]) -> list[Step]:
    """Stored reactions as steps, by key.

    Args:
        session: To read with.
        heights_ev: By reaction key both heights, eV, and the half-width of their error bar, kcal/mol; None for none.
    """
    sides = species_by_side(session, heights_ev)
    return [
        Step(
            key=key,
            reactants=tuple(sorted(sides[key][Side.REACTANT])),
            products=tuple(sorted(sides[key][Side.PRODUCT])),
            barrier_forward_kcal_mol=kcal_mol(forward),
            barrier_reverse_kcal_mol=kcal_mol(reverse),
            error_bar_95_kcal_mol=error_bar,
        )
        for key, (forward, reverse, error_bar) in sorted(heights_ev.items())
    ]


def _proved(level_key: str) -> Select[Any]:
    shown = transition_state_ranking
    return (
        select(ReactionRow.key, shown.c.forward_ev, shown.c.reverse_ev)
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
        .join(shown, shown.c.reaction_id == ReactionRow.id)
        .where(
            shown.c.place_at_level == 1,
            shown.c.level_key == level_key,
            shown.c.verdict == Status.PASSED.value,
            shown.c.forward_ev.is_not(None),
        )
    )


def _believed(level_key: str, settings: Mapping[str, Any]) -> Select[Any]:
    return (
        select(ReactionRow.key, BarrierRow.forward_ev, BarrierRow.reverse_ev)
        .join(ReactionMembershipRow, ReactionMembershipRow.reaction_id == ReactionRow.id)
        .join(CalculationRow, CalculationRow.reaction_id == ReactionRow.id)
        .join(TransitionStateRow, TransitionStateRow.calculation_id == CalculationRow.id)
        .join(BarrierRow, BarrierRow.transition_state_id == TransitionStateRow.id)
        .outerjoin(
            AuditRow,
            and_(
                AuditRow.reaction_id == ReactionRow.id,
                AuditRow.campaign_id == ReactionMembershipRow.campaign_id,
            ),
        )
        .where(
            ReactionMembershipRow.action == Action.ACCEPT.value,
            or_(AuditRow.outcome.is_(None), AuditRow.outcome.not_in(_REFUTED)),
            CalculationRow.kind == CalculationKind.ESTIMATE.value,
            CalculationRow.level_key == level_key,
            CalculationRow.settings_hash == settings_hash(settings),
            CalculationRow.state == CalculationState.DONE.value,
        )
    )


def species_by_side(session: Session, reaction_keys: Iterable[str]) -> Mapping[str, Mapping[Side, list[str]]]:
    """Keys of the species of each side of stored reactions, as often as they occur."""
    found: dict[str, dict[Side, list[str]]] = defaultdict(lambda: {side: [] for side in Side})
    statement = (
        select(
            ReactionRow.key,
            ReactionSpeciesRow.side,
            ReactionSpeciesRow.stoichiometric_count,
            SpeciesRow.key,
        )
        .join(ReactionSpeciesRow, ReactionSpeciesRow.reaction_id == ReactionRow.id)
        .join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
    )
    for reaction, side, count, key in select_in(session, statement, ReactionRow.key, reaction_keys):
        found[reaction][Side(side)] += [key] * count
    return found
