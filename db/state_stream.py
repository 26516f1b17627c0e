"""Transition states a batch at a time, each with the reaction it is filed under: what goes into files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chem.barrier_errors import error_bar_kcal_mol
from chem.types import Geometry
from chem.units import kcal_mol
from db.convert import SIDE_SEPARATOR
from db.selection import Selection, chosen_states
from db.statements import ROWS_PER_STATEMENT, select_in, streamed
from db.tables import BarrierRow, ReactionRow, TransitionStateRow
from db.transition_states import TransitionStateRecord, transition_states


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FiledState:
    """A transition state with the reaction that it belongs to.

    Attributes:
        key: Of the transition state.
        reaction_key: Of the reaction.
        reactants: SMILES of its reactants.
        products: SMILES of its products.
        mapped_smiles: SMILES with the numbers of these atoms, from 1; empty where none has them.
        record: The transition state itself.
        barrier_error_kcal_mol: Estimated absolute error of its barrier against the level's own; None where unknown.
        found_at: When it was stored.
    """

    key: str
    reaction_key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    mapped_smiles: str
    record: TransitionStateRecord
    barrier_error_kcal_mol: float | None
    found_at: datetime

    @property
    def program(self) -> str | None:
        """Program and version that ran the level of theory; None where unknown."""
        level = self.record.transition_state.level
        return " ".join(part for part in (level.program, level.version) if part) or None

    @property
    def barriers_kcal_mol(self) -> tuple[float | None, float | None]:
        """Heights above the reactant and the product end of its path, kcal/mol, where both are known."""
        barrier = self.record.transition_state.barrier
        return (None, None) if barrier is None else (kcal_mol(barrier.forward_ev), kcal_mol(barrier.reverse_ev))

    @property
    def error_bar_95_kcal_mol(self) -> float | None:
        """Half-width of the 95 % error bar of the barriers; None where nothing was measured or there is none."""
        state = self.record.transition_state
        if state.barrier is None:
            return None
        return error_bar_kcal_mol(state.level.key, state.verdict.status, self.reactants, self.barrier_error_kcal_mol)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Structure:
    """A saddle point or an end of its reaction path.

    Attributes:
        role: transition_state, reactant_end or product_end.
        geometry: Atoms in the order of the transition state.
        energy_ev: Electronic energy; None where unknown.
        known: What else is known, units in the names; None where it is not.
    """

    role: str
    geometry: Geometry
    energy_ev: float | None
    known: Mapping[str, Any]


def structures(filed: FiledState) -> tuple[Structure | None, Structure, Structure | None]:
    """Reactant end, saddle point and product end of a transition state, each with verdict, level and keys."""
    state = filed.record.transition_state
    forward, reverse = filed.barriers_kcal_mol
    imaginary = state.imaginary_frequencies_cm1
    common = {
        "reaction_key": filed.reaction_key,
        "transition_state_key": filed.key,
        "level": state.level.key,
        "program": filed.program,
        "verdict": state.verdict.status.value,
        "charge": state.geometry.charge,
        "multiplicity": state.geometry.multiplicity,
        "reactants": list(filed.reactants),
        "products": list(filed.products),
        "mapped_smiles": filed.mapped_smiles or None,
    }
    own = {
        "imaginary_frequency_cm1": imaginary[0] if imaginary else None,
        "barrier_forward_kcal_mol": forward,
        "barrier_reverse_kcal_mol": reverse,
        "barrier_error_kcal_mol": filed.barrier_error_kcal_mol,
        "error_bar_95_kcal_mol": filed.error_bar_95_kcal_mol,
    }

    def end(role: str, geometry: Geometry | None, energy_ev: float | None) -> Structure | None:
        return None if geometry is None else Structure(role=role, geometry=geometry, energy_ev=energy_ev, known=common)

    return (
        end("reactant_end", state.reactant_end, state.reactant_end_energy_ev),
        Structure(role="transition_state", geometry=state.geometry, energy_ev=state.energy_ev, known={**common, **own}),
        end("product_end", state.product_end, state.product_end_energy_ev),
    )


def stream_states(
    session: Session, selection: Selection, at_once: int = ROWS_PER_STATEMENT
) -> Iterator[list[FiledState]]:
    """Transition states of a selection that are filed under a reaction, in the order of their rows."""
    ids = select(TransitionStateRow.id).where(*chosen_states(session, selection)).order_by(TransitionStateRow.id)
    for part in session.scalars(ids, execution_options=streamed(at_once)).partitions():
        yield filed_states(session, list(part))


def filed_states(session: Session, ids: list[int]) -> list[FiledState]:
    """Transition states by row id, all of them filed under reactions, in the order of their ids."""
    statement = (
        select(
            TransitionStateRow.id,
            TransitionStateRow.key,
            TransitionStateRow.created_at,
            ReactionRow.reactant_smiles,
            ReactionRow.product_smiles,
            ReactionRow.mapped_smiles,
            ReactionRow.key.label("reaction_key"),
            BarrierRow.error_ev,
        )
        .join(ReactionRow, ReactionRow.id == TransitionStateRow.reaction_id)
        .outerjoin(BarrierRow, BarrierRow.transition_state_id == TransitionStateRow.id)
    )
    rows = {row.id: row for row in select_in(session, statement, TransitionStateRow.id, ids)}
    found = []
    for record in transition_states(session, ids):
        row = rows[record.id]
        # Atoms are in the order of the reaction that was searched for; the SMILES numbers those of its own.
        in_order = record.searched_reaction_key in (None, row.reaction_key)
        found.append(
            FiledState(
                key=row.key,
                reaction_key=row.reaction_key,
                reactants=tuple(row.reactant_smiles.split(SIDE_SEPARATOR)),
                products=tuple(row.product_smiles.split(SIDE_SEPARATOR)),
                mapped_smiles=row.mapped_smiles if in_order else "",
                record=record,
                barrier_error_kcal_mol=None if row.error_ev is None else kcal_mol(row.error_ev),
                found_at=row.created_at,
            )
        )
    return found
