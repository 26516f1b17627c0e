"""Where a campaign stands: its frontier, the pace of work, what is left; and how two campaigns differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.campaign_tables import CampaignRow, ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import campaign_id
from db.queries import ReactionFilter, ReactionRecord, reactions
from db.tables import CalculationRow, CalculationState, SpeciesRow
from db.work import database_now

PACE_WINDOW = timedelta(minutes=10)
SAME_BARRIER_KCAL_MOL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast calculations of one kind end, and how long those that are open will take.

    Attributes:
        kind: Kind of calculation.
        open: Pending or running, whoever runs them.
        per_minute: Calculations that ended in a minute, in the mean over the last ten.
        left_s: Time until none is open at this pace, s; None where none ended lately.
    """

    kind: str
    open: int
    per_minute: float
    left_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingDifference:
    """A setting that two campaigns do not share.

    Attributes:
        setting: Its name, sections and keys joined by dots.
        first: Its value in the first campaign; None where it has none.
        second: The same of the second.
    """

    setting: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionDifference:
    """A reaction that two campaigns do not share, or of which they know something else.

    Attributes:
        key: Its key.
        what: `missing` where one has it not; else those of `outcome`, `verdict` and `barrier` that differ.
        first: What the first campaign knows of it; None where it has it not.
        second: The same of the second.
    """

    key: str
    what: tuple[str, ...]
    first: ReactionRecord | None
    second: ReactionRecord | None


def frontier(session: Session, campaign: str, *, most: int | None = None) -> list[tuple[str, int]]:
    """SMILES and round of the species that were reached and not expanded, in the order of expansion.

    Args:
        session: To read with.
        campaign: Its name.
        most: How many at most; None for all.
    """
    statement = (
        select(SpeciesRow.smiles, SpeciesMembershipRow.round)
        .join(SpeciesMembershipRow, SpeciesMembershipRow.species_id == SpeciesRow.id)
        .where(
            SpeciesMembershipRow.campaign_id == campaign_id(session, campaign),
            SpeciesMembershipRow.expanded_at.is_(None),
        )
        .order_by(SpeciesMembershipRow.round, SpeciesRow.key)
        .limit(most)
    )
    return list(session.execute(statement).tuples())


def paces(session: Session, campaign: str) -> list[Pace]:
    """How fast the calculations of a campaign's reactions end, by kind; only kinds that are open or ended lately."""
    members = select(ReactionMembershipRow.reaction_id).where(
        ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
    )
    now = database_now(session)
    recent = CalculationRow.finished_at >= now - PACE_WINDOW
    is_open = CalculationRow.state.in_([CalculationState.PENDING.value, CalculationState.RUNNING.value])
    statement = (
        select(
            CalculationRow.kind,
            func.count().filter(is_open),
            func.count().filter(recent),
            func.min(CalculationRow.started_at).filter(recent),
        )
        .where(CalculationRow.reaction_id.in_(members))
        .group_by(CalculationRow.kind)
        .order_by(CalculationRow.kind)
    )
    found = []
    for kind, waiting, ended, began in session.execute(statement):
        minutes = PACE_WINDOW / timedelta(minutes=1)
        if began is not None:
            minutes = min(minutes, max((now - began) / timedelta(minutes=1), 1.0 / 60.0))
        per_minute = ended / minutes
        if waiting or ended:
            left = 60.0 * waiting / per_minute if per_minute else None
            found.append(Pace(kind=kind, open=waiting, per_minute=per_minute, left_s=left))
    return found


def differing_settings(first: tuple[Session, str], second: tuple[Session, str]) -> list[SettingDifference]:
    """In which settings two campaigns differ, by name.

    Args:
        first: A session and the name of a campaign.
        second: The same of the other, of any database.

    Raises:
        ConfigurationError: There is no campaign of a name.
    """
    before, after = (_flat(_settings(session, name)) for session, name in (first, second))
    return [
        SettingDifference(setting=key, first=before.get(key), second=after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def differing_reactions(first: tuple[Session, str], second: tuple[Session, str]) -> list[ReactionDifference]:
    """In which reactions two campaigns differ, by key; barriers by more than 0.1 kcal/mol.

    Args:
        first: A session and the name of a campaign.
        second: The same of the other, of any database.

    Raises:
        ConfigurationError: There is no campaign of a name.
    """
    before, after = (
        {each.key: each for each in reactions(session, filters=ReactionFilter(campaign=name))}
        for session, name in (first, second)
    )
    found = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        what = ("missing",) if one is None or other is None else tuple(_differing(one, other))
        if what:
            found.append(ReactionDifference(key=key, what=what, first=one, second=other))
    return found


def _settings(session: Session, name: str) -> dict[str, Any]:
    row = session.scalars(select(CampaignRow).where(CampaignRow.id == campaign_id(session, name))).one()
    whole = {} if row.specification is None else row.specification["settings"]
    return {**row.settings, **whole, "seed": row.seed, "budget": row.budget or {}}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _differing(one: ReactionRecord, other: ReactionRecord) -> Iterable[str]:
    if one.outcome != other.outcome:
        yield "outcome"
    if one.verdict != other.verdict:
        yield "verdict"
    heights = one.barrier_forward_kcal_mol, other.barrier_forward_kcal_mol
    known = [height for height in heights if height is not None]
    if len(known) == 1 or (len(known) == 2 and abs(known[0] - known[1]) > SAME_BARRIER_KCAL_MOL):
        yield "barrier"
