"""What is shown of a reaction: its best transition state, and what became of its own search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from chem.barrier_errors import error_bar_kcal_mol
from chem.outcomes import Failure, Outcome, Stage, Status
from chem.units import kcal_mol
from db.convert import SIDE_SEPARATOR
from db.statements import batches
from db.tables import CalculationRow, ReactionRow
from db.views import calculation_ranking, shown_by, transition_state_ranking

# SQLite joins the few rows that each ranking then has without an index
AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReaction:
    """A reaction in the direction in which it is stored; energies in kcal/mol.

    Attributes:
        id: Row id.
        key: Identity.
        reactants: SMILES of the reactant species, repeated as often as they occur.
        products: SMILES of the product species.
        degeneracy: Equivalent atom maps merged into this reaction.
        transition_state_id: Row id of the transition state; None, as all of it, where there is none.
        barrier_forward_kcal_mol: Its height above the reactants; None as well where an end is not known.
        barrier_reverse_kcal_mol: Its height above the products.
        barrier_error_kcal_mol: Estimated absolute error against the level's own, of an estimated barrier.
        error_bar_95_kcal_mol: Half-width of the 95 % error bar against coupled cluster; None where nothing was
            measured.
        level: Key of its level of theory.
        verdict: Its verdict.
        outcome: Of the reaction's own search, as in `db.queries.ReactionRecord`.
        failure: Why its own preparation or search failed.
        barrierless_side: Where the outcome is barrierless, the side whose molecules fall into each other.
        dissociation_kcal_mol: How high those molecules lie apart above what they become, without a check.
    """

    id: int
    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    degeneracy: int
    transition_state_id: int | None
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    barrier_error_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    level: str | None
    verdict: Status | None
    outcome: str | None
    failure: Failure | None
    barrierless_side: str | None
    dissociation_kcal_mol: float | None


def own_outcome() -> ColumnElement[str]:
    """What became of the search for a reaction, in a statement that joins both rankings."""
    shown, own = transition_state_ranking, calculation_ranking
    return func.coalesce(own.c.own_outcome, case((shown.c.calculation_id.is_not(None), Outcome.UNINTENDED.value)))


def shown_statement(level_key: str | None = None, reaction_ids: Iterable[int] | None = None) -> Select[Any]:
    """What `to_shown` reads, with `transition_state_ranking` and `calculation_ranking` outer-joined to the reactions.

    Args:
        level_key: Only what is known at this level of theory; None for the best of all.
        reaction_ids: Only of these. They are said to each ranking, or it would rank every reaction there is.
    """
    shown, own = transition_state_ranking, calculation_ranking
    found = [shown.c.reaction_id == ReactionRow.id, *shown_by(shown, level_key)]
    searched = [own.c.reaction_id == ReactionRow.id, *shown_by(own, level_key)]
    given = None if reaction_ids is None else list(reaction_ids)
    if given is not None:
        found.append(shown.c.reaction_id.in_(given))
        searched.append(own.c.reaction_id.in_(given))
    statement = (
        select(
            ReactionRow.id.label("reaction_id"),
            ReactionRow.key,
            ReactionRow.reactant_smiles,
            ReactionRow.product_smiles,
            ReactionRow.degeneracy,
            shown.c.transition_state_id,
            shown.c.level_key,
            shown.c.forward_ev,
            shown.c.reverse_ev,
            shown.c.error_ev,
            shown.c.verdict,
            own_outcome().label("outcome"),
            own.c.failure_stage,
            own.c.failure_kind,
            own.c.failure_message,
            CalculationRow.barrierless_side,
            CalculationRow.barrierless_height_ev,
        )
        .select_from(ReactionRow)
        .outerjoin(shown, and_(*found))
        .outerjoin(own, and_(*searched))
        .outerjoin(CalculationRow, CalculationRow.id == own.c.calculation_id)
    )
    return statement if given is None else statement.where(ReactionRow.id.in_(given))


def shown_reactions(
    session: Session, reaction_ids: Iterable[int], *, level_key: str | None = None
) -> dict[int, ShownReaction]:
    """What is shown of some reactions, by row id, in the order of their ids.

    Args:
        session: To read with.
        reaction_ids: Their row ids.
        level_key: Only what is known at this level of theory.
    """
    return {
        row.reaction_id: to_shown(row)
        for batch in batches(sorted(set(reaction_ids)), AT_ONCE)
        for row in session.execute(shown_statement(level_key, batch).order_by(ReactionRow.id))
    }


def to_shown(row: Any) -> ShownReaction:
    """A row of `shown_statement`, which may have further columns."""
    failure = None
    if row.failure_kind is not None:
        failure = Failure(stage=Stage(row.failure_stage), kind=row.failure_kind, message=row.failure_message)
    reactants = tuple(row.reactant_smiles.split(SIDE_SEPARATOR))
    own_error = kcal_mol_or_none(row.error_ev)
    error_bar = None
    if row.forward_ev is not None:
        error_bar = error_bar_kcal_mol(row.level_key, Status(row.verdict), reactants, own_error)
    return ShownReaction(
        id=row.reaction_id,
        key=row.key,
        reactants=reactants,
        products=tuple(row.product_smiles.split(SIDE_SEPARATOR)),
        degeneracy=row.degeneracy,
        transition_state_id=row.transition_state_id,
        barrier_forward_kcal_mol=kcal_mol_or_none(row.forward_ev),
        barrier_reverse_kcal_mol=kcal_mol_or_none(row.reverse_ev),
        barrier_error_kcal_mol=own_error,
        error_bar_95_kcal_mol=error_bar,
        level=row.level_key,
        verdict=None if row.verdict is None else Status(row.verdict),
        outcome=row.outcome,
        failure=failure,
        barrierless_side=row.barrierless_side,
        dissociation_kcal_mol=kcal_mol_or_none(row.barrierless_height_ev),
    )


def kcal_mol_or_none(energy_ev: float | None) -> float | None:
    """An energy in kcal/mol, where there is one."""
    return None if energy_ev is None else kcal_mol(energy_ev)
