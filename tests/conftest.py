"""One thread for every numerical library, networks small enough for tests, and files of weights without tensors.

Molecules are small, and sums over threads differ in their last digits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.weights_file import FORMATS

if TYPE_CHECKING:
    from models.reactdiff import ReactDiffConfig
    from tasks.settings import ExploreSettings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


@pytest.fixture(scope="session")
def tiny_config() -> ReactDiffConfig:
    """A generator of two blocks and few channels."""
    from models.backbone import BackboneConfig
    from models.reactdiff import ReactDiffConfig

    return ReactDiffConfig(
        backbone=BackboneConfig(
            irreps="8x0e+4x0o+4x1o+4x1e",
            edge_channels=8,
            direction_channels=4,
            product_channels=4,
            n_blocks=2,
            n_radial=8,
        )
    )


@pytest.fixture(scope="session")
def write_weights() -> Callable[..., Path]:
    """Function that writes a file of weights with a card and no tensors, as it is known without torch."""

    def written(path: Path, kind: str, **card: object) -> Path:
        facts = json.dumps({"format": FORMATS[kind], "kind": kind, "config": {}, "card": card})
        header = json.dumps({"__metadata__": {"cairn": facts}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        return path

    return written


class InThisProcess:
    """A pool of workers without processes."""

    def run(self, function: Callable[..., object], jobs: Iterable[object]) -> Iterator[object]:
        """Each job at once."""
        from tasks.workers import Finished

        for job in jobs:
            yield Finished(job=job, value=function(job), fault=None)


@pytest.fixture(scope="session")
def in_this_process() -> InThisProcess:
    """A pool of workers without processes."""
    return InThisProcess()


@pytest.fixture(scope="module")
def explored(
    tmp_path_factory: pytest.TempPathFactory, in_this_process: InThisProcess
) -> Iterator[tuple[ExploreSettings, str]]:
    """Settings and campaign after one round from hydrogen cyanide, whose only reaction is the shift to isocyanide.

    Its search is done at GFN2-xTB; a ladder leads to HF/3-21G. Calculations run in this process.
    """
    from db.tables import CalculationKind
    from tasks import calculations
    from tasks.campaign import expand_frontier, start_campaign
    from tasks.settings import load_settings
    from tasks.triage import generate_candidates
    from tasks.work_queue import exploration_queue

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)
        settings = load_settings(
            database=f"sqlite:///{tmp_path_factory.mktemp('explored') / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            verify="all",
            end_points={"n_conformers": 1},
            ladder={"refine": "hf/3-21g"},
        )
        name = start_campaign.fn(settings)
        expand_frontier.fn(settings, name, 1)
        for kind in (CalculationKind.PREPARE, CalculationKind.SEARCH):
            queue = exploration_queue(settings, name, kind)
            while calculations.open_work(queue):
                calculations.run_calculations.fn(queue)
            if kind is CalculationKind.PREPARE:
                generate_candidates.fn(settings, name, 1)
        yield settings, name
