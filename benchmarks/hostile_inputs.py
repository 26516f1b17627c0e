"""Over a hundred hostile inputs: each must end in a clear error, a stored failure, or a right answer, and in time.

    OMP_NUM_THREADS=1 python -m benchmarks.hostile_inputs --json hostile.json

Impossible spins, atoms on top of each other, single atoms, ions, broken files, levels and programs that are not there,
killed workers, full disks (`benchmarks/hostile_cases.py`). Commands run as they are, in a process of their own;
functions run in a worker process. A traceback, an exit code that is not in the contract, a hang, an empty message or a
number that is not finite in JSON is a fault, and the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.hostile_cases import CHEMICAL_CASES, Case
from benchmarks.hostile_surroundings import SURROUNDING_CASES
from chem.errors import CalculationError, InputError
from tasks.workers import WorkerLimits, WorkerPool

ROOT = Path(__file__).resolve().parents[1]
SHORTEST_MESSAGE = 4  # words
CASES = (*CHEMICAL_CASES, *SURROUNDING_CASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a case ended.

    Attributes:
        kind: `error`, `failure`, `answer`, `broken`, or what must not happen: `traceback`, `hang`, `exit code`, `json`.
        message: What was said.
        n_modes: Number of vibrations of an answer that has some.
        failure: Its kind where it is a stored failure.
    """

    kind: str
    message: str = ""
    n_modes: int | None = None
    failure: str = ""


def run_command(case: Case) -> Ending:
    """Run a command as a user would."""
    sink: Any = nullcontext(subprocess.PIPE) if not case.stdout else Path(case.stdout).open("w")  # noqa: SIM115
    with tempfile.TemporaryDirectory(prefix="cairn-hostile-") as name, sink as stdout:
        folder = Path(name)
        for file, content in case.files.items():
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), "."]), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *case.words],
            cwd=folder,
            env={**environment, **case.environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        if case.kills_worker:
            threading.Thread(target=_kill_worker, args=(process.pid,), daemon=True).start()
        try:
            out, err = process.communicate(timeout=case.limit_s)
        except subprocess.TimeoutExpired:
            _kill_tree(process.pid)
            process.communicate()
            return Ending(kind="hang", message=f"no end within {case.limit_s:.0f} s")
    return _ending(process.returncode, out or "", err)


def _ending(code: int, out: str, err: str) -> Ending:
    told = " ".join(err.replace("│", " ").split())
    if "Traceback" in err:
        return Ending(kind="traceback", message=err.strip().splitlines()[-1])
    if code == 2:
        return (
            Ending(kind="json", message=f"output beside an error: {out[:80]}")
            if out
            else Ending(kind="error", message=told)
        )
    if code == 1:
        return Ending(kind="broken", message=told)
    if code != 0:
        return Ending(kind="exit code", message=f"{code}: {told}")
    try:
        records = [json.loads(line, parse_constant=_refuse_constant) for line in out.splitlines()]
    except ValueError as error:
        return Ending(kind="json", message=str(error))
    return _of_record(records[0] if records else {})


def _of_record(record: Mapping[str, Any]) -> Ending:
    failure, modes = record.get("failure"), record.get("frequencies_cm1")
    if failure is not None:
        if not (failure["stage"] and failure["kind"]):
            return Ending(kind="json", message=f"a failure without stage or kind: {failure}")
        return Ending(kind="failure", message=failure["message"], failure=failure["kind"])
    return Ending(kind="answer", n_modes=None if modes is None else len(modes))


def run_call(case: Case) -> Ending:
    """Call a function, in a worker process."""
    with WorkerPool(WorkerLimits(n_workers=1, job_timeout_s=case.limit_s)) as pool:
        (done,) = pool.run(_called, [case])
    if done.fault is not None:
        return Ending(kind="hang" if "without an answer" in done.fault else "traceback", message=done.fault)
    return done.value


def _called(case: Case) -> Ending:
    try:
        record = case.call()
        json.dumps(record, allow_nan=False)
    except InputError as error:
        return Ending(kind="error", message=str(error))
    except CalculationError as error:
        return Ending(kind="failure", message=str(error), failure=error.kind)
    return _of_record(record)


def fault_of(case: Case, ending: Ending) -> str:
    """What is wrong with an ending; empty where nothing is."""
    if ending.kind not in case.ends:
        return f"{ending.kind}, not {' or '.join(sorted(case.ends))}: {ending.message}"
    if ending.kind == "answer":
        right = case.n_modes is None or ending.n_modes == case.n_modes
        return "" if right else f"{ending.n_modes} vibrations, not {case.n_modes}"
    if len(ending.message.split()) < SHORTEST_MESSAGE or ": )" in ending.message:
        return f"says nothing: {ending.message!r}"
    return "" if case.says in ending.message else f"does not name {case.says!r}: {ending.message}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} in JSON")


def _kill_worker(pid: int) -> None:
    """Kill the worker of a command as soon as it computes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()) and child.cpu_times().user > 3.0:
                child.kill()
                return
        time.sleep(0.1)


def _kill_tree(pid: int) -> None:
    parent = psutil.Process(pid)
    for process in [*parent.children(recursive=True), parent]:
        process.kill()


def print_results(rows: list[dict[str, Any]]) -> None:
    """The table, and each fault."""
    kinds = ("error", "failure", "answer", "broken", "fault")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("group", "cases", *kinds, "longest, s"):
        table.add_column(column, justify="left" if column == "group" else "right")
    for group in [*dict.fromkeys(row["group"] for row in rows), "all"]:
        those = [row for row in rows if group in (row["group"], "all")]
        counts = Counter("fault" if row["fault"] else row["kind"] for row in those)
        longest = max(row["seconds"] for row in those)
        table.add_row(group, str(len(those)), *(str(counts[kind] or "-") for kind in kinds), f"{longest:.0f}")
    Console(width=120).print(table)
    for row in rows:
        if row["fault"]:
            print(f"FAULT {row['group']} / {row['name']}: {row['fault']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", nargs="+", choices=sorted({case.group for case in CASES}))
    parser.add_argument("--only", help="part of the names of the cases to run")
    parser.add_argument("--json", type=Path, help="write every row here as well")
    arguments = parser.parse_args()
    groups = arguments.groups or {case.group for case in CASES}
    cases = [case for case in CASES if case.group in groups and (arguments.only or "") in case.name]
    if not cases:
        parser.error(f"no case has {arguments.only!r} in its name")
    rows = []
    for case in cases:
        began = time.monotonic()
        ending = run_command(case) if case.words else run_call(case)
        row = {"group": case.group, "name": case.name, **asdict(ending), "fault": fault_of(case, ending)}
        rows.append({**row, "seconds": round(time.monotonic() - began, 1)})
        told = " ".join(ending.message.split())[:200]
        print(f"{rows[-1]['seconds']:6.1f} s  {case.group:12s} {case.name:50s} {ending.kind}: {told}", flush=True)
    print_results(rows)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1))
    sys.exit(any(row["fault"] for row in rows))


if __name__ == "__main__":
    main()
