"""Judge stored checks again by the thresholds of this version, from the numbers that they kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chem.outcomes import Check, CheckName, Status
from chem.verdict_rules import RULES, judged_again
from db.base import utc_now
from db.convert import check_values, to_verdict
from db.statements import batches
from db.tables import BarrierRow, LevelRow, ReactionRow, TransitionStateCheckRow, TransitionStateRow

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """A check whose state is another by today's thresholds.

    Attributes:
        transition_state_key: Of the saddle point.
        reaction_key: That it is filed under; None where that is unknown.
        level_key: At which it was computed.
        check: As it now is; its evidence names the `earlier_status`.
        verdict: Of the saddle point, with all its checks as they now are.
    """

    transition_state_key: str
    reaction_key: str | None
    level_key: str
    check: Check
    verdict: Status


def judge_again(session: Session, *, store: bool = True) -> list[Rejudged]:
    """Apply today's thresholds to every stored check that has numbers; nothing is computed.

    The verdicts of transition states and barriers follow their checks. What could not be checked stays so.

    Args:
        session: Of a write transaction, unless nothing is stored.
        store: Whether the changes are written.

    Returns:
        What changed, in the order in which it was stored.
    """
    changed = dict(_changed_checks(session))
    by_state: dict[int, dict[CheckName, Check]] = defaultdict(dict)
    for (_, state_id), check in changed.items():
        by_state[state_id][check.name] = check
    found: list[Rejudged] = []
    for part in batches(list(by_state)):
        verdicts = _verdicts(session, part, by_state)
        found += _named(session, part, by_state, verdicts)
        if store:
            for state_id, verdict in verdicts.items():
                _store_verdict(session, state_id, verdict)
    if store:
        for (row_id, _), check in changed.items():
            row = update(TransitionStateCheckRow).where(TransitionStateCheckRow.id == row_id)
            session.execute(row.values(check_values(check)))
    return found


def _changed_checks(session: Session) -> Iterator[tuple[tuple[int, int], Check]]:
    """Checks that come out otherwise today, by their row and that of their transition state."""
    judged = select(
        TransitionStateCheckRow.id,
        TransitionStateCheckRow.transition_state_id,
        TransitionStateCheckRow.name,
        TransitionStateCheckRow.status,
        TransitionStateCheckRow.evidence,
    ).where(
        TransitionStateCheckRow.name.in_([name.value for name in RULES]),
        TransitionStateCheckRow.status != Status.COULD_NOT_CHECK.value,
    )
    in_order = judged.order_by(TransitionStateCheckRow.id).execution_options(yield_per=ROWS_AT_ONCE)
    for row_id, state_id, name, status, evidence in session.execute(in_order):
        before = Check(name=CheckName(name), status=Status(status), evidence=evidence)
        after = judged_again(before)
        if after is not before:
            yield (row_id, state_id), after


def _verdicts(
    session: Session, state_ids: Sequence[int], changed: dict[int, dict[CheckName, Check]]
) -> dict[int, Status]:
    stored = select(
        TransitionStateCheckRow.transition_state_id, TransitionStateCheckRow.name, TransitionStateCheckRow.status
    ).where(TransitionStateCheckRow.transition_state_id.in_(state_ids))
    states: dict[int, list[tuple[str, str, dict[str, str]]]] = defaultdict(list)
    for state_id, name, status in session.execute(stored):
        now = changed[state_id].get(CheckName(name))
        states[state_id].append((name, status if now is None else now.status.value, {}))
    return {state_id: to_verdict(checks).status for state_id, checks in states.items()}


def _named(
    session: Session,
    state_ids: Sequence[int],
    changed: dict[int, dict[CheckName, Check]],
    verdicts: dict[int, Status],
) -> Iterator[Rejudged]:
    names = (
        select(TransitionStateRow.id, TransitionStateRow.key, ReactionRow.key, LevelRow.key)
        .join(LevelRow, LevelRow.id == TransitionStateRow.level_id)
        .outerjoin(ReactionRow, ReactionRow.id == TransitionStateRow.reaction_id)
        .where(TransitionStateRow.id.in_(state_ids))
        .order_by(TransitionStateRow.id)
    )
    for state_id, key, reaction_key, level_key in session.execute(names):
        for check in changed[state_id].values():
            yield Rejudged(
                transition_state_key=key,
                reaction_key=reaction_key,
                level_key=level_key,
                check=check,
                verdict=verdicts[state_id],
            )


def _store_verdict(session: Session, state_id: int, verdict: Status) -> None:
    state = update(TransitionStateRow).where(TransitionStateRow.id == state_id)
    session.execute(state.values(verdict=verdict.value, judged_at=utc_now()))
    session.execute(update(BarrierRow).where(BarrierRow.transition_state_id == state_id).values(verdict=verdict.value))
