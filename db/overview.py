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
class Difference:
    """One thing in which two campaigns differ.

    Attributes:
        what: `setting`, `only in the first`, `only in the second`, `verdict`, `outcome` or `barrier`.
        subject: Name of the setting or key of the reaction.
        label: The reaction as people write it; empty for a setting.
        first: Its value in the first campaign; None where it has none.
        second: The same of the second; kcal/mol for a barrier.
    """

    what: str
    subject: str
    label: str = ""
    first: Any = None
    second: Any = None


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


def differences(first: tuple[Session, str], second: tuple[Session, str]) -> list[Difference]:
    """In what two campaigns differ: settings first, then reactions by key.

    Args:
        first: A session and the name of a campaign.
        second: The same of the other, of any database.

    Raises:
        ConfigurationError: There is no campaign of a name.
    """
    return [*_settings(first, second), *_reactions(_by_key(first), _by_key(second))]


def _settings(first: tuple[Session, str], second: tuple[Session, str]) -> Iterable[Difference]:
    values = []
    for session, name in (first, second):
        row = session.scalars(select(CampaignRow).where(CampaignRow.id == campaign_id(session, name))).one()
        whole = {} if row.specification is None else row.specification["settings"]
        values.append(_flat({**row.settings, **whole, "seed": row.seed, "budget": row.budget or {}}))
    before, after = values
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield Difference(what="setting", subject=key, first=before.get(key), second=after.get(key))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _by_key(of: tuple[Session, str]) -> dict[str, ReactionRecord]:
    session, name = of
    return {each.key: each for each in reactions(session, filters=ReactionFilter(campaign=name))}


def _reactions(first: dict[str, ReactionRecord], second: dict[str, ReactionRecord]) -> Iterable[Difference]:
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        record = one or other
        assert record is not None
        label = f"{' + '.join(record.reactants)} -> {' + '.join(record.products)}"
        if one is None or other is None:
            yield Difference(what=f"only in the {'first' if other is None else 'second'}", subject=key, label=label)
            continue
        verdicts = tuple(None if each.verdict is None else each.verdict.value for each in (one, other))
        heights = one.barrier_forward_kcal_mol, other.barrier_forward_kcal_mol
        for what, (before, after), differ in (
            ("outcome", (one.outcome, other.outcome), one.outcome != other.outcome),
            ("verdict", verdicts, verdicts[0] != verdicts[1]),
            ("barrier", heights, not _same(*heights)),
        ):
            if differ:
                yield Difference(what=what, subject=key, label=label, first=before, second=after)


def _same(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= SAME_BARRIER_KCAL_MOL
