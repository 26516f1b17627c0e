"""Handing out work: nothing twice, nothing lost, whatever dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from chem.outcomes import Failure, Stage
from db.campaigns import add_campaign, add_reaction_members
from db.closing import Spent, finish, refuse
from db.convert import to_failure
from db.engine import reading, writing
from db.places import set_places
from db.requeue import requeue_failed
from db.store import add_reactions
from db.tables import AbandonedAttemptRow, CalculationKind, CalculationRow
from db.work import LeaseLostError, claim, enqueue, heartbeat, open_calculations, release

ROOT = Path(__file__).parents[2]
SEARCH = CalculationKind.SEARCH

WORKER = """
import sys, time
from db.engine import open_database, writing
from db.closing import finish
from db.work import claim
from db.tables import CalculationKind
url, worker = sys.argv[1:3]
engine = open_database(url, create=False)
while claimed := claim(engine, kind=CalculationKind.SEARCH, worker=worker, limit=3, lease_seconds=60):
    for one in claimed:
        with writing(engine) as session:
            finish(session, one, outcome="intended", gradient_calls=1, seconds=0.0)
        print(one.id, flush=True)
engine.dispose()
"""

DYING_WORKER = """
import sys, time
from db.engine import open_database
from db.work import claim
from db.tables import CalculationKind
engine = open_database(sys.argv[1], create=False)
claimed = claim(engine, kind=CalculationKind.SEARCH, worker="doomed", limit=2, lease_seconds=1.0)
print(*[one.id for one in claimed], flush=True)
time.sleep(600)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def queue(engine, network, count=3, **options):
    many = [replace(network.shift, key=f"shift {number:03}") for number in range(count)]
    with writing(engine) as session:
        add_reactions(session, many)
        return enqueue(session, kind=SEARCH, reaction_keys=[one.key for one in many], level_key="GFN2-xTB", **options)


def take(engine, worker="one", *, limit=10, lease_seconds=60.0, **options):
    return claim(engine, kind=SEARCH, worker=worker, limit=limit, lease_seconds=lease_seconds, **options)


def rows(engine):
    with reading(engine) as session:
        found = session.scalars(select(CalculationRow).order_by(CalculationRow.id)).all()
        session.expunge_all()
    return found


def abandoned(engine):
    with reading(engine) as session:
        found = session.scalars(select(AbandonedAttemptRow).order_by(AbandonedAttemptRow.id)).all()
        session.expunge_all()
    return found


def test_only_the_reactions_that_are_named_are_claimed_and_counted(engine, network):
    with writing(engine) as session:
        add_reactions(session, network.reactions, {})
        enqueue(session, kind=CalculationKind.SEARCH, reaction_keys=["shift", "decay"], level_key="GFN2-xTB")
    with reading(engine) as session:
        counted = open_calculations(
            session,
            kind=CalculationKind.SEARCH,
            campaign=None,
            level_key="GFN2-xTB",
            settings={},
            reaction_keys=["decay"],
        )
    found = claim(engine, kind=CalculationKind.SEARCH, worker="one", limit=9, lease_seconds=60, reaction_keys=["decay"])
    assert counted == 1
    assert [each.subject_key for each in found] == ["decay"]


def test_queueing_twice_queues_once_and_other_settings_are_other_work(engine, network):
    assert queue(engine, network) == 3
    assert queue(engine, network) == 0
    assert queue(engine, network, settings={"budget": 100}) == 3
    assert queue(engine, network, settings={"budget": 100}) == 0


def test_work_is_handed_out_oldest_first_and_once(engine, network):
    queue(engine, network)
    first, second = take(engine, "one", limit=2), take(engine, "two", limit=2)
    assert [one.subject_key for one in first + second] == ["shift 000", "shift 001", "shift 002"]
    assert [one.attempt for one in first + second] == [1, 1, 1]
    assert take(engine, "three") == []


def test_work_with_a_place_comes_in_the_order_of_places(engine, network):
    queue(engine, network)
    with writing(engine) as session:
        set_places(
            session,
            {"shift 002": -3.0, "shift 000": -1.0},
            kind=CalculationKind.SEARCH,
            level_key="GFN2-xTB",
            settings={},
        )
    found = [one.subject_key for _ in range(3) for one in take(engine, "one", limit=1)]
    assert found == ["shift 002", "shift 000", "shift 001"]


