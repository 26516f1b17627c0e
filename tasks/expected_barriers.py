"""What the barrier head expects of stored transition states: reference quality beside the heights of their level."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine

from chem.barrier_estimate import BarrierEstimate, PointEnergies
from chem.generator import EndPoints
from chem.outcomes import Status, TransitionState
from db.engine import open_database, reading, writing
from db.expected_barriers import record_expected, states_to_ask_for
from db.statements import batches
from db.transition_states import transition_states
from tasks.barrier_head_weights import barrier_head_weights, load_head
from tasks.settings import ExploreSettings

if TYPE_CHECKING:
    from models.barrier_estimates import BarrierHead

AT_ONCE = 200  # transition states that are read, asked for and stored together

Progress = Callable[[int, int], None]


@task(name="expect barriers", tags=["gpu"], cache_policy=NO_CACHE)
def expect_barriers_of_campaign(settings: ExploreSettings, campaign: str) -> int:
    """Ask the barrier head of a campaign for its stored transition states; without a head nothing is done.

    Returns:
        How many were new.
    """
    weights = barrier_head_weights(settings)
    if weights is None or settings.barrier_head is None:
        return 0
    head = load_head(weights.path, settings.barrier_head.device)
    engine = open_database(settings.database)
    try:
        return expect_barriers(engine, head, campaign=campaign)
    finally:
        engine.dispose()


def expect_barriers(
    engine: Engine,
    head: BarrierHead,
    *,
    campaign: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> int:
    """Ask a barrier head for all stored transition states of its level that it was not asked for, and keep answers.

    Each batch is stored by itself: a run that was stopped goes on.

    Args:
        engine: Of the database.
        head: Trained weights.
        campaign: Only reactions that this campaign reached.
        progress: Told how many of how many are done.

    Returns:
        How many answers are new; none is given for molecules that the head does not know.

    Raises:
        ConfigurationError: There is no campaign of this name.
    """
    with reading(engine) as session:
        waiting = states_to_ask_for(
            session, level_key=head.level, checkpoint_sha256=head.checkpoint.sha256, campaign=campaign
        )
    new = done = 0
    for batch in batches(waiting, AT_ONCE):
        with reading(engine) as session:
            states = {each.id: each.transition_state for each in transition_states(session, list(batch))}
        estimates = expected(head, list(states.values()))
        with writing(engine) as session:
            answers = zip(states, estimates, strict=True)
            new += record_expected(session, {number: one for number, one in answers if one is not None})
        done += len(batch)
        progress(done, len(waiting))
    return new


def expected(head: BarrierHead, states: list[TransitionState]) -> list[BarrierEstimate | None]:
    """What a head expects of transition states with both ends, in order; None where it does not know the molecules."""
    ends, energies = [], []
    for state in states:
        before, after = state.reactant_end, state.product_end
        low, high = state.reactant_end_energy_ev, state.product_end_energy_ev
        if before is None or after is None or low is None or high is None:
            raise ValueError("a barrier is expected of transition states with both ends and their energies alone")
        ends.append(EndPoints(reactant=before, product=after))
        energies.append(PointEnergies(reactant_ev=low, product_ev=high, candidate_ev=state.energy_ev))
    searched = [state.verdict.status is not Status.ESTIMATED for state in states]
    return head.estimate(ends, [state.geometry for state in states], energies, searched)
