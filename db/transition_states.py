"""Reads of transition states, with geometries, evidence and where they came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.outcomes import Outcome, TransitionState
from db.convert import to_level, to_outcome, to_verdict, to_walk
from db.load import load_geometries
from db.statements import select_in
from db.tables import (
    AttemptRow,
    CalculationKind,
    CalculationRow,
    LevelRow,
    ReactionRow,
    TransitionStateCheckRow,
    TransitionStateRow,
)
from db.views import shown_by, transition_state_ranking


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransitionStateRecord:
    """A stored transition state.

    Attributes:
        id: Row id.
        reaction_key: Reaction that it really belongs to; None where that is unknown.
        searched_reaction_key: Reaction for which it was searched or estimated, and whose atom order it has; None where
            no calculation stands behind it.
        transition_state: Itself, with geometries, ends in the direction of its reaction, energies and verdict.
        start: Start of the attempt that found it.
        outcome: Outcome of that attempt.
    """

    id: int
    reaction_key: str | None
    searched_reaction_key: str | None
    transition_state: TransitionState
    start: str | None
    outcome: Outcome | None


def transition_state_of(
    session: Session, reaction_key: str, *, level_key: str | None = None
) -> TransitionStateRecord | None:
    """The transition state that `reactions` shows for a reaction, or None."""
    view = transition_state_ranking
    statement = (
        select(view.c.transition_state_id)
        .join(ReactionRow, ReactionRow.id == view.c.reaction_id)
        .where(ReactionRow.key == reaction_key, *shown_by(view, level_key))
    )
    number = session.scalar(statement)
    return None if number is None else transition_states(session, [number])[0]


def transition_states_of(
    session: Session, reaction_keys: Iterable[str], *, level_key: str
) -> dict[str, TransitionState]:
    """The transition states of a level that `reactions` shows, by reaction key; reactions without one are left out.

    Both ends are in the direction of the stored reaction; atoms may be in the order of another, for which it was found.
    """
    view = transition_state_ranking
    statement = (
        select(ReactionRow.key, view.c.transition_state_id)
        .join(ReactionRow, ReactionRow.id == view.c.reaction_id)
        .where(*shown_by(view, level_key))
    )
    numbers = {number: key for key, number in select_in(session, statement, ReactionRow.key, reaction_keys)}
    return {numbers[record.id]: record.transition_state for record in transition_states(session, list(numbers))}


def transition_states_found_by(session: Session, reaction_key: str) -> list[TransitionStateRecord]:
    """All transition states that searches for this reaction found, whichever reaction they belong to."""
    statement = (
        select(TransitionStateRow.id)
        .join(CalculationRow, CalculationRow.id == TransitionStateRow.calculation_id)
        .where(CalculationRow.subject_key == reaction_key, CalculationRow.kind == CalculationKind.SEARCH.value)
        .order_by(TransitionStateRow.id)
    )
    return transition_states(session, list(session.scalars(statement)))


def states_with_frequencies(session: Session, ids: Iterable[int]) -> dict[int, TransitionState]:
    """Those transition states whose ends have frequencies, by row id; their ends are in the direction of the row."""
    statement = select(TransitionStateRow.id).where(TransitionStateRow.reactant_end_frequencies_cm1.is_not(None))
    numbers = [number for (number,) in select_in(session, statement, TransitionStateRow.id, ids)]
    return {record.id: record.transition_state for record in transition_states(session, numbers)}


def transition_states(session: Session, ids: list[int]) -> list[TransitionStateRecord]:
    """Transition states by row id, in the order of their ids."""
    statement = (
        select(TransitionStateRow, LevelRow, ReactionRow.key, CalculationRow.subject_key, AttemptRow)
        .join(LevelRow, LevelRow.id == TransitionStateRow.level_id)
        .outerjoin(ReactionRow, ReactionRow.id == TransitionStateRow.reaction_id)
        .outerjoin(CalculationRow, CalculationRow.id == TransitionStateRow.calculation_id)
        .outerjoin(AttemptRow, AttemptRow.transition_state_id == TransitionStateRow.id)
    )
    rows = sorted(select_in(session, statement, TransitionStateRow.id, ids), key=lambda row: row[0].id)
    geometries = load_geometries(
        session,
        (
            number
            for row, *_ in rows
            for number in (row.geometry_id, row.reactant_end_geometry_id, row.product_end_geometry_id)
            if number is not None
        ),
    )
    checks: dict[int, list[tuple[str, str, Mapping[str, Any]]]] = defaultdict(list)
    for (check,) in select_in(
        session, select(TransitionStateCheckRow), TransitionStateCheckRow.transition_state_id, ids
    ):
        checks[check.transition_state_id].append((check.name, check.status, check.evidence))
    return [
        TransitionStateRecord(
            id=row.id,
            reaction_key=reaction_key,
            searched_reaction_key=searched_key,
            transition_state=TransitionState(
                geometry=geometries[row.geometry_id],
                energy_ev=row.energy_ev,
                level=to_level(level),
                verdict=to_verdict(checks[row.id]),
                frequencies_cm1=tuple(float(value) for value in row.frequencies_cm1),
                reactant_end=geometries.get(row.reactant_end_geometry_id),
                product_end=geometries.get(row.product_end_geometry_id),
                reactant_end_energy_ev=row.reactant_end_energy_ev,
                product_end_energy_ev=row.product_end_energy_ev,
                reactant_end_frequencies_cm1=tuple(row.reactant_end_frequencies_cm1 or ()),
                product_end_frequencies_cm1=tuple(row.product_end_frequencies_cm1 or ()),
                walk=to_walk(row.walk),
            ),
            start=None if attempt is None else attempt.start,
            outcome=None if attempt is None else to_outcome(attempt.outcome),
        )
        for row, level, reaction_key, searched_key, attempt in rows
    ]
