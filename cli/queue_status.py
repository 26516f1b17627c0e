"""How far a queue is, on one line of standard error while it is worked through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.totals import QueueProgress
    from tasks.work_queue import WorkQueue

REFRESH_S = 1.0


@contextmanager
def queue_status(queue: WorkQueue, name: str, told: Callable[[QueueProgress], str]) -> Iterator[None]:
    """Show how far a queue is and what it cost until the block ends.

    Args:
        queue: Which one; its database is there.
        name: What it is called before anything is known.
        told: The line for what is known.
    """
    from rich.console import Console  # noqa: PLC0415

    from db.engine import open_database, reading  # noqa: PLC0415
    from db.totals import queue_progress  # noqa: PLC0415
    from tasks.periodic import every  # noqa: PLC0415

    engine = open_database(queue.database, create=False)

    def line() -> str:
        with reading(engine) as session:
            now = queue_progress(session, kind=queue.kind, level_key=queue.level_key, settings=queue.settings)
        return told(now)

    try:
        with (
            Console(stderr=True).status(f"{name}: starting") as status,
            every(REFRESH_S, lambda: status.update(line()), name="progress"),
        ):
            yield
    finally:
        engine.dispose()
