"""Which part of a network is asked for: of a campaign, at a level of theory, with these verdicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from chem.errors import DatabaseError
from chem.outcomes import Status
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.tables import LevelRow, ReactionRow, ReactionSpeciesRow, TransitionStateRow
from db.views import shown_by, transition_state_ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Every condition that is given must hold.

    Attributes:
        campaign: Reactions that this campaign reached.
        level_key: Transition states of this level of theory alone.
        verdicts: Transition states of these verdicts, and reactions that show one; None takes all reactions, also
            those without a transition state.
    """

    campaign: str | None = None
    level_key: str | None = None
    verdicts: frozenset[Status] | None = None


EVERYTHING = Selection()


def stored_level_key(session: Session, name: str) -> str:
    """The key of a stored level of theory that is given by its key or by its name, in upper or lower case.

    Raises:
        DatabaseError: None is stored under it, or several of one name; the message lists what there is.
    """
    rows = session.execute(select(LevelRow.key, LevelRow.name).order_by(LevelRow.id)).all()
    keys: dict[str, None] = dict.fromkeys(key for key, _ in rows)
    if name in keys:
        return name
    found: dict[str, None] = dict.fromkeys(
        key for key, own in rows if name.strip().lower() in (key.lower(), own.lower())
    )
    if len(found) == 1:
        return next(iter(found))
    choice = ", ".join(found or keys) or "no level of theory"
    told = f"several levels of theory are named {name!r}" if found else f"nothing is stored at the level {name!r}"
    raise DatabaseError(f"{told}; this database holds {choice}")


def chosen_states(session: Session, selection: Selection) -> tuple[ColumnElement[bool], ...]:
    """Conditions on the transition states of a selection that are filed under a reaction.

    Raises:
        ConfigurationError: There is no campaign of the name asked for.
    """
    state = TransitionStateRow
    conditions = [state.reaction_id.is_not(None), *_reached(session, selection, state.reaction_id)]
    if selection.level_key is not None:
        conditions.append(state.level_id.in_(select(LevelRow.id).where(LevelRow.key == selection.level_key)))
    if selection.verdicts is not None:
        conditions.append(state.verdict.in_(sorted(selection.verdicts)))
    return tuple(conditions)


def chosen_reactions(session: Session, selection: Selection) -> Select[Any]:
    """Row ids of the reactions of a selection: those that show a transition state of its verdicts, or all."""
    if selection.verdicts is None:
        return select(ReactionRow.id).where(*_reached(session, selection, ReactionRow.id))
    view = transition_state_ranking
    return select(view.c.reaction_id).where(
        *_reached(session, selection, view.c.reaction_id),
        *shown_by(view, selection.level_key),
        view.c.verdict.in_(sorted(selection.verdicts)),
    )


def count_by_verdict(session: Session, selection: Selection) -> Counter[Status]:
    """How many transition states of a selection there are of each verdict."""
    state = TransitionStateRow
    rows = session.execute(
        select(state.verdict, func.count()).where(*chosen_states(session, selection)).group_by(state.verdict)
    )
    return Counter({Status(verdict): count for verdict, count in rows})


def count_network(session: Session, selection: Selection) -> tuple[int, int]:
    """How many species and reactions a selection has: the reactions, and who takes part in them."""
    side, reactions = ReactionSpeciesRow, chosen_reactions(session, selection)
    species = select(func.count(side.species_id.distinct())).where(side.reaction_id.in_(reactions))
    return (
        session.scalars(species).one(),
        session.scalars(select(func.count()).select_from(reactions.subquery())).one(),
    )


def _reached(session: Session, selection: Selection, column: Any) -> tuple[ColumnElement[bool], ...]:
    """The condition that a reaction belongs to the campaign, where one is asked for."""
    if selection.campaign is None:
        return ()
    number = campaign_id(session, selection.campaign)
    members = select(ReactionMembershipRow.reaction_id).where(ReactionMembershipRow.campaign_id == number)
    return (column.in_(members),)
