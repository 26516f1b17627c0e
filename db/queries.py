"""Questions about reactions and their transition states, each answered with frozen values in a few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from chem.outcomes import CheckName, Failure, Status
from chem.substructure import Substructure
from chem.units import KCAL_MOL_PER_EV
from db.campaign_tables import Origin, ReactionMembershipRow
from db.campaigns import campaign_id
from db.composition import reactions_with
from db.convert import SIDE_SEPARATOR
from db.expected_barriers import ExpectedBarrier, expected_barriers
from db.shown import kcal_mol_or_none, own_outcome, shown_statement, to_shown
from db.statements import ROWS_PER_STATEMENT, select_in, streamed
from db.tables import (
    CalculationRow,
    ReactionRow,
    ReactionSpeciesRow,
    Side,
    SpeciesRow,
    TransitionStateCheckRow,
    TransitionStateRow,
)
from db.views import (
    calculation_ranking,
    side_minimum,
    transition_state_ranking,
)

PENDING = "pending"  # outcome of a reaction whose own search is not done


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionFilter:
    """Which reactions to answer with; every condition that is given must hold.

    Attributes:
        campaign: Reached by this campaign.
        reaction_keys: Among these.
        species_key: With this species on either side.
        level_key: Shows transition states, searches and costs of this level of theory alone, of every reaction.
        known_only: Leaves out reactions of which nothing was computed or queued (at the level, where there is one).
        verdicts: Verdict among these.
        outcomes: Outcome among these: intended, unintended, failed, pending.
        origins: Came upon in one of these ways by a campaign, or by the one asked for.
        lowest_barrier_kcal_mol: Forward barrier known and not below.
        highest_barrier_kcal_mol: Forward barrier known and not above.
        elements: With every one of these elements, by symbol.
        substructure: With a molecule that holds it.
        lowest_first: In the order of their forward barriers, those without one last, in place of their age.
        limit: At most so many, the first in order.
        offset: Leaving out so many before.
    """

    campaign: str | None = None
    reaction_keys: frozenset[str] | None = None
    species_key: str | None = None
    level_key: str | None = None
    known_only: bool = False
    verdicts: frozenset[Status] | None = None
    outcomes: frozenset[str] | None = None
    origins: frozenset[Origin] | None = None
    lowest_barrier_kcal_mol: float | None = None
    highest_barrier_kcal_mol: float | None = None
    elements: frozenset[str] = frozenset()
    substructure: Substructure | None = None
    lowest_first: bool = False
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionRecord:
    """A reaction with the best that is known of it, in the direction in which it is stored.

    Attributes:
        key: Identity.
        reactants: SMILES of the reactant species, repeated as often as they occur.
        products: SMILES of the product species.
        mapped_smiles: SMILES with atom map numbers; empty where none was given.
        degeneracy: Equivalent atom maps merged into this reaction.
        barrier_forward_kcal_mol: Lowest barrier of the best verdict; None where none is known.
        barrier_reverse_kcal_mol: Of the same transition state.
        barrier_error_kcal_mol: Its estimated absolute error against the level's own, of an estimated barrier.
        error_bar_95_kcal_mol: Half-width of its 95 % error bar against coupled cluster; None where nothing was measured
            for the level or the kind of molecules.
        height_above_reactant_minima_kcal_mol: The transition state above the reactants apart, each in its lowest known
            conformer at the level; negative where it lies below them; None where one was never seen alone.
        height_above_product_minima_kcal_mol: The same of the products.
        level: Key of the level of theory of the barrier.
        verdict: Of the transition state shown; None where there is none.
        checks: Its checks.
        transition_state_id: Row id of it.
        outcome: intended, unintended, barrierless, computed, failed or pending: of the reaction's own search, or
            unintended where it is known only from the search for another; None where nothing was queued or found.
        failure: Why its own preparation or search failed.
        barrierless_side: Where the outcome is barrierless, the side whose molecules fall into each other.
        dissociation_kcal_mol: How high those molecules lie apart above what they become, without a check.
        gradient_calls: Spent on all its calculations.
        seconds: Wall time of all its calculations.
        origins: How campaigns came upon it.
        expected: What a barrier head expects of the transition state shown; None where none was asked.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    mapped_smiles: str
    degeneracy: int
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    barrier_error_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None
    height_above_reactant_minima_kcal_mol: float | None = None
    height_above_product_minima_kcal_mol: float | None = None
    level: str | None
    verdict: Status | None
    checks: Mapping[CheckName, Status] = field(default_factory=dict)
    transition_state_id: int | None
    outcome: str | None
    failure: Failure | None
    barrierless_side: str | None = None
    dissociation_kcal_mol: float | None = None
    gradient_calls: int
    seconds: float
    origins: frozenset[Origin] = frozenset()
    expected: ExpectedBarrier | None = None


