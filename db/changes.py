"""What is new in a database since a moment, and where levels of theory disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from chem.barrier_errors import error_bar_kcal_mol
from chem.outcomes import Status
from db.campaign_tables import ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import campaign_id
from db.convert import SIDE_SEPARATOR
from db.tables import ReactionRow, SpeciesRow
from db.views import change_log, level_difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that entered the database.

    Attributes:
        what: `species`, `reaction`, `transition_state`, or `verdict`: what the search for a reaction ended in, or a
            transition state whose checks were judged again.
        happened_at: When, UTC.
        species_key: Of a species.
        reaction_key: Of all else; None for a transition state that belongs to no known reaction.
        label: SMILES of the species, or of the reactants and products; empty where neither is known.
        outcome: Of a verdict: what the search ended in, or `judged`.
        verdict: Of a transition state or a verdict.
        level: Key of its level of theory.
        barrier_forward_kcal_mol: Of a transition state whose ends are known; as stored, kcal/mol.
        barrier_reverse_kcal_mol: The same of the other direction.
        error_bar_95_kcal_mol: Half-width of their 95 % error bar; None where nothing was measured.
    """

    what: str
    happened_at: datetime
    species_key: str | None
    reaction_key: str | None
    label: str
    outcome: str | None
    verdict: Status | None
    level: str | None
    barrier_forward_kcal_mol: float | None
    barrier_reverse_kcal_mol: float | None
    error_bar_95_kcal_mol: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelDifference:
    """A reaction with barriers at two levels of theory, those of the level that came first under `from_...`.

    Attributes:
        key: Key of the reaction.
        reactants: SMILES, in the stored direction.
        products: The same of the other side.
        from_level: Key of the first level.
        from_verdict: Of the transition state that it shows.
        from_barrier_forward_kcal_mol: Its height above the reactants.
        from_barrier_reverse_kcal_mol: Its height above the products.
        from_error_bar_95_kcal_mol: Half-width of their 95 % error bar; None where nothing was measured.
        level: Key of the other level.
        verdict: Of the transition state that it shows.
        barrier_forward_kcal_mol: Its height above the reactants.
        barrier_reverse_kcal_mol: Its height above the products.
        error_bar_95_kcal_mol: Half-width of their 95 % error bar.
        difference_forward_kcal_mol: The other barrier less the first.
        difference_reverse_kcal_mol: The same in reverse.
    """

    key: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    from_level: str
    from_verdict: Status
    from_barrier_forward_kcal_mol: float
    from_barrier_reverse_kcal_mol: float
    from_error_bar_95_kcal_mol: float | None
    level: str
    verdict: Status
    barrier_forward_kcal_mol: float
    barrier_reverse_kcal_mol: float
    error_bar_95_kcal_mol: float | None
    difference_forward_kcal_mol: float
    difference_reverse_kcal_mol: float


def changes(
    session: Session,
    since: datetime,
    *,
    campaign: str | None = None,
    what: Sequence[str] = (),
    limit: int | None = None,
) -> list[Change]:
    """What entered the database since a moment, the oldest first.

    Args:
        session: To read with.
        since: With its time zone; what happened then counts.
        campaign: Only species and reactions that this campaign reached.
        what: Only these kinds; all where none is named.
        limit: At most so many.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    log = change_log
    statement = (
        select(
            log,
            SpeciesRow.key.label("species_key"),
            SpeciesRow.smiles,
            ReactionRow.key.label("reaction_key"),
            ReactionRow.reactant_smiles,
            ReactionRow.product_smiles,
        )
        .select_from(log)
        .outerjoin(SpeciesRow, SpeciesRow.id == log.c.species_id)
        .outerjoin(ReactionRow, ReactionRow.id == log.c.reaction_id)
        .where(log.c.happened_at >= since)
        .order_by(log.c.happened_at, log.c.what, log.c.species_id, log.c.reaction_id, log.c.transition_state_id)
        .limit(limit)
    )
    if what:
        statement = statement.where(log.c.what.in_(what))
    if campaign is not None:
        number = campaign_id(session, campaign)
        species = select(SpeciesMembershipRow.species_id).where(SpeciesMembershipRow.campaign_id == number)
        reactions = select(ReactionMembershipRow.reaction_id).where(ReactionMembershipRow.campaign_id == number)
        statement = statement.where(or_(log.c.species_id.in_(species), log.c.reaction_id.in_(reactions)))
    return [_change(row) for row in session.execute(statement)]


def _change(row: Any) -> Change:
    label = row.smiles or ""
    bar = None
    if row.reactant_smiles is not None:
        label = f"{row.reactant_smiles} -> {row.product_smiles}"
    if row.barrier_forward_kcal_mol is not None:
        bar = _error_bar(row.level_key, row.verdict, row.reactant_smiles or "", row.barrier_error_kcal_mol)
    return Change(
        what=row.what,
        happened_at=row.happened_at,
        species_key=row.species_key,
        reaction_key=row.reaction_key,
        label=label,
        outcome=row.outcome,
        verdict=None if row.verdict is None else Status(row.verdict),
        level=row.level_key,
        barrier_forward_kcal_mol=row.barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=row.barrier_reverse_kcal_mol,
        error_bar_95_kcal_mol=bar,
    )


def level_differences(session: Session, *, campaign: str | None = None) -> list[LevelDifference]:
    """Reactions with barriers at two levels or more, a pair of levels each, the largest difference first.

    Args:
        session: To read with.
        campaign: Only reactions that this campaign reached.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    view = level_difference
    size = func.abs(view.c.difference_forward_kcal_mol)
    statement = select(view).order_by(size.desc(), view.c.reaction_key, view.c.from_level_key, view.c.level_key)
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        statement = statement.where(view.c.reaction_id.in_(members))
    return [_difference(row) for row in session.execute(statement)]


def _difference(row: Any) -> LevelDifference:
    before, smiles = (row.from_level_key, row.from_verdict), row.reactant_smiles
    return LevelDifference(
        key=row.reaction_key,
        reactants=tuple(smiles.split(SIDE_SEPARATOR)),
        products=tuple(row.product_smiles.split(SIDE_SEPARATOR)),
        from_level=row.from_level_key,
        from_verdict=Status(row.from_verdict),
        from_barrier_forward_kcal_mol=row.from_barrier_forward_kcal_mol,
        from_barrier_reverse_kcal_mol=row.from_barrier_reverse_kcal_mol,
        from_error_bar_95_kcal_mol=_error_bar(*before, smiles, row.from_barrier_error_kcal_mol),
        level=row.level_key,
        verdict=Status(row.verdict),
        barrier_forward_kcal_mol=row.barrier_forward_kcal_mol,
        barrier_reverse_kcal_mol=row.barrier_reverse_kcal_mol,
        error_bar_95_kcal_mol=_error_bar(row.level_key, row.verdict, smiles, row.barrier_error_kcal_mol),
        difference_forward_kcal_mol=row.difference_forward_kcal_mol,
        difference_reverse_kcal_mol=row.difference_reverse_kcal_mol,
    )


def _error_bar(level: str, verdict: str, reactant_smiles: str, own_error_kcal_mol: float | None) -> float | None:
    return error_bar_kcal_mol(level, Status(verdict), reactant_smiles.split(SIDE_SEPARATOR), own_error_kcal_mol)
