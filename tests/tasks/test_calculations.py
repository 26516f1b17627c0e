"""What calculations may use and what they cost, from the settings to the table."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from db.convert import to_failure
from db.engine import open_database, reading
from db.tables import CalculationKind, CalculationRow
from tasks.calculations import close_shared_pool, open_work, run_calculations
from tasks.campaign import expand_frontier, start_campaign
from tasks.settings import load_settings
from tasks.work_queue import exploration_queue


@pytest.fixture
def prepare(tmp_path):
    """Function that prepares the only reaction of hydrogen cyanide and returns its row."""

    def run(**given):
        settings = load_settings(
            database=f"sqlite:///{tmp_path / 'network.db'}",
            seeds=("C#N",),
            generator="classical",
            verify="all",
            end_points={"n_conformers": 1, "n_attempts": 1},
            **given,
        )
        campaign = start_campaign.fn(settings)
        expand_frontier.fn(settings, campaign, 1)
        queue = exploration_queue(settings, campaign, CalculationKind.PREPARE)
        run_calculations.fn(queue)
        assert open_work(queue) == 0
        engine = open_database(settings.database)
        try:
            with reading(engine) as session:
                row = session.scalars(select(CalculationRow)).one()
                session.expunge(row)
                return row
        finally:
            engine.dispose()

    yield run
    close_shared_pool()


def test_cpu_time_memory_and_iterations_of_a_calculation_are_stored(prepare):
    row = prepare(level="hf/sto-3g", workers={"n_workers": 1})
    assert row.outcome == "prepared"
    assert row.gradient_calls > 10
    assert row.scf_cycles > row.gradient_calls  # several for each point
    assert row.hessian_calls == 0
    assert row.cpu_seconds > 0.1
    assert 0.1 < row.peak_memory_gib < 1.0


def test_iterations_that_a_program_does_not_tell_are_not_known(prepare):
    row = prepare(workers={"n_workers": 1})
    assert row.outcome == "prepared"
    assert row.scf_cycles is None
    assert row.cpu_seconds > 0.0


def test_what_does_not_fit_is_refused_with_its_estimate_and_runs_once_it_may_use_more(prepare):
    refused = prepare(level="hf/sto-3g", workers={"n_workers": 1, "job_memory_gib": 0.1})
    failure = to_failure(refused)
    assert (refused.state, refused.outcome, refused.gradient_calls) == ("failed", "failed", 0)
    assert (failure.stage, failure.kind) == ("infrastructure", "memory")
    assert "the gradient of CHN at hf/sto-3g needs about 0.3 GiB" in failure.message
    assert "a job may use 0.1 GiB; raise job_memory_gib" in failure.message
    row = prepare(level="hf/sto-3g", workers={"n_workers": 1, "job_memory_gib": 1.0})
    assert (row.id, row.outcome) == (refused.id, "prepared")


def test_an_element_that_the_basis_lacks_is_refused_at_once(prepare, monkeypatch):
    monkeypatch.setattr("chem.pyscf_molecule._has_element", lambda _basis, symbol: symbol != "N")
    failure = to_failure(prepare(level="hf/sto-3g", workers={"n_workers": 1}))
    assert (failure.stage, failure.kind) == ("infrastructure", "element")
    assert "sto-3g has no N" in failure.message
