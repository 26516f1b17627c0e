"""Prefect task that queues the minima of species."""

from __future__ import annotations

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from db.engine import open_database, writing
from db.requeue import requeue_failed
from db.species_minima import enqueue_minima
from db.store import add_levels
from tasks.work_queue import WorkQueue


@task(name="queue minima", cache_policy=NO_CACHE)
def queue_minima(queue: WorkQueue) -> WorkQueue:
    """Queue those that are not there; returns the queue of the species that stand for them and their mirror images."""
    engine = open_database(queue.database, create=False)
    try:
        with writing(engine) as session:
            requeue_failed(session, kind=queue.kind)
            add_levels(session, [queue.level])
            chosen = enqueue_minima(
                session, queue.reaction_keys or (), level_key=queue.level_key, settings=queue.settings
            )
    finally:
        engine.dispose()
    return replace(queue, reaction_keys=chosen)
