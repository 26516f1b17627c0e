"""`cairn up` and `cairn down`: Prefect's server, work pools, deployments and workers on one machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.query import DEFAULT_DATABASE, Database

if TYPE_CHECKING:
    import psutil

ROOT = Path(__file__).resolve().parents[1]
POOLS = ("gpu", "qc")
STATE_FILE = "processes.json"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0

Home = Annotated[Path, typer.Option(help="Folder of Prefect's own database, of logs and of the list of processes.")]


def up_command(
    database: Database = DEFAULT_DATABASE,
    home: Home = Path("runs/prefect"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the server on this machine.")] = 4200,
    qc_workers: Annotated[int, typer.Option("--qc-workers", min=1, help="Workers of the pool qc.")] = 1,
    every: Annotated[
        float | None,
        typer.Option(min=5.0, metavar="S", help="Run every deployment so often, s, instead of as prefect.yaml says."),
    ] = None,
) -> None:
    """Start everything that runs campaigns by itself: a server, the pools gpu and qc, their workers, the deployments.

    The active campaigns of the database are then expanded, verified, audited and reported on a schedule; `cairn down`
    ends it. Make campaigns with `cairn campaign create`, before or after.

    Example:

        cairn up --db sqlite:///runs/cairn.db
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from db.engine import database_file, open_database  # noqa: PLC0415

    home = home.resolve()
    if alive := _running(home):
        raise ConfigurationError(f"{len(alive)} processes of {home} run already; `cairn down --home {home}` ends them")
    if not (ROOT / "prefect.yaml").is_file():
        raise ConfigurationError("cairn up runs from a checkout, where prefect.yaml is")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigurationError(f"port {port} is taken; give another with --port")
    open_database(database).dispose()
    file = database_file(database)
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # s; its SQLite file is locked for long on a busy machine
        "PREFECT_CLI_PROMPT": "false",
        "CHECKOUT_OF_CAIRN": str(ROOT),
        "CAIRN_DATABASE": database if file is None else f"sqlite:///{file.resolve()}",
    }
    try:
        _start(home, environment, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        _wait_for(port, home)
        for pool in POOLS:
            _prefect(environment, "work-pool", "create", pool, "--type", "process", "--overwrite")
        _deploy(home, environment, every)
        _start(home, environment, "gpu", "worker", "start", "--pool", "gpu", "--name", "gpu", "--limit", "1")
        for number in range(qc_workers):
            name = f"qc-{number + 1}"
            _start(home, environment, name, "worker", "start", "--pool", "qc", "--name", name, "--limit", "1")
    except BaseException:
        _stop(home)
        raise
    typer.echo(f"server http://127.0.0.1:{port}, workers gpu and qc; logs in {home}; `cairn down` ends them")


def down_command(home: Home = Path("runs/prefect")) -> None:
    """End what `cairn up` started; calculations that are running are done again later, the others are kept.

    Example:

        cairn down
    """
    ended = _stop(home.resolve())
    typer.echo(f"{ended} processes ended" if ended else f"nothing of {home} runs")


def _deploy(home: Path, environment: Mapping[str, str], every: float | None) -> None:
    """The deployments of prefect.yaml, with another schedule where one is asked for."""
    import yaml  # noqa: PLC0415

    content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    if every is not None:
        for deployment in content["deployments"]:
            deployment["schedules"] = [{"interval": every}]
    file = home / "prefect.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    _prefect(environment, "--no-prompt", "deploy", "--all", "--prefect-file", str(file))


def _prefect(environment: Mapping[str, str], *words: str) -> None:
    """One command of Prefect's, to its end.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"prefect {' '.join(words)} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def _start(home: Path, environment: Mapping[str, str], name: str, *words: str) -> None:
    """One of Prefect's processes in the background, noted in the list of processes."""
    import psutil  # noqa: PLC0415

    with (home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *words],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    entry = {"name": name, "pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    (home / STATE_FILE).write_text(json.dumps([*_listed(home), entry]), encoding="utf-8")


def _wait_for(port: int, home: Path) -> None:
    import httpx  # noqa: PLC0415

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=5.0).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"Prefect's server did not start within {START_TIMEOUT_S:.0f} s; see {home / 'server.log'}")


def _listed(home: Path) -> list[dict[str, Any]]:
    file = home / STATE_FILE
    entries: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return entries


def _running(home: Path) -> list[psutil.Process]:
    """The processes of the list that live; a number that was given to another process since is not taken for one."""
    import psutil  # noqa: PLC0415

    found = []
    for entry in _listed(home):
        try:
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["created"]) < 1.0 and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _stop(home: Path) -> int:
    """End all processes of the list with their children, workers before the server; returns how many of the list."""
    import psutil  # noqa: PLC0415

    found = _running(home)
    family = [process for each in found for process in (*each.children(recursive=True), each)]
    for each in reversed(found):
        each.terminate()
    _, left = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
    for each in left:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=STOP_TIMEOUT_S)
    (home / STATE_FILE).unlink(missing_ok=True)
    return len(found)
