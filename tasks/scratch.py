"""A folder of temporary files for each worker process, removed however the process ended.

A worker that is killed cannot tidy up: its folder carries its name, so that another process can tell that it is dead.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

import psutil

FOLDER_PREFIX = "cairn-scratch-"
SAME_START_S = 1.0  # two readings of when a process began agree to this; another with its number began later


def process_lives(pid: int, started: float) -> bool:
    """Whether the process of this machine with a number, begun at a time (s since the epoch), is still there."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def scratch_root() -> Path:
    """Where the folders lie: PYSCF_TMPDIR, else the temporary folder of the system (TMPDIR)."""
    return Path(os.environ.get("PYSCF_TMPDIR") or tempfile.gettempdir())


def open_scratch() -> Path:
    """Make the folder of this process."""
    root, process = scratch_root(), psutil.Process()
    root.mkdir(parents=True, exist_ok=True)
    name = f"{FOLDER_PREFIX}{socket.gethostname()}-{process.pid}-{process.create_time():.2f}-"
    return Path(tempfile.mkdtemp(prefix=name, dir=root))


def remove_abandoned() -> int:
    """Remove the folders of this machine and user whose process is dead.

    Returns:
        How many.
    """
    count = 0
    for folder in scratch_root().glob(f"{FOLDER_PREFIX}{socket.gethostname()}-*-*-*"):
        try:
            _, pid, started, _ = folder.name.rsplit("-", 3)
            lives = process_lives(int(pid), float(started))
            own = folder.stat().st_uid == os.getuid()
        except (ValueError, FileNotFoundError):  # not of our making, or removed by another just now
            continue
        if own and not lives:
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count
