"""Deployments on a real server, with real workers and PostgreSQL, as `cairn up` starts them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from cli.campaign_status import status_record
from cli.up import began_by, processes
from db.engine import open_database, reading

INTERVAL_S = 15
POLL_TIMEOUT_S = 90.0  # the server itself waits up to 60 s for the lock of its SQLite file


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def cairn(*words):
    done = subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def completed(port, flow):
    """Runs of a flow that the server has seen to their end."""
    wanted = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    return httpx.post(f"http://127.0.0.1:{port}/api/flow_runs/count", json=wanted, timeout=POLL_TIMEOUT_S).json()


@pytest.mark.server
def test_on_a_schedule_a_campaign_grows_by_itself_in_postgresql(tmp_path, port, postgresql_database):
    home = tmp_path / "prefect"
    settings = tmp_path / "acid.yaml"
    settings.write_text("seeds: ['C#N']\nname: acid\ndepth: 2\ngenerator: classical\nverify: all\n")

    def status():
        engine = open_database(url, create=False)
        with reading(engine) as session:
            record = status_record(session, "acid")
        engine.dispose()
        return record

    with postgresql_database() as url:
        cairn("campaign", "create", "--config", str(settings), "--db", url)
        up = ("up", "--db", url, "--home", str(home), "--port", str(port), "--every", str(INTERVAL_S))
        cairn(*up)
        try:
            (worker,) = (each.pid for each in processes(home) if each.name == "gpu")
            os.kill(worker, signal.SIGKILL)
            assert "started gpu;" in cairn(*up)
            assert "run already" in cairn(*up)
            deadline = time.monotonic() + 400
            while time.monotonic() < deadline:
                now = status()
                if completed(port, "expand") >= 3 and now["n_species"] == 2 and completed(port, "verify-campaigns"):
                    break
                time.sleep(2)
            assert completed(port, "expand") >= 3
            assert (now["n_reactions"], now["n_species"]) == (1, 2)
            assert {each["kind"] for each in now["costs"]} == {"prepare", "search"}
            assert sum(each["gradient_calls"] for each in now["costs"]) == now["spent"]["gradient_calls"] > 50
        finally:
            told = cairn("down", "--home", str(home))
        assert told == "3 processes ended\n"
        assert not [each for each in psutil.process_iter() if began_by(each, home)]
        assert cairn("down", "--home", str(home)).startswith("nothing of")
