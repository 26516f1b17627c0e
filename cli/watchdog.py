"""A small process that outlives a killed exploration just long enough to end its children.

Prefect's local server is a child that does not notice when its parent is killed with SIGKILL; left alone it would hold
its port and memory for ever.
"""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

POLL_S = 1.0


def start_watchdog() -> None:
    """Watch this process from one of its own, in a session apart so that Ctrl-C does not reach it."""
    parent = psutil.Process()
    subprocess.Popen(
        [sys.executable, "-m", "cli.watchdog", str(parent.pid), repr(parent.create_time())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def watch(pid: int, create_time: float) -> None:
    """Remember the children of a process while it lives; when it is gone, kill those that are left."""
    known: dict[int, psutil.Process] = {}
    try:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE and parent.create_time() == create_time:
            for child in parent.children(recursive=True):
                known.setdefault(child.pid, child)
            time.sleep(POLL_S)
    except psutil.NoSuchProcess:
        pass
    own = psutil.Process().pid
    for child in known.values():
        if child.pid != own and child.is_running():
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue


if __name__ == "__main__":
    watch(int(sys.argv[1]), float(sys.argv[2]))
