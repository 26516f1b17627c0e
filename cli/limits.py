"""What one calculation of the command line may use of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from chem.types import Geometry, LevelOfTheory
    from tasks.workers import WorkerLimits

Threads = Annotated[
    int, typer.Option(min=1, envvar="CAIRN_WORKERS__THREADS_PER_WORKER", help="Threads of the calculation.")
]
MemoryGib = Annotated[
    float,
    typer.Option(min=0.1, envvar="CAIRN_WORKERS__JOB_MEMORY_GIB", help="Memory that the calculation may use, GiB."),
]


TimeLimit = Annotated[
    float, typer.Option(min=1, help="Wall time after which the calculation is killed and nothing is kept, s.")
]


def limits_for(
    geometry: Geometry, level: LevelOfTheory, threads: int, memory_gib: float, time_limit_s: float
) -> WorkerLimits:
    """The limits of one worker, when the calculation, an analytic Hessian included, fits into them.

    Raises:
        ResourceError: It needs more memory.
    """
    from chem.resources import check_memory  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_memory(geometry, level, hessian=True, limit_gib=memory_gib)
    return WorkerLimits(n_workers=1, threads_per_worker=threads, job_memory_gib=memory_gib, job_timeout_s=time_limit_s)
