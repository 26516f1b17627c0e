"""Where Prefect's local server keeps its state while Cairn runs it.

Two explorations at once would share one SQLite file of Prefect's and lock each other out of it, so each takes a folder
of its own, used again by later runs: a fresh one costs several seconds. A server or folder that the user has chosen is
left alone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []  # locks live as long as the process


def use_own_prefect_home() -> None:
    """Point Prefect to the first of Cairn's folders that no other process uses, unless the user chose a server."""
    if "PREFECT_API_URL" in os.environ or "PREFECT_HOME" in os.environ or _profile_names_a_server():
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cairn" / "prefect"
    for number in range(1000):
        folder = cache / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        os.environ["PREFECT_HOME"] = str(folder)
        return


def _profile_names_a_server() -> bool:
    profiles = Path.home() / ".prefect" / "profiles.toml"
    return profiles.is_file() and "PREFECT_API_URL" in profiles.read_text(encoding="utf-8")
