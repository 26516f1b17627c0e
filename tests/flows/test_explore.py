"""A whole exploration through the command line, with a real Prefect server, real xTB and real SQLite."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = pytest.mark.server

SEEDS = ("C#N", "C=O")
VERIFIED = ("--generator", "classical", "--verify", "all")


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Prefect keeps its own state apart from the user's."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("CAIRN_", "PREFECT_"))},
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
    }


def command(database, *more):
    given = ["--db", f"sqlite:///{database}", "--json", *VERIFIED, *more]
    return [sys.executable, "-m", "cli.main", "explore", *SEEDS, *given]


def explore(database, environment, *more):
    done = subprocess.run(
        command(database, *more), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(database, statement):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def network(database):
    """Keys with outcome, verdict and forward barrier, as a user would compare two networks."""
    found = rows(database, "SELECT reaction_key, outcome, verdict, barrier_forward_kcal_mol FROM reaction_summary")
    return {
        key: (outcome, verdict, None if barrier is None else round(barrier, 1))
        for key, outcome, verdict, barrier in found
    }


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, environment):
    database = tmp_path_factory.mktemp("undisturbed") / "network.db"
    return database, explore(database, environment)


def test_a_network_is_explored_verified_and_reported(undisturbed):
    database, summary = undisturbed
    assert summary["n_reactions"] == 2
    # Whether formaldehyde's search succeeds depends on the last digits, and so on the processor.
    passed = summary["reactions_by_state"]["passed"]
    assert passed in {1, 2}
    assert summary["gradient_calls"] > 100
    assert sum(summary["gradient_calls_by_stage"].values()) == summary["gradient_calls"]
    assert (summary["triage"]["share_dispatched"], summary["triage"]["audited"]) == (1.0, 0)
    assert ("C#N",) in {tuple(each["reactants"]) for each in summary["lowest_barriers"]}
    page = database.with_suffix(".html").read_text()
    assert "passed" in page
    proved = "SELECT COUNT(*) FROM transition_state WHERE verdict = 'passed'"
    assert rows(database, proved)[0][0] >= passed


def test_every_calculation_says_what_ran_it(undisturbed):
    database, _ = undisturbed
    programs = rows(database, "SELECT DISTINCT program, version FROM calculation")
    assert len(programs) == 1
    assert programs[0][0] in {"xtb-python", "tblite"}


def test_running_again_calculates_nothing_again(undisturbed, environment):
    database, first = undisturbed
    before = rows(database, "SELECT id, attempt, finished_at, gradient_calls FROM calculation ORDER BY id")
    again = explore(database, environment)
    assert rows(database, "SELECT id, attempt, finished_at, gradient_calls FROM calculation ORDER BY id") == before
    assert again["lowest_barriers"] == first["lowest_barriers"]


def test_a_second_run_explores_no_further_than_the_first(environment, tmp_path):
    database = tmp_path / "network.db"

    def once():
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "explore", "CO", "--db", f"sqlite:///{database}", "--json", *VERIFIED],
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return rows(database, "SELECT reaction_id, round FROM reaction_membership ORDER BY 1"), rows(
            database, "SELECT id, attempt, finished_at FROM calculation ORDER BY 1"
        )

    first = once()
    assert rows(database, "SELECT MAX(round) FROM species_membership") == [(1,)]
    assert once() == first


def test_killed_and_resumed_it_ends_with_the_same_network(undisturbed, environment, tmp_path):
    database = tmp_path / "network.db"
    process = subprocess.Popen(command(database), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: running(database), 240)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    finished = rows(database, "SELECT id, finished_at FROM calculation WHERE state = 'done'")
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    explore(database, environment)
    assert network(database) == network(undisturbed[0])
    still = dict(rows(database, "SELECT id, finished_at FROM calculation WHERE state = 'done'"))
    assert all(still[key] == moment for key, moment in finished)
    abandoned = rows(database, "SELECT calculation_id, reason FROM abandoned_attempt")
    assert 1 <= len(abandoned) <= 4
    assert all("killed" in reason for _, reason in abandoned)


def test_on_two_dask_workers_it_ends_with_the_same_network(undisturbed, environment, tmp_path):
    database = tmp_path / "network.db"
    explore(database, {**environment, "CAIRN_RUNNER__KIND": "dask"})
    assert network(database) == network(undisturbed[0])
    claimants = {name for (name,) in rows(database, "SELECT DISTINCT finished_by FROM calculation")}
    assert len({name.split(":")[1] for name in claimants}) == 2  # processes


def test_with_guesses_relaxed_first_it_ends_with_the_same_network(undisturbed, environment, tmp_path):
    calm, _ = undisturbed
    database, configuration = tmp_path / "network.db", tmp_path / "relaxed.yaml"
    configuration.write_text("relaxation: {method: mmff94}\n")
    summary = explore(database, environment, "--config", str(configuration))
    assert network(database).keys() == network(calm).keys()
    passed = {key: barrier for key, (_, verdict, barrier) in network(calm).items() if verdict == "passed"}
    found = {key: barrier for key, (_, verdict, barrier) in network(database).items() if verdict == "passed"}
    assert found.keys() & passed.keys()
    assert all(abs(found[key] - passed[key]) < 0.11 for key in found.keys() & passed.keys())
    assert set(summary["gradient_calls_by_stage"]) == {"guess", "relax", "prepare", "search"}
    assert summary["gradient_calls_by_stage"]["relax"] == 0


def test_interrupted_it_ends_within_five_seconds_and_leaves_no_child(environment, tmp_path):
    database = tmp_path / "network.db"
    process = subprocess.Popen(command(database), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: running(database), 240)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def running(database):
    if not database.exists():
        return False
    try:
        return bool(rows(database, "SELECT 1 FROM calculation WHERE state = 'running'"))
    except sqlite3.OperationalError:
        return False


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing started in time"
        time.sleep(0.05)


def test_without_verification_a_network_of_estimates_is_left(environment, tmp_path):
    database = tmp_path / "network.db"
    summary = explore(database, environment, "--verify", "none")
    assert summary["reactions_by_state"]["estimated"] == 2
    assert summary["triage"]["share_accepted"] == 1.0
    assert set(summary["gradient_calls_by_stage"]) == {"prepare", "estimate"}