def reactions(session: Session, *, filters: ReactionFilter | None = None) -> list[ReactionRecord]:
    """Reactions in the order in which they were stored, or as the filter says.

    Raises:
        ConfigurationError: There is no campaign of the name asked for.
    """
    wanted = filters or ReactionFilter()
    statement = _of_campaign(session, _reaction_statement(wanted), wanted)
    if wanted.reaction_keys is None:
        ordered = statement.order_by(*_order(wanted))
        if wanted.substructure is None:
            ordered = ordered.limit(wanted.limit).offset(wanted.offset)
        rows: Iterable[Any] = session.execute(ordered)
    else:
        found = select_in(session, statement, ReactionRow.key, wanted.reaction_keys)
        rows = sorted(found, key=_place_by_barrier if wanted.lowest_first else lambda row: row.reaction_id)
    if wanted.substructure is not None:
        rows = (row for row in rows if _holds(row, wanted.substructure))
    if wanted.reaction_keys is not None or wanted.substructure is not None:
        end = None if wanted.limit is None else wanted.offset + wanted.limit
        rows = islice(rows, wanted.offset, end)
    return _completed(session, list(rows))


def _order(filters: ReactionFilter) -> list[Any]:
    if not filters.lowest_first:
        return [ReactionRow.id]
    return [transition_state_ranking.c.forward_ev.asc().nulls_last(), ReactionRow.key]


def _place_by_barrier(row: Any) -> tuple[bool, float, str]:
    return row.forward_ev is None, row.forward_ev or 0.0, row.key


def _holds(row: Any, substructure: Substructure) -> bool:
    """Whether a molecule of a reaction holds a substructure."""
    molecules = (*row.reactant_smiles.split(SIDE_SEPARATOR), *row.product_smiles.split(SIDE_SEPARATOR))
    return any(substructure.is_in(smiles) for smiles in molecules)


def stream_reactions(
    session: Session, *, filters: ReactionFilter, at_once: int = ROWS_PER_STATEMENT
) -> Iterator[list[ReactionRecord]]:
    """What `reactions` gives without `reaction_keys`, so many at a time and never all of them in memory."""
    statement = _of_campaign(session, _reaction_statement(filters), filters).order_by(ReactionRow.id)
    rows = session.execute(statement.limit(filters.limit).offset(filters.offset), execution_options=streamed(at_once))
    for part in rows.partitions():
        yield _completed(session, part)


def _of_campaign(session: Session, statement: Select[Any], filters: ReactionFilter) -> Select[Any]:
    if filters.campaign is None and filters.origins is None:
        return statement
    members = select(ReactionMembershipRow.reaction_id)
    if filters.campaign is not None:
        members = members.where(ReactionMembershipRow.campaign_id == campaign_id(session, filters.campaign))
    if filters.origins is not None:
        members = members.where(ReactionMembershipRow.origin.in_([origin.value for origin in filters.origins]))
    return statement.where(ReactionRow.id.in_(members))


def _completed(session: Session, rows: Sequence[Any]) -> list[ReactionRecord]:
    checks: dict[int, dict[CheckName, Status]] = defaultdict(dict)
    statement = select(
        TransitionStateCheckRow.transition_state_id, TransitionStateCheckRow.name, TransitionStateCheckRow.status
    ).order_by(TransitionStateCheckRow.id)
    shown = [row.transition_state_id for row in rows if row.transition_state_id is not None]
    for number, name, status in select_in(session, statement, TransitionStateCheckRow.transition_state_id, shown):
        checks[number][CheckName(name)] = Status(status)
    origins: dict[int, set[Origin]] = defaultdict(set)
    membership = select(ReactionMembershipRow.reaction_id, ReactionMembershipRow.origin).where(
        ReactionMembershipRow.origin.is_not(None)
    )
    for number, origin in select_in(
        session, membership, ReactionMembershipRow.reaction_id, [row.reaction_id for row in rows]
    ):
        origins[number].add(Origin(origin))
    expected = expected_barriers(session, shown)
    return [
        replace(
            _reaction_record(row, checks.get(row.transition_state_id, {})),
            origins=frozenset(origins[row.reaction_id]),
            expected=expected.get(row.transition_state_id),
        )
        for row in rows
    ]


