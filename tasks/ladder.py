"""The Prefect task that queues a rung of the ladder of levels."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from db.engine import open_database, writing
from db.queries import reactions
from db.store import add_levels
from db.work import enqueue, requeue_failed
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
            add_levels(session, [queue.level])
            return enqueue(
                session,
                kind=queue.kind,
                reaction_keys=[each.key for each in known if each.barrier_forward_kcal_mol is not None],
                level_key=queue.level.key,
                settings=queue.settings,
            )
    finally:
        engine.dispose()
