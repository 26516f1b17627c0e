"""Reactions of the database as entries of a report, in a fixed number of queries however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.heights import gibbs_heights, zero_point_heights
from chem.outcomes import Outcome
from chem.thermochemistry import REFERENCE_TEMPERATURE_K
from chem.units import kcal_mol
from db import queries
from db.campaign_tables import Origin
from db.convert import to_failure
from db.expected_barriers import ExpectedBarrier
from db.statements import select_in
from db.steps import species_by_side
from db.tables import AttemptRow, CalculationRow, ReactionRow, Side, TransitionStateRow
from db.transition_states import TransitionStateRecord, transition_states
from report.content import AttemptEntry, ExpectedEntry, ReactionEntry, TSEntry


def reaction_entries(
    session: Session, records: Sequence[queries.ReactionRecord], *, level_key: str | None, with_details: bool
) -> list[ReactionEntry]:
    """Entries of reactions, in the direction in which they are stored.

    Args:
        session: Open for reading.
        records: What `db.queries.reactions` found.
        level_key: Attempts of this level of theory alone; None for all.
        with_details: With structures, checks, attempts and thermal energies, which take most of the time.
    """
    keys = [record.key for record in records]
    sides = species_by_side(session, keys)
    searched = _searched(session, keys, level_key)
    states: dict[int, TransitionStateRecord] = {}
    attempts: defaultdict[str, list[AttemptEntry]] = defaultdict(list)
    if with_details:
        shown = [record.transition_state_id for record in records if record.transition_state_id is not None]
        states = {state.id: state for state in transition_states(session, shown)}
        attempts = _attempts(session, keys, level_key)
    found_by = _found_by(session, records)
    return [
        _entry(
            record,
            (tuple(sorted(sides[record.key][Side.REACTANT])), tuple(sorted(sides[record.key][Side.PRODUCT]))),
            states.get(record.transition_state_id or 0),
            attempts[record.key],
            found_by=found_by.get(record.transition_state_id or 0),
            is_searched=record.key in searched,
        )
        for record in records
    ]


def _searched(session: Session, reaction_keys: Iterable[str], level_key: str | None) -> set[str]:
    """Keys of the reactions that were searched themselves."""
    statement = (
        select(ReactionRow.key)
        .join(CalculationRow, CalculationRow.reaction_id == ReactionRow.id)
        .join(AttemptRow, AttemptRow.calculation_id == CalculationRow.id)
        .distinct()
    )
    if level_key is not None:
        statement = statement.where(CalculationRow.level_key == level_key)
    return {key for (key,) in select_in(session, statement, ReactionRow.key, reaction_keys)}


def _found_by(session: Session, records: Iterable[queries.ReactionRecord]) -> dict[int, str]:
    """Keys of the reactions whose search found the transition states of others, by row of the transition state."""
    owners = {record.transition_state_id: record.key for record in records if record.transition_state_id is not None}
    statement = select(TransitionStateRow.id, CalculationRow.subject_key).join(
        CalculationRow, CalculationRow.id == TransitionStateRow.calculation_id
    )
    rows = select_in(session, statement, TransitionStateRow.id, owners)
    return {number: key for number, key in rows if key != owners[number]}


def _attempts(
    session: Session, reaction_keys: Iterable[str], level_key: str | None
) -> defaultdict[str, list[AttemptEntry]]:
    """Attempts of the searches for each reaction, in order."""
    statement = (
        select(AttemptRow, ReactionRow.key)
        .join(CalculationRow, CalculationRow.id == AttemptRow.calculation_id)
        .join(ReactionRow, ReactionRow.id == CalculationRow.reaction_id)
    )
    if level_key is not None:
        statement = statement.where(CalculationRow.level_key == level_key)
    rows = select_in(session, statement, ReactionRow.key, reaction_keys)
    result: defaultdict[str, list[AttemptEntry]] = defaultdict(list)
    for row, key in sorted(rows, key=lambda found: (found[0].calculation_id, found[0].position)):
        result[key].append(
            AttemptEntry(
                start=row.start,
                outcome=Outcome(row.outcome),
                gradient_calls=row.gradient_calls,
                seconds=row.seconds,
                failure=to_failure(row),
            )
        )
    return result


def _entry(
    record: queries.ReactionRecord,
    sides: tuple[tuple[str, ...], tuple[str, ...]],
    state: TransitionStateRecord | None,
    attempts: Sequence[AttemptEntry],
    *,
    found_by: str | None,
    is_searched: bool,
) -> ReactionEntry:
    """One reaction; `unintended` is its outcome only where its own search ended elsewhere."""
    outcome = None
    if record.outcome in set(Outcome) and (is_searched or record.outcome != Outcome.UNINTENDED):
        outcome = Outcome(record.outcome)
    zero = None if state is None else zero_point_heights(state.transition_state)
    gibbs = None if state is None else gibbs_heights(state.transition_state, REFERENCE_TEMPERATURE_K)
    return ReactionEntry(
        key=record.key,
        reactants=sides[0],
        products=sides[1],
        mapped_smiles=record.mapped_smiles,
        degeneracy=record.degeneracy,
        barrier_forward_kcal_mol=record.barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=record.barrier_reverse_kcal_mol,
        error_bar_95_kcal_mol=record.error_bar_95_kcal_mol,
        level=record.level or "",
        e0_forward_kcal_mol=None if zero is None else kcal_mol(zero.forward_ev),
        e0_reverse_kcal_mol=None if zero is None else kcal_mol(zero.reverse_ev),
        gibbs_298_forward_kcal_mol=None if gibbs is None else kcal_mol(gibbs.forward_ev),
        gibbs_298_reverse_kcal_mol=None if gibbs is None else kcal_mol(gibbs.reverse_ev),
        dissociation_kcal_mol=record.dissociation_kcal_mol,
        verdict=record.verdict,
        outcome=outcome,
        checks=() if state is None else state.transition_state.verdict.checks,
        failure=record.failure,
        attempts=tuple(attempts),
        gradient_calls=record.gradient_calls,
        seconds=record.seconds,
        transition_state=None if state is None else _ts_entry(state),
        found_by=found_by,
        expected=None if record.expected is None else _expected_entry(record.expected),
        proposed=Origin.PROPOSED in record.origins,
    )


def _expected_entry(expected: ExpectedBarrier) -> ExpectedEntry:
    return ExpectedEntry(
        forward_kcal_mol=expected.barrier_forward_kcal_mol,
        reverse_kcal_mol=expected.barrier_reverse_kcal_mol,
        forward_bar_kcal_mol=expected.error_bar_95_forward_kcal_mol,
        reverse_bar_kcal_mol=expected.error_bar_95_reverse_kcal_mol,
        reference=expected.reference,
    )


def _ts_entry(record: TransitionStateRecord) -> TSEntry:
    state = record.transition_state
    return TSEntry(
        geometry=state.geometry,
        reactant_end=state.reactant_end,
        product_end=state.product_end,
        energy_ev=state.energy_ev,
        reactant_end_energy_ev=state.reactant_end_energy_ev,
        product_end_energy_ev=state.product_end_energy_ev,
        imaginary_frequencies_cm1=state.imaginary_frequencies_cm1 if state.frequencies_cm1 else None,
    )
