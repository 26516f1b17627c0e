"""The Prefect task that queues a rung of the ladder of levels."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from chem.units import KCAL_MOL_PER_EV
from db.engine import open_database, reading, writing
from db.load import load_end_points
from db.places import set_places
from db.queries import ReactionRecord, reactions
from db.requeue import requeue_failed
from db.steps import steps_of
from db.store import add_levels
from db.work import enqueue
from tasks.job_making import made_by_preparation
from tasks.rungs import Rung, starting_points


@task(name="queue rung", cache_policy=NO_CACHE)
def queue_rung(rung: Rung) -> int:
    """Queue the calculations of a rung for every reaction that it is for; returns how many are new."""
    queue = rung.queue
    engine = open_database(queue.database, create=False)
    try:
        with writing(engine) as session:
            requeue_failed(session, kind=queue.kind)
            known = reactions(session, filters=starting_points(rung))
            keys = [each.key for each in known if each.barrier_forward_kcal_mol is not None]
            if rung.undecided:  # what only searches for others found has no ends of its own
                made_with = made_by_preparation(queue.settings)
                keys = list(load_end_points(session, [each.key for each in known], rung.from_level_key, made_with))
            add_levels(session, [queue.level])
            new = enqueue(
                session,
                kind=queue.kind,
                reaction_keys=keys,
                level_key=queue.level_key,
                settings=queue.settings,
            )
        if rung.stakes is not None and new and not rung.undecided:  # apart: it may take a while
            with reading(engine) as session:
                steps = steps_of(session, {each.key: heights for each in known if (heights := _heights(each))})
            places = rung.stakes.places(steps)
            with writing(engine) as session:
                set_places(
                    session,
                    {key: places[key] for key in keys if key in places},
                    kind=queue.kind,
                    level_key=queue.level_key,
                    settings=queue.settings,
                )
        return new
    finally:
        engine.dispose()


def _heights(record: ReactionRecord) -> tuple[float, float, float | None] | None:
    """Both heights, eV, and the error bar of the level below, kcal/mol."""
    forward, reverse = record.barrier_forward_kcal_mol, record.barrier_reverse_kcal_mol
    if forward is None or reverse is None:
        return None
    return forward / KCAL_MOL_PER_EV, reverse / KCAL_MOL_PER_EV, record.error_bar_95_kcal_mol