def test_only_work_of_the_asked_kind_level_and_campaign_is_handed_out(engine, network):
    queue(engine, network)
    with writing(engine) as session:
        add_campaign(session, name="small", settings={}, seed=0, rules_hash="")
        add_reaction_members(session, "small", ["shift 001"], round_number=0)
    assert claim(engine, kind=CalculationKind.PREPARE, worker="one", limit=9, lease_seconds=60) == []
    assert take(engine, level_key="B3LYP") == []
    assert [one.subject_key for one in take(engine, campaign="small")] == ["shift 001"]
    assert [one.subject_key for one in take(engine, level_key="GFN2-xTB")] == ["shift 000", "shift 002"]


def test_four_processes_share_the_work_without_doing_any_twice(database_url, engine, network):
    queue(engine, network, count=120)
    workers = [start(WORKER, database_url, f"worker {number}") for number in range(4)]
    outputs = [worker.communicate(timeout=180) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, outputs
    done = Counter(int(word) for out, _ in outputs for word in out.split())
    assert len(done) == 120
    assert set(done.values()) == {1}
    assert {(row.state, row.attempt, row.outcome) for row in rows(engine)} == {("done", 1, "intended")}
    assert abandoned(engine) == []


def test_the_work_of_a_killed_process_is_given_to_another_and_recorded(database_url, engine, network):
    queue(engine, network)
    doomed = start(DYING_WORKER, database_url)
    held = [int(word) for word in doomed.stdout.readline().split()]
    assert len(held) == 2
    assert [one.id for one in take(engine, "heir")] == [row.id for row in rows(engine) if row.id not in held]
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()
    time.sleep(1.1)
    again = take(engine, "heir")
    assert [(one.id, one.attempt) for one in again] == [(number, 2) for number in held]
    assert [(row.calculation_id, row.attempt, row.worker, row.reason) for row in abandoned(engine)] == [
        (number, 1, "doomed", "lease expired") for number in held
    ]


def test_a_result_under_a_lost_lease_is_refused_and_the_heir_stores_the_only_one(engine, network):
    queue(engine, network, count=1)
    (late,) = take(engine, "late", lease_seconds=0.0)
    time.sleep(0.01)
    (heir,) = take(engine, "heir")
    refused = r"search of shift 000: attempt 1 of worker late lost its lease; .* running in attempt 2 of worker heir"
    with pytest.raises(LeaseLostError, match=refused), writing(engine) as session:
        finish(session, late, outcome="intended", gradient_calls=99, seconds=9.0)
    with writing(engine) as session:
        assert finish(session, heir, outcome="unintended", gradient_calls=5, seconds=1.0)
    with pytest.raises(LeaseLostError, match="is done in attempt 2 of worker heir"), writing(engine) as session:
        finish(session, late, outcome="intended", gradient_calls=99, seconds=9.0)
    (row,) = rows(engine)
    assert (row.state, row.outcome, row.gradient_calls, row.finished_by) == ("done", "unintended", 5, "heir")


def test_a_worker_with_an_expired_lease_that_nobody_took_may_still_finish(engine, network):
    queue(engine, network, count=1)
    (late,) = take(engine, lease_seconds=0.0)
    with writing(engine) as session:
        assert finish(session, late, outcome="intended", gradient_calls=1, seconds=1.0)


def test_finishing_twice_under_one_lease_is_done_once(engine, network):
    queue(engine, network, count=1)
    (one,) = take(engine)
    with writing(engine) as session:
        assert finish(session, one, outcome="intended", gradient_calls=1, seconds=1.0)
    with writing(engine) as session:
        assert not finish(session, one, outcome="failed", gradient_calls=2, seconds=2.0)
    assert rows(engine)[0].outcome == "intended"


def test_a_heartbeat_keeps_a_lease_and_tells_what_is_still_held(engine, network):
    queue(engine, network, count=2)
    held = take(engine, "one", lease_seconds=0.0)
    assert heartbeat(engine, worker="one", lease_seconds=60) == {one.id for one in held}
    assert take(engine, "two") == []
    with writing(engine) as session:
        finish(session, held[0], outcome="intended", gradient_calls=1, seconds=1.0)
    assert heartbeat(engine, worker="one", lease_seconds=60) == {held[1].id}
    assert heartbeat(engine, worker="two", lease_seconds=60) == frozenset()


def test_the_claims_of_a_dead_worker_are_returned_at_once(engine, network):
    queue(engine, network)
    held = take(engine, "dead", limit=2)
    assert release(engine, worker="dead", calculation_ids=[held[0].id], reason="process ended with -9") == 1
    assert release(engine, worker="dead") == 1
    assert release(engine, worker="dead") == 0
    assert [row.reason for row in abandoned(engine)] == ["process ended with -9", "worker died"]
    assert {(row.worker, row.attempt, row.calculation_id) for row in abandoned(engine)} == {
        ("dead", 1, one.id) for one in held
    }
    assert [one.attempt for one in take(engine, "heir")] == [2, 2, 1]


def test_a_calculation_that_keeps_killing_its_workers_fails_for_infrastructure(engine, network):
    queue(engine, network, count=1, max_attempts=2)
    for attempt in (1, 2):
        assert [one.attempt for one in take(engine, f"worker {attempt}")] == [attempt]
        release(engine, worker=f"worker {attempt}", reason="out of memory")
    assert take(engine) == []
    (row,) = rows(engine)
    failure = to_failure(row)
    assert (row.state, row.outcome) == ("failed", "failed")
    assert (failure.stage, failure.kind) == (Stage.INFRASTRUCTURE, "attempts_exhausted")
    assert "2 attempts ended without a result, the last on worker worker 2 (out of memory)" in failure.message
    with writing(engine) as session:
        assert requeue_failed(session) == 1
    assert [one.attempt for one in take(engine)] == [3]
    assert to_failure(rows(engine)[0]) is None


def test_what_a_calculation_cost_is_stored_as_far_as_it_is_known(engine, network):
    queue(engine, network, count=2)
    first, second = take(engine)
    spent = Spent(hessian_calls=2, scf_cycles=131, cpu_seconds=12.5, peak_memory_gib=0.75)
    with writing(engine) as session:
        assert finish(session, first, outcome="intended", gradient_calls=7, seconds=13.0, spent=spent)
        assert finish(session, second, outcome="intended", gradient_calls=7, seconds=13.0)
    known, unknown = (
        Spent(
            hessian_calls=row.hessian_calls,
            scf_cycles=row.scf_cycles,
            cpu_seconds=row.cpu_seconds,
            peak_memory_gib=row.peak_memory_gib,
        )
        for row in rows(engine)
    )
    assert known == spent
    assert unknown == Spent()


def test_a_refused_calculation_is_failed_and_can_be_queued_again(engine, network):
    queue(engine, network, count=1)
    (one,) = take(engine)
    failure = Failure(stage=Stage.INFRASTRUCTURE, kind="memory", message="it needs 9 GiB; raise job_memory_gib")
    for fresh in (True, False):
        with writing(engine) as session:
            assert refuse(session, one, failure) is fresh
    (row,) = rows(engine)
    assert (row.state, row.outcome, row.worker) == ("failed", "failed", None)
    assert to_failure(row) == failure
    assert abandoned(engine) == []
    assert take(engine) == []
    with writing(engine) as session:
        assert requeue_failed(session) == 1
    assert len(take(engine)) == 1


def test_expired_leases_count_towards_the_attempts_too(engine, network):
    queue(engine, network, count=1, max_attempts=1)
    take(engine, lease_seconds=0.0)
    time.sleep(0.01)
    assert take(engine) == []
    assert rows(engine)[0].state == "running"  # its own lease, slept through, is still its own
    assert take(engine, "two") == []
    assert rows(engine)[0].state == "failed"


def test_work_is_claimed_by_the_settings_it_was_queued_with(engine, network):
    queue(engine, network, count=1)
    assert take(engine, settings={"other": 1}) == []
    assert len(take(engine, settings={})) == 1


def test_a_worker_that_a_person_stopped_does_not_count_as_a_fault(engine, network):
    queue(engine, network, count=1, max_attempts=1)
    for attempt in (1, 2, 3):
        assert [one.attempt for one in take(engine, "one")] == [attempt]
        release(engine, worker="one", reason="stopped by the user", fault=False)
    assert rows(engine)[0].state == "pending"
    assert len(abandoned(engine)) == 3