def _reaction_statement(filters: ReactionFilter) -> Select[Any]:
    """All conditions but campaign, keys, substructure, limit and offset."""
    shown, own = transition_state_ranking, calculation_ranking
    cost = select(
        CalculationRow.reaction_id,
        func.sum(CalculationRow.gradient_calls).label("gradient_calls"),
        func.sum(CalculationRow.seconds).label("seconds"),
    ).group_by(CalculationRow.reaction_id)
    if filters.level_key is not None:
        cost = cost.where(CalculationRow.level_key == filters.level_key)
    costs = cost.subquery()
    reactants, products = side_minimum.alias(), side_minimum.alias()
    statement = (
        shown_statement(filters.level_key)
        .add_columns(
            ReactionRow.mapped_smiles,
            (TransitionStateRow.energy_ev - reactants.c.energy_ev).label("above_reactants_ev"),
            (TransitionStateRow.energy_ev - products.c.energy_ev).label("above_products_ev"),
            func.coalesce(costs.c.gradient_calls, 0).label("gradient_calls"),
            func.coalesce(costs.c.seconds, 0.0).label("seconds"),
        )
        .outerjoin(TransitionStateRow, TransitionStateRow.id == shown.c.transition_state_id)
        .outerjoin(reactants, _minimum_of(reactants, Side.REACTANT, shown))
        .outerjoin(products, _minimum_of(products, Side.PRODUCT, shown))
        .outerjoin(costs, costs.c.reaction_id == ReactionRow.id)
        .where(*reactions_with(filters.elements))
    )
    if filters.species_key is not None:
        taking_part = (
            select(ReactionSpeciesRow.reaction_id)
            .join(SpeciesRow, SpeciesRow.id == ReactionSpeciesRow.species_id)
            .where(SpeciesRow.key == filters.species_key)
        )
        statement = statement.where(ReactionRow.id.in_(taking_part))
    if filters.known_only:
        statement = statement.where(or_(shown.c.transition_state_id.is_not(None), own.c.calculation_id.is_not(None)))
    if filters.verdicts is not None:
        statement = statement.where(shown.c.verdict.in_([verdict.value for verdict in filters.verdicts]))
    if filters.outcomes is not None:
        statement = statement.where(own_outcome().in_(filters.outcomes))
    if filters.lowest_barrier_kcal_mol is not None:
        statement = statement.where(shown.c.forward_ev >= filters.lowest_barrier_kcal_mol / KCAL_MOL_PER_EV)
    if filters.highest_barrier_kcal_mol is not None:
        statement = statement.where(shown.c.forward_ev <= filters.highest_barrier_kcal_mol / KCAL_MOL_PER_EV)
    return statement


def _minimum_of(minimum: Any, side: Side, shown: Any) -> ColumnElement[bool]:
    """Joins the molecules of a side, apart, at the level of the transition state that is shown."""
    return and_(
        minimum.c.reaction_id == ReactionRow.id,
        minimum.c.side == side.value,
        minimum.c.level_key == shown.c.level_key,
    )


def _reaction_record(row: Any, checks: Mapping[CheckName, Status]) -> ReactionRecord:
    shown = to_shown(row)
    return ReactionRecord(
        key=shown.key,
        reactants=shown.reactants,
        products=shown.products,
        mapped_smiles=row.mapped_smiles,
        degeneracy=shown.degeneracy,
        barrier_forward_kcal_mol=shown.barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=shown.barrier_reverse_kcal_mol,
        barrier_error_kcal_mol=shown.barrier_error_kcal_mol,
        error_bar_95_kcal_mol=shown.error_bar_95_kcal_mol,
        height_above_reactant_minima_kcal_mol=kcal_mol_or_none(row.above_reactants_ev),
        height_above_product_minima_kcal_mol=kcal_mol_or_none(row.above_products_ev),
        level=shown.level,
        verdict=shown.verdict,
        checks=checks,
        transition_state_id=shown.transition_state_id,
        outcome=shown.outcome,
        failure=shown.failure,
        barrierless_side=shown.barrierless_side,
        dissociation_kcal_mol=shown.dissociation_kcal_mol,
        gradient_calls=int(row.gradient_calls),
        seconds=float(row.seconds),
    )
