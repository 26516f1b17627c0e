"""A throw-away PostgreSQL server that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

USER = "cairn"


class Server:
    """One cluster in a folder of its own, on a unix socket; a context manager that removes it."""

    def __init__(self, options: str = "") -> None:
        self.account: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self.account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self.folder = Path(tempfile.mkdtemp(prefix="cairn-postgresql-"))
        if self.account:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data = self.folder / "data"
        self.options = f"-k {self.folder} -c listen_addresses='' {options}"
        self._call("initdb", "-D", str(self.data), "-A", "trust", "-U", USER, "-N", "-E", "UTF8", "--locale=C")

    def __enter__(self) -> Self:
        self.start()
        self._call("createdb", "-h", str(self.folder), "-U", USER, "network")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        """URL of its database."""
        return f"postgresql://{USER}@/network?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers, after a crash too."""
        self._call("pg_ctl", "-D", str(self.data), "-w", "-o", self.options, "start")

    def kill(self) -> None:
        """SIGKILL the server and every process of it."""
        leader = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        family = [leader, *leader.children(recursive=True)]
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=30)
        time.sleep(0.2)

    def _call(self, program: str, *arguments: str) -> None:
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        path = shutil.which(program) or (str(installed[-1]) if installed else program)
        with self.folder.with_suffix(".log").open("ab") as log:  # the server keeps the streams
            subprocess.run([path, *arguments], check=True, cwd=self.folder, stdout=log, stderr=log, **self.account)
