"""The whole network that barriers are known of, read in two statements as numbers for walks over it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from chem.outcomes import Status
from chem.step_index import StepIndex, index_steps
from chem.units import KCAL_MOL_PER_EV
from db.campaign_tables import ReactionMembershipRow
from db.campaigns import campaign_id
from db.tables import ReactionSpeciesRow, Side
from db.views import shown_by, transition_state_ranking

# Best first. What failed a check leads nowhere, so it is not among them.
USABLE = (Status.PASSED, Status.COULD_NOT_CHECK, Status.ESTIMATED)

ROWS_AT_ONCE = 50_000

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownNetwork:
    """A network of steps between species, each with the transition state that is shown of its reaction.

    Attributes:
        index: Species and steps by number.
        species_ids: Row ids of the species by number, ascending.
        reaction_ids: Row ids of the reactions by number of the step, ascending.
        levels: Keys of the levels of theory of the steps.
        marks: Of each step, one bit for its verdict, in the order of `USABLE`, and behind those one for its level.
        errors_kcal_mol: Expected absolute error of each estimated barrier against the level's own; NaN for none.
    """

    index: StepIndex
    species_ids: IntArray
    reaction_ids: IntArray
    levels: tuple[str, ...]
    marks: list[int]
    errors_kcal_mol: NDArray[np.float64]

    def numbers(self, species_ids: Iterable[int]) -> list[int]:
        """Numbers of species; those that no step has are left out."""
        found = []
        for each in species_ids:
            place = int(np.searchsorted(self.species_ids, each))
            if place < len(self.species_ids) and self.species_ids[place] == each:
                found.append(place)
        return found

    def verdict_of(self, marks: int) -> Status:
        """The worst verdict among joined marks; a way without a step is certain."""
        return next((status for place, status in reversed([*enumerate(USABLE)]) if marks >> place & 1), Status.PASSED)

    def levels_of(self, marks: int) -> tuple[str, ...]:
        """Keys of the levels among joined marks."""
        behind = marks >> len(USABLE)
        return tuple(key for place, key in enumerate(self.levels) if behind >> place & 1)


def known_network(
    session: Session,
    *,
    campaign: str | None = None,
    level_key: str | None = None,
    verdicts: Collection[Status] = USABLE,
) -> KnownNetwork:
    """The steps of a network whose heights are known.

    Args:
        session: To read with.
        campaign: Only reactions that this campaign reached.
        level_key: Only heights of this level of theory; None takes those that `db.queries.reactions` shows.
        verdicts: Only transition states of these verdicts.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    shown, sides = transition_state_ranking, ReactionSpeciesRow
    steps = select(
        shown.c.reaction_id,
        case({status.value: place for place, status in enumerate(USABLE)}, value=shown.c.verdict),
        shown.c.level_key,
        shown.c.forward_ev,
        shown.c.reverse_ev,
        shown.c.error_ev,
    ).where(
        *shown_by(shown, level_key),
        shown.c.forward_ev.is_not(None),
        shown.c.verdict.in_([verdict.value for verdict in verdicts]),
    )
    molecules = select(
        sides.reaction_id,
        case((sides.side == Side.PRODUCT.value, 1), else_=0),
        sides.species_id,
        sides.stoichiometric_count,
    )
    if campaign is not None:
        members = select(ReactionMembershipRow.reaction_id).where(
            ReactionMembershipRow.campaign_id == campaign_id(session, campaign)
        )
        steps, molecules = (
            steps.where(shown.c.reaction_id.in_(members)),
            molecules.where(sides.reaction_id.in_(members)),
        )
    reaction_ids, verdict, level_of, forward, reverse, error = _columns(session, steps)
    order = np.argsort(reaction_ids)
    known = reaction_ids[order].astype(np.int64)
    if not len(known):
        none = np.zeros(0)
        return KnownNetwork(
            index=index_steps(0, none, none, none),
            species_ids=known,
            reaction_ids=known,
            levels=(),
            marks=[],
            errors_kcal_mol=none,
        )
    levels, level = np.unique(level_of.astype(str), return_inverse=True)
    marks = (1 << verdict.astype(np.int64)) | (1 << (len(USABLE) + level))
    heights = KCAL_MOL_PER_EV * np.stack([forward, reverse], axis=1)[order].astype(np.float64)
    reaction, side, species, count = (column.astype(np.int64) for column in _columns(session, molecules))
    step = np.searchsorted(known, reaction)
    has_height = known[np.minimum(step, len(known) - 1)] == reaction
    repeats = count[has_height]
    place, molecule = np.repeat((2 * step + side)[has_height], repeats), np.repeat(species[has_height], repeats)
    by_side = np.lexsort((molecule, place))
    species_ids, number = np.unique(molecule[by_side], return_inverse=True)
    return KnownNetwork(
        index=index_steps(len(species_ids), heights, np.bincount(place, minlength=2 * len(known)), number),
        species_ids=species_ids,
        reaction_ids=known,
        levels=tuple(levels.tolist()),
        marks=marks[order].tolist(),
        errors_kcal_mol=KCAL_MOL_PER_EV * error[order].astype(np.float64),
    )


def _columns(session: Session, statement: Select[Any]) -> list[NDArray[Any]]:
    """The result of a statement column by column, each an array of its own type."""
    result = session.connection().execute(statement.execution_options(yield_per=ROWS_AT_ONCE))
    parts = [[np.array(column) for column in zip(*rows, strict=True)] for rows in result.partitions()]
    if not parts:
        return [np.array([]) for _ in statement.selected_columns]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
