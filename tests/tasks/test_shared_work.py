"""Campaigns of one database share what is calculated, and stop where their budget is spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chem.budget import Budget
from db.campaign_tables import CampaignState
from db.engine import open_database, reading, writing
from db.lifecycle import campaigns, set_state
from db.tables import CalculationKind, CalculationRow
from db.work import claim as real_claim
from tasks import calculations
from tasks.calculations import open_work, run_calculations
from tasks.campaign import expand_frontier, start_campaign
from tasks.settings import load_settings
from tasks.triage import generate_candidates
from tasks.work_queue import exploration_queue


@pytest.fixture(autouse=True)
def one_process(monkeypatch, in_this_process):
    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)


def settings_for(tmp_path, *seeds, **given):
    return load_settings(
        database=f"sqlite:///{tmp_path / 'network.db'}",
        seeds=seeds,
        generator="classical",
        verify="all",
        end_points={"n_conformers": 1},
        **given,
    )


def explore(settings):
    """A round, as far as the campaign is allowed to go."""
    name = start_campaign.fn(settings)
    expand_frontier.fn(settings, name, 1)
    for kind in (CalculationKind.PREPARE, CalculationKind.SEARCH):
        queue = exploration_queue(settings, name, kind)
        while open_work(queue) and run_calculations.fn(queue):
            pass
        generate_candidates.fn(settings, name, 1)
    return name


def known(settings):
    """Spending of each campaign by name, and the finished calculations."""
    engine = open_database(settings.database)
    try:
        with reading(engine) as session:
            spent = {each.name: each.spent.gradient_calls for each in campaigns(session)}
            rows = session.query(CalculationRow).filter_by(state="done").order_by(CalculationRow.id)
            done = [(row.id, row.kind, row.attempt, row.finished_at, row.gradient_calls) for row in rows]
        return spent, done
    finally:
        engine.dispose()


def test_campaigns_that_overlap_calculate_what_they_share_once(tmp_path):
    small, large = settings_for(tmp_path, "C#N"), settings_for(tmp_path, "C#N", "C=O")
    first = explore(small)
    spent, before = known(small)
    second = explore(large)
    after_spent, after = known(large)
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert after_spent[first] == spent[first] == sum(row[-1] for row in before)
    assert after_spent[second] == sum(row[-1] for row in after[len(before) :])


def test_a_budget_is_overspent_by_no_more_than_what_was_running(tmp_path):
    settings = settings_for(tmp_path, "C#N", "C=O", budget=Budget(gradient_calls=1))
    name = explore(settings)
    spent, done = known(settings)
    assert len(done) == 1
    assert spent[name] == done[0][-1] > 1
    more = settings.model_copy(update={"budget": Budget(gradient_calls=100_000)})
    assert explore(more) == name
    spent, after = known(more)
    assert after[0] == done[0]
    assert len(after) == 4
    assert spent[name] == sum(row[-1] for row in after)


def test_a_pause_loses_nothing(tmp_path):
    settings = settings_for(tmp_path, "C#N")
    name = start_campaign.fn(settings)
    expand_frontier.fn(settings, name, 1)
    engine = open_database(settings.database)
    with writing(engine) as session:
        set_state(session, name, CampaignState.PAUSED)
    queue = exploration_queue(settings, name, CalculationKind.PREPARE)
    assert (run_calculations.fn(queue), open_work(queue)) == (0, 1)
    with writing(engine) as session:
        set_state(session, name, CampaignState.ACTIVE)
    engine.dispose()
    assert (run_calculations.fn(queue), open_work(queue)) == (1, 0)


@pytest.mark.parametrize(
    ("cpu_seconds", "at_once"),
    [((0.5, 0.5), [1, 8, 8]), ((0.01, 60.0), [1, 8, 1]), ((60.0, 0.5), [1, 1, 1]), ((None, 0.5), [1, 1, 1])],
)
def test_several_calculations_are_claimed_at_once_only_while_all_of_the_last_were_short(
    tmp_path, monkeypatch, in_this_process, cpu_seconds, at_once
):
    class Timed:
        def run(self, function, jobs):
            for seconds, finished in zip(cpu_seconds, in_this_process.run(function, jobs), strict=False):
                yield replace(finished, cpu_seconds=seconds)
            assert next(jobs, None) is None

    limits = []

    def claim(engine, **given):
        limits.append(given["limit"])
        return real_claim(engine, **given | {"limit": 1})

    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: Timed())
    monkeypatch.setattr(calculations, "claim", claim)
    settings = settings_for(tmp_path, "C#N", "C=O", workers={"n_workers": 2})
    name = start_campaign.fn(settings)
    expand_frontier.fn(settings, name, 1)
    queue = exploration_queue(settings, name, CalculationKind.PREPARE)
    assert (run_calculations.fn(queue), open_work(queue)) == (2, 0)
    assert limits == at_once
