"""Where the calculations of a round run: in this process's own workers, or on every worker of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from chem.errors import ConfigurationError
from tasks.calculations import run_calculations
from tasks.settings import ExploreSettings
from tasks.work_queue import WorkQueue


@contextmanager
def cluster_for(settings: ExploreSettings) -> Iterator[ExploreSettings]:
    """A Dask cluster on this machine, where settings ask for one, and the settings with its address.

    It ends with the block; its workers share the cores out among them. Other settings come back as they are.

    Raises:
        ConfigurationError: Dask is asked for and not installed.
    """
    runner = settings.runner
    if runner.kind == "dask" and find_spec("prefect_dask") is None:
        raise ConfigurationError(
            "the runner dask needs prefect-dask, which is not installed: pip install 'cairn[dask]'"
        )
    if runner.kind == "local" or runner.address is not None:
        yield settings
        return
    import dask  # noqa: PLC0415
    from distributed import LocalCluster  # noqa: PLC0415

    limits = settings.workers
    each = replace(limits, cores=max(1, limits.all_cores // runner.processes))
    with (
        dask.config.set({"distributed.worker.daemon": False}),  # workers start processes of their own
        LocalCluster(n_workers=runner.processes, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        known = replace(runner, address=cluster.scheduler_address)
        yield settings.model_copy(update={"runner": known, "workers": each})


def make_task_runner(settings: ExploreSettings) -> TaskRunner[Any]:
    """Prefect's task runner for the flow of a round."""
    if settings.runner.kind == "local":
        return ThreadPoolTaskRunner()
    from prefect_dask import DaskTaskRunner  # noqa: PLC0415

    runner: TaskRunner[Any] = DaskTaskRunner(address=settings.runner.address)
    return runner


def calculate(queue: WorkQueue) -> int:
    """Work through a batch of a queue, at once on every Dask worker where the flow runs on Dask.

    Each claims for itself, so workers may come and go.

    Returns:
        How many calculations ended.
    """
    workers = _dask_workers()
    if not workers:
        return run_calculations(queue)
    import dask  # noqa: PLC0415

    futures: list[PrefectFuture[int]] = []
    for address in workers:
        with dask.annotate(workers=[address], allow_other_workers=True):
            futures.append(run_calculations.submit(queue))
    return sum(future.result() for future in futures)


def _dask_workers() -> list[str]:
    """Addresses of the workers of the cluster that the flow runs on, once there is one; none elsewhere."""
    context = FlowRunContext.get()
    if context is None or not type(context.task_runner).__module__.startswith("prefect_dask"):
        return []
    runner: Any = context.task_runner
    client = runner.client
    client.wait_for_workers(1)
    return sorted(client.scheduler_info(n_workers=-1)["workers"])
