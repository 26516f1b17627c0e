"""A network as four plain tables: what goes into CSV, Parquet, graphs and data frames.

The columns and their order are part of what Cairn promises to readers of its files: new ones are added at the end.
Units are in the names. A value that is not known is None.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.convert import SIDE_SEPARATOR
from db.queries import ReactionFilter, ReactionRecord, stream_reactions
from db.selection import Selection
from db.species_seen import stream_species
from db.state_stream import FiledState, stream_states
from db.statements import select_in
from db.tables import ReactionRow, ReactionSpeciesRow, Side, SpeciesRow, TransitionStateRow

Row = dict[str, Any]
SideEntry = tuple[Side, str, int]

SPECIES_COLUMNS: Mapping[str, type] = {
    "key": str,
    "smiles": str,
    "formula": str,
    "charge": int,
    "multiplicity": int,
    "energy_ev": float,
    "level": str,
    "verdict": str,
    "n_reactions": int,
}
REACTION_COLUMNS: Mapping[str, type] = {
    "key": str,
    "reactants": str,
    "products": str,
    "reactant_keys": str,
    "product_keys": str,
    "mapped_smiles": str,
    "degeneracy": int,
    "barrier_forward_kcal_mol": float,
    "barrier_reverse_kcal_mol": float,
    "barrier_error_kcal_mol": float,
    "error_bar_95_kcal_mol": float,
    "height_above_reactant_minima_kcal_mol": float,
    "height_above_product_minima_kcal_mol": float,
    "level": str,
    "verdict": str,
    "outcome": str,
    "failure_kind": str,
    "transition_state_key": str,
    "gradient_calls": int,
    "seconds": float,
}
TRANSITION_STATE_COLUMNS: Mapping[str, type] = {
    "key": str,
    "reaction_key": str,
    "searched_reaction_key": str,
    "level": str,
    "program": str,
    "verdict": str,
    "charge": int,
    "multiplicity": int,
    "formula": str,
    "n_atoms": int,
    "energy_ev": float,
    "reactant_end_energy_ev": float,
    "product_end_energy_ev": float,
    "barrier_forward_kcal_mol": float,
    "barrier_reverse_kcal_mol": float,
    "barrier_error_kcal_mol": float,
    "error_bar_95_kcal_mol": float,
    "imaginary_frequency_cm1": float,
    "n_imaginary_frequencies": int,
    "frequencies_cm1": str,
    "start": str,
    "outcome": str,
    "found_at": str,
}
CHECK_COLUMNS: Mapping[str, type] = {
    "transition_state_key": str,
    "reaction_key": str,
    "level": str,
    "verdict": str,
    "check": str,
    "status": str,
    "evidence": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTable:
    """One of the tables.

    Attributes:
        name: Its name, and that of its file.
        columns: Type of each column, in order.
        rows: Reads it, some thousand rows at a time.
    """

    name: str
    columns: Mapping[str, type]
    rows: Callable[[Session, Selection], Iterator[list[Row]]]


def species_rows(session: Session, selection: Selection) -> Iterator[list[Row]]:
    """Species of the reactions of a selection, or all; see `db.species_seen` for their energies."""
    for part in stream_species(session, selection):
        yield [
            {
                "key": each.key,
                "smiles": each.smiles,
                "formula": each.formula,
                "charge": each.charge,
                "multiplicity": each.multiplicity,
                "energy_ev": each.energy_ev,
                "level": each.level,
                "verdict": None if each.verdict is None else each.verdict.value,
                "n_reactions": each.n_reactions,
            }
            for each in part
        ]


def reaction_rows(session: Session, selection: Selection) -> Iterator[list[Row]]:
    """Reactions of a selection; the SMILES, and the keys, of the species of a side are joined by ' + '."""
    for part in rows_with_sides(session, selection):
        yield [row for row, _ in part]


def rows_with_sides(session: Session, selection: Selection) -> Iterator[list[tuple[Row, list[SideEntry]]]]:
    """Rows of reactions, each with (side, species key, how often it stands there)."""
    filters = ReactionFilter(campaign=selection.campaign, level_key=selection.level_key, verdicts=selection.verdicts)
    for part in stream_reactions(session, filters=filters):
        sides = _sides(session, [record.key for record in part])
        shown = [each.transition_state_id for each in part if each.transition_state_id is not None]
        named = select(TransitionStateRow.id, TransitionStateRow.key)
        keys = dict(tuple(row) for row in select_in(session, named, TransitionStateRow.id, shown))
        yield [
            (_reaction_row(each, sides[each.key], keys.get(each.transition_state_id)), sides[each.key]) for each in part
        ]


def _sides(session: Session, reaction_keys: list[str]) -> dict[str, list[SideEntry]]:
    statement = (
        select(
            ReactionRow.key,
            ReactionSpeciesRow.side,
            SpeciesRow.key.label("species_key"),
            ReactionSpeciesRow.stoichiometric_count,
        )
        .join(ReactionSpeciesRow, ReactionSpeciesRow.reaction_id == ReactionRow.id)
        .join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
    )
    sides: dict[str, list[SideEntry]] = defaultdict(list)
    for key, side, species_key, count in select_in(session, statement, ReactionRow.key, reaction_keys):
        sides[key].append((Side(side), species_key, count))
    return {
        key: sorted(entries, key=lambda entry: (entry[0] is Side.PRODUCT, entry[1])) for key, entries in sides.items()
    }


def _reaction_row(record: ReactionRecord, sides: list[SideEntry], state_key: str | None) -> Row:
    reactant_keys, product_keys = (
        SIDE_SEPARATOR.join(key for own, key, count in sides if own is side for _ in range(count))
        for side in (Side.REACTANT, Side.PRODUCT)
    )
    return {
        "key": record.key,
        "reactants": SIDE_SEPARATOR.join(record.reactants),
        "products": SIDE_SEPARATOR.join(record.products),
        "reactant_keys": reactant_keys,
        "product_keys": product_keys,
        "mapped_smiles": record.mapped_smiles or None,
        "degeneracy": record.degeneracy,
        "barrier_forward_kcal_mol": record.barrier_forward_kcal_mol,
        "barrier_reverse_kcal_mol": record.barrier_reverse_kcal_mol,
        "barrier_error_kcal_mol": record.barrier_error_kcal_mol,
        "error_bar_95_kcal_mol": record.error_bar_95_kcal_mol,
        "height_above_reactant_minima_kcal_mol": record.height_above_reactant_minima_kcal_mol,
        "height_above_product_minima_kcal_mol": record.height_above_product_minima_kcal_mol,
        "level": record.level,
        "verdict": None if record.verdict is None else record.verdict.value,
        "outcome": record.outcome,
        "failure_kind": None if record.failure is None else record.failure.kind,
        "transition_state_key": state_key,
        "gradient_calls": record.gradient_calls,
        "seconds": record.seconds,
    }


def transition_state_rows(session: Session, selection: Selection) -> Iterator[list[Row]]:
    """Transition states of a selection, without their geometries."""
    for part in stream_states(session, selection):
        yield [_state_row(each) for each in part]


def _state_row(filed: FiledState) -> Row:
    state, record = filed.record.transition_state, filed.record
    forward, reverse = filed.barriers_kcal_mol
    imaginary = state.imaginary_frequencies_cm1
    return {
        "key": filed.key,
        "reaction_key": filed.reaction_key,
        "searched_reaction_key": record.searched_reaction_key,
        "level": state.level.key,
        "program": filed.program,
        "verdict": state.verdict.status.value,
        "charge": state.geometry.charge,
        "multiplicity": state.geometry.multiplicity,
        "formula": state.geometry.formula,
        "n_atoms": state.geometry.n_atoms,
        "energy_ev": state.energy_ev,
        "reactant_end_energy_ev": state.reactant_end_energy_ev,
        "product_end_energy_ev": state.product_end_energy_ev,
        "barrier_forward_kcal_mol": forward,
        "barrier_reverse_kcal_mol": reverse,
        "barrier_error_kcal_mol": filed.barrier_error_kcal_mol,
        "error_bar_95_kcal_mol": filed.error_bar_95_kcal_mol,
        "imaginary_frequency_cm1": imaginary[0] if imaginary else None,
        "n_imaginary_frequencies": len(imaginary) if state.frequencies_cm1 else None,
        "frequencies_cm1": json.dumps(state.frequencies_cm1) if state.frequencies_cm1 else None,
        "start": record.start,
        "outcome": None if record.outcome is None else record.outcome.value,
        "found_at": filed.found_at.isoformat(),
    }


def check_rows(session: Session, selection: Selection) -> Iterator[list[Row]]:
    """Every check of the transition states of a selection, with its evidence as JSON."""
    for part in stream_states(session, selection):
        yield [
            {
                "transition_state_key": filed.key,
                "reaction_key": filed.reaction_key,
                "level": state.level.key,
                "verdict": state.verdict.status.value,
                "check": check.name.value,
                "status": check.status.value,
                "evidence": json.dumps(check.evidence, ensure_ascii=False),
            }
            for filed in part
            for state in [filed.record.transition_state]
            for check in state.verdict.checks
        ]


TABLES = (
    FlatTable(name="species", columns=SPECIES_COLUMNS, rows=species_rows),
    FlatTable(name="reactions", columns=REACTION_COLUMNS, rows=reaction_rows),
    FlatTable(name="transition_states", columns=TRANSITION_STATE_COLUMNS, rows=transition_state_rows),
    FlatTable(name="checks", columns=CHECK_COLUMNS, rows=check_rows),
)
