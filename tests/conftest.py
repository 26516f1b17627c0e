"""One thread for every numerical library, networks small enough for tests, and files of weights without tensors.

Molecules are small, and sums over threads differ in their last digits.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
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


def _postgresql_program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL stem of a throw-away PostgreSQL cluster on a unix socket, with a migrated database `template_network`."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'cairn[postgresql]'")
    initdb, pg_ctl = _postgresql_program("initdb"), _postgresql_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    account = {}
    if os.geteuid() == 0:
        try:
            import pwd

            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root and there is no user postgres")
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
    from db.engine import open_database

    folder = Path(tempfile.mkdtemp(prefix="cairn-postgresql-"))
    if account:
        shutil.chown(folder, "postgres", "postgres")

    def call(*arguments: str) -> None:
        # the server inherits the streams: a pipe would stay open as long as it runs
        with (folder.parent / f"{folder.name}.log").open("ab") as log:
            subprocess.run(arguments, check=True, cwd=folder, stdout=log, stderr=log, **account)

    data = str(folder / "data")
    call(initdb, "-D", data, "-A", "trust", "-U", "cairn", "-N", "-E", "UTF8", "--locale=C")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    call(pg_ctl, "-D", data, "-w", "-o", options, "start")
    stem = f"postgresql://cairn@/{{}}?host={folder}"
    try:
        _administer(stem, "CREATE DATABASE template_network")
        open_database(stem.format("template_network")).dispose()
        yield stem
    finally:
        call(pg_ctl, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)
        (folder.parent / f"{folder.name}.log").unlink()


def _administer(stem: str, command: str) -> None:
    """Run one command outside of any transaction."""
    url = stem.format("postgres").replace("postgresql://", "postgresql+psycopg://")
    from sqlalchemy import create_engine, text

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(command))
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> Callable[..., AbstractContextManager[str]]:
    """Function that makes a database for as long as a `with` block lasts and gives its URL."""
    numbers = count()

    @contextmanager
    def made(*, tables: bool = True) -> Iterator[str]:
        name = f"network_{next(numbers)}"
        _administer(postgresql_server, f"CREATE DATABASE {name}" + (" TEMPLATE template_network" if tables else ""))
        yield postgresql_server.format(name)
        _administer(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")

    return made
