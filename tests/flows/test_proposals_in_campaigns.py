"""Where proposals stand among the steps of a campaign: after enumeration, from minima, before end points."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from db.tables import CalculationKind
from flows import campaigns, explore
from tasks.settings import ProposeSettings, load_settings


@pytest.fixture
def settings():
    """Settings that propose; no weights are looked at here."""
    return load_settings(seeds=("C=O",)).model_copy(update={"propose": ProposeSettings(n=5)})


@pytest.fixture
def done(monkeypatch):
    """What was done, in order; nothing is, in truth."""
    steps = []

    def step(name, value):
        def call(*_arguments):
            steps.append(name)
            return value

        return call

    for module in (campaigns, explore):
        monkeypatch.setattr(module, "expand_frontier", step("enumerate", 2))
        monkeypatch.setattr(module, "queue_reactants", step("queue minima", 1))
        monkeypatch.setattr(module, "propose_reactions", step("propose", 4))
    monkeypatch.setattr(campaigns, "open_rounds", lambda *_: range(1, 2))
    monkeypatch.setattr(campaigns, "why_campaign_halted", lambda *_: None)
    monkeypatch.setattr(campaigns, "_one_gpu_batch", nullcontext)
    monkeypatch.setattr(explore, "exploration_queue", lambda _settings, _campaign, kind: kind)
    return steps


@pytest.mark.parametrize(
    ("waiting", "told", "steps"),
    [
        (CalculationKind.MINIMUM, "2 new reactions, 3 minima are open", ["enumerate", "queue minima"]),
        (CalculationKind.PREPARE, "6 new reactions, 3 preparations are open", ["enumerate", "queue minima", "propose"]),
    ],
)
def test_a_scheduled_campaign_waits_for_its_minima_and_then_proposes(settings, done, monkeypatch, waiting, told, steps):
    monkeypatch.setattr(campaigns, "_open", lambda _settings, _campaign, kind: 3 * (kind is waiting))
    found = campaigns.advance(settings, "one")
    assert told in found.done
    assert found.opened
    assert done == steps


def test_a_scheduled_campaign_without_proposals_queues_no_minima(settings, done, monkeypatch):
    monkeypatch.setattr(campaigns, "_open", lambda _settings, _campaign, kind: int(kind is CalculationKind.PREPARE))
    campaigns.advance(settings.model_copy(update={"propose": ProposeSettings()}), "one")
    assert done == ["enumerate"]


@pytest.mark.parametrize(("drained", "steps"), [(True, ["queue minima", "propose"]), (False, ["queue minima"])])
def test_a_round_proposes_once_all_minima_are_there_or_stops(settings, done, monkeypatch, drained, steps):
    queues = []
    monkeypatch.setattr(explore, "drain", lambda queue: queues.append(queue) or drained)
    assert explore.propose(settings, "one", 1) is drained
    assert queues == [CalculationKind.MINIMUM]
    assert done == steps
