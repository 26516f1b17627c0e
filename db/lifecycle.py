"""The life of a campaign: what was asked for, whether it is worked on, what it may spend and has spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chem.budget import Budget, Spending
from chem.errors import ConfigurationError
from db.campaign_tables import CampaignRow, CampaignState, ReactionMembershipRow, SpeciesMembershipRow
from db.campaigns import campaign_id
from db.convert import plain_json

FORMAT = 1  # of specifications
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign as a whole.

    Attributes:
        name: Its name.
        state: Whether it is worked on.
        specification: Everything that was asked for, as JSON values; None for one from before there was one.
        budget: What it may spend.
        spent: What it has spent.
        created_at: When it was stored first.
        n_species: Species that it reached.
        n_reactions: Its reactions.
    """

    name: str
    state: CampaignState
    specification: Mapping[str, Any] | None
    budget: Budget
    spent: Spending
    created_at: datetime
    n_species: int
    n_reactions: int


def specify(session: Session, name: str, settings: Mapping[str, Any], budget: Budget, *, version: str) -> None:
    """Store everything that was asked for of a campaign; a later specification replaces an earlier one.

    Args:
        session: In a write transaction.
        name: Of a stored campaign.
        settings: All settings, as JSON values.
        budget: What it may spend.
        version: Of the program that wrote them.
    """
    whole = {"format": FORMAT, "version": version, "settings": plain_json(settings)}
    changed = update(CampaignRow).where(CampaignRow.id == campaign_id(session, name))
    session.execute(changed.values(specification=whole, budget=asdict(budget)))


def specification(session: Session, name: str) -> dict[str, Any]:
    """Settings that were stored last, as JSON values.

    Raises:
        ConfigurationError: There is no such campaign, it has no specification, or a newer program wrote it.
    """
    wanted = select(CampaignRow.specification).where(CampaignRow.id == campaign_id(session, name))
    stored = session.scalars(wanted).one()
    if stored is None:
        raise ConfigurationError(
            f"campaign {name!r} was begun by an older Cairn, which did not store what was asked for;"
            f" go on with `cairn explore` and the same settings, or `cairn campaign create --name {name}` with them"
        )
    if stored["format"] > FORMAT:
        raise ConfigurationError(
            f"campaign {name!r} was specified by Cairn {stored['version']}, in a format that this one does not know;"
            " update Cairn"
        )
    settings: dict[str, Any] = stored["settings"]
    return settings


def budget(session: Session, name: str) -> Budget:
    """What a campaign may spend.

    Raises:
        ConfigurationError: There is no such campaign.
    """
    return _budget(session.scalars(select(CampaignRow).where(CampaignRow.id == campaign_id(session, name))).one())


def set_state(session: Session, name: str, state: CampaignState) -> CampaignState:
    """Pause, resume or stop a campaign; what is running is finished, and nothing further is begun unless it is active.

    Returns:
        The state before.

    Raises:
        ConfigurationError: There is no such campaign, or it was stopped and is to go on.
    """
    number = campaign_id(session, name)
    before = CampaignState(session.scalars(select(CampaignRow.state).where(CampaignRow.id == number)).one())
    if before is CampaignState.STOPPED and state is not before:
        raise ConfigurationError(
            f"campaign {name!r} was stopped for good; create another with the same settings and a new name, which"
            " uses everything that this one calculated"
        )
    session.execute(update(CampaignRow).where(CampaignRow.id == number).values(state=state.value))
    return before


def why_halted(session: Session, name: str) -> str | None:
    """Why no further work of a campaign may begin, in words; None where it may."""
    row = session.scalars(select(CampaignRow).where(CampaignRow.id == campaign_id(session, name))).one()
    if row.state != CampaignState.ACTIVE.value:
        return f"the campaign is {row.state}"
    return _budget(row).exhausted_by(_spending(row))


def reactions_left(session: Session, name: str) -> int | None:
    """How many more reactions a campaign may take up; None for any number."""
    limit = budget(session, name).reactions
    if limit is None:
        return None
    members = select(func.count()).where(ReactionMembershipRow.campaign_id == campaign_id(session, name))
    return max(0, limit - session.scalars(members).one())


def charge(
    session: Session, number: int, *, gradient_calls: int = 0, cpu_seconds: float = 0.0, gpu_seconds: float = 0.0
) -> None:
    """Add to what the campaign of a row id has spent, in the transaction that stores what it was spent on."""
    session.execute(
        update(CampaignRow)
        .where(CampaignRow.id == number)
        .values(
            spent_gradient_calls=CampaignRow.spent_gradient_calls + gradient_calls,
            spent_cpu_seconds=CampaignRow.spent_cpu_seconds + cpu_seconds,
            spent_gpu_seconds=CampaignRow.spent_gpu_seconds + gpu_seconds,
        )
        .execution_options(synchronize_session=False)
    )


def campaigns(session: Session, *, name: str | None = None, state: CampaignState | None = None) -> list[Campaign]:
    """All campaigns, the oldest first, or the one of a name, or those in a state.

    Raises:
        ConfigurationError: There is no campaign of the name.
    """
    statement = select(CampaignRow).order_by(CampaignRow.id)
    if name is not None:
        statement = statement.where(CampaignRow.id == campaign_id(session, name))
    if state is not None:
        statement = statement.where(CampaignRow.state == state.value)
    species, reactions = _sizes(session, SpeciesMembershipRow), _sizes(session, ReactionMembershipRow)
    return [
        Campaign(
            name=row.name,
            state=CampaignState(row.state),
            specification=None if row.specification is None else row.specification["settings"],
            budget=_budget(row),
            spent=_spending(row),
            created_at=row.created_at,
            n_species=species.get(row.id, 0),
            n_reactions=reactions.get(row.id, 0),
        )
        for row in session.scalars(statement)
    ]


def _sizes(session: Session, table: type[SpeciesMembershipRow | ReactionMembershipRow]) -> dict[int, int]:
    counted = select(table.campaign_id, func.count()).group_by(table.campaign_id)
    return dict(session.execute(counted).tuples().all())


def _budget(row: CampaignRow) -> Budget:
    return Budget(**(row.budget or {}))


def _spending(row: CampaignRow) -> Spending:
    return Spending(
        gradient_calls=row.spent_gradient_calls,
        cpu_hours=row.spent_cpu_seconds / SECONDS_PER_HOUR,
        gpu_hours=row.spent_gpu_seconds / SECONDS_PER_HOUR,
    )
