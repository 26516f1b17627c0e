"""`cairn up` and `cairn down`: Prefect's server, work pools, deployments and workers on one machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.query import DEFAULT_DATABASE, Database

if TYPE_CHECKING:
    import psutil

ROOT = Path(__file__).resolve().parents[1]
GPU_LIMIT = {"name": "gpu", "limit": 1, "active": True}  # one batch of the generator at a time
STATE_FILE = "up.json"
MARK = "UP_OF_CAIRN"  # in the environment of everything that `up` starts: its folder
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
        typer.Option(min=5.0, metavar="S", help="Run expand and verify so often, s, instead of as prefect.yaml says."),
    ] = None,
) -> None:
    """Start everything that runs campaigns by itself: a server, the pools gpu and qc, their workers, the deployments.

    The active campaigns of the database are then expanded, verified, audited and reported on a schedule; `cairn down`
    ends it. Make campaigns with `cairn campaign create`, before or after. Run it again to start again what died.

    Example:

        cairn up --db sqlite:///runs/cairn.db
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415
    from db.engine import database_file, open_database, shown_url  # noqa: PLC0415

    home = home.resolve()
    if not (ROOT / "prefect.yaml").is_file():
        raise ConfigurationError("cairn up runs from a checkout, where prefect.yaml is")
    open_database(database).dispose()
    file = database_file(database)
    where = database if file is None else f"sqlite:///{file.resolve()}"
    alive = {each.name for each in processes(home)}
    _check_alike(home, alive, {"port": port, "database": shown_url(where)})
    environment = {
        **_cores(qc_workers),
        **os.environ,
        MARK: str(home),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # s; its SQLite file is locked for long on a busy machine
        # Leases of concurrency limits in memory are lost with the server, and their slots stay taken for good.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "20",  # of a deployment, ahead; 100 keep a small server busy
        "PREFECT_CLI_PROMPT": "false",
        "CHECKOUT_OF_CAIRN": str(ROOT),
        "CAIRN_DATABASE": where,
    }
    began = []
    try:
        if "server" not in alive:
            began.append("server")
            _start(home, environment, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
            _wait_for(port, home)
        _deploy(home, environment, every)
        for name, pool in (("gpu", "gpu"), *((f"qc-{number + 1}", "qc") for number in range(qc_workers))):
            if name not in alive:
                began.append(name)
                _start(home, environment, name, "worker", "start", "--pool", pool, "--name", name, "--limit", "1")
    except BaseException:
        if not alive:
            _stop(home)
        raise
    if not began:
        typer.echo(f"server http://127.0.0.1:{port} and its workers run already; `cairn down --home {home}` ends them")
        return
    typer.echo(f"server http://127.0.0.1:{port}; started {', '.join(began)}; logs in {home}; `cairn down` ends them")


def down_command(home: Home = Path("runs/prefect")) -> None:
    """End what `cairn up` started; calculations that are running are done again later, the others are kept.

    Example:

        cairn down
    """
    ended = _stop(home.resolve())
    typer.echo(f"{ended} processes ended" if ended else f"nothing of {home} runs")


@dataclass(frozen=True, slots=True)
class Running:
    """A process that `up` started and that lives."""

    name: str
    pid: int


def processes(home: Path) -> list[Running]:
    """Server and workers that live; a number that was given to another process since is not taken for one of them."""
    from tasks.scratch import process_lives  # noqa: PLC0415

    return [
        Running(entry["name"], entry["pid"])
        for entry in _state(home).get("processes", [])
        if process_lives(entry["pid"], entry["created"])
    ]


def _check_alike(home: Path, alive: Collection[str], asked: Mapping[str, Any]) -> None:
    """What runs serves the same port and database, or nothing runs and the port is free; notes them."""
    from chem.errors import ConfigurationError  # noqa: PLC0415

    state = _state(home)
    for name, value in asked.items():
        if alive and state.get(name) != value:
            raise ConfigurationError(
                f"{', '.join(sorted(alive))} of {home} run already with {name} {state.get(name)}, not {value};"
                f" `cairn down --home {home}` ends them"
            )
    with socket.socket() as probe:
        if "server" not in alive and probe.connect_ex(("127.0.0.1", asked["port"])) == 0:
            raise ConfigurationError(f"port {asked['port']} is taken; give another with --port")
    home.mkdir(parents=True, exist_ok=True)
    _note(home, {**state, **asked})


def _cores(qc_workers: int) -> dict[str, str]:
    """Each worker of the pool qc gets its part of the cores, unless the environment says otherwise."""
    return {"CAIRN_WORKERS__CORES": str(max(1, (os.cpu_count() or 1) // qc_workers))} if qc_workers > 1 else {}


def _deploy(home: Path, environment: Mapping[str, str], every: float | None) -> None:
    """Work pools and the deployments of prefect.yaml, with another schedule where one is asked for; once for each."""
    import httpx  # noqa: PLC0415
    import yaml  # noqa: PLC0415

    content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    if every is not None:
        for deployment in content["deployments"]:
            if deployment["name"] in {"expand", "verify"}:
                deployment["schedules"] = [{"interval": every}]
    text = yaml.safe_dump(content, sort_keys=False)
    if _state(home).get("deployed") == text:
        return
    made = httpx.post(f"{environment['PREFECT_API_URL']}/v2/concurrency_limits/", json=GPU_LIMIT, timeout=30.0)
    if made.status_code != httpx.codes.CONFLICT:  # it is there already
        made.raise_for_status()
    for pool in {each["work_pool"]["name"] for each in content["deployments"]}:
        _prefect(environment, "work-pool", "create", pool, "--type", "process", "--overwrite")
    file = home / "prefect.yaml"
    file.write_text(text, encoding="utf-8")
    _prefect(environment, "--no-prompt", "deploy", "--all", "--prefect-file", str(file))
    _note(home, {**_state(home), "deployed": text})


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
    state = _state(home)
    others = [each for each in state.get("processes", []) if each["name"] != name]
    _note(home, {**state, "processes": [*others, entry]})


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


def _state(home: Path) -> dict[str, Any]:
    """What was noted last: port, database, deployments, processes."""
    file = home / STATE_FILE
    state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return state


def _note(home: Path, state: Mapping[str, Any]) -> None:
    """Replace what was noted, whole or not at all."""
    written = home / f"{STATE_FILE}.new"
    written.write_text(json.dumps(state), encoding="utf-8")
    written.replace(home / STATE_FILE)


def _stop(home: Path) -> int:
    """End server, workers and what they began, runs of killed workers too; returns how many servers and workers."""
    import psutil  # noqa: PLC0415

    found = processes(home)
    roots = [psutil.Process(each.pid) for each in found]
    orphans = [each for each in psutil.process_iter() if began_by(each, home) and each not in roots]
    family = [*orphans, *reversed(roots)]
    for process in family:
        _signal(process, kill=False)
    _, left = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
    for process in left:
        _signal(process, kill=True)
    psutil.wait_procs(left, timeout=STOP_TIMEOUT_S)
    if home.is_dir():
        _note(home, {key: value for key, value in _state(home).items() if key != "processes"})
    return len(found)


def began_by(process: psutil.Process, home: Path) -> bool:
    """Whether a process descends from what `up` started for a folder."""
    import psutil  # noqa: PLC0415

    try:
        return process.environ().get(MARK) == str(home)
    except psutil.Error:  # gone, or another user's
        return False


def _signal(process: psutil.Process, *, kill: bool) -> None:
    import psutil  # noqa: PLC0415

    with suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()
