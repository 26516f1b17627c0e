"""What the queue of the minima of species is. No Prefect here."""

from __future__ import annotations

from collections.abc import Iterable

from chem.types import LevelOfTheory
from db.tables import CalculationKind
from tasks.work_queue import WorkQueue
from tasks.workers import WorkerLimits


def minima_queue(
    database: str,
    level: LevelOfTheory,
    species_keys: Iterable[str],
    *,
    n_embeddings: int,
    seed: int,
    workers: WorkerLimits,
) -> WorkQueue:
    """The minima of some species.

    Args:
        database: URL.
        level: Level of theory.
        species_keys: Stored species.
        n_embeddings: Structures relaxed for each.
        seed: Of the embeddings.
        workers: Limits of the worker processes.
    """
    return WorkQueue(
        database=database,
        kind=CalculationKind.MINIMUM,
        level=level,
        settings={"n_embeddings": n_embeddings, "seed": seed},
        reaction_keys=frozenset(species_keys),
        workers=workers,
    )
