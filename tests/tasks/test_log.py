"""Events of a campaign as lines of JSON."""

from __future__ import annotations

import json

import pytest

from chem.errors import ConfigurationError
from db.tables import CalculationKind
from tasks import calculations
from tasks.campaign import expand_frontier, reach_species, start_campaign
from tasks.log import event_log
from tasks.settings import load_settings
from tasks.work_queue import exploration_queue


def test_every_event_says_campaign_and_what_it_cost(tmp_path, monkeypatch, in_this_process):
    monkeypatch.setattr(calculations, "shared_pool", lambda _limits: in_this_process)
    log = tmp_path / "logs" / "events.jsonl"
    settings = load_settings(
        database=f"sqlite:///{tmp_path / 'network.db'}", seeds=("C#N",), generator="classical", log=log
    )
    name = start_campaign.fn(settings)
    expand_frontier.fn(settings, name, 1)
    calculations.run_calculations.fn(exploration_queue(settings, name, CalculationKind.PREPARE))
    reach_species.fn(settings, name, 1)
    expanded, prepared, reached = map(json.loads, log.read_text().splitlines())
    assert {each["campaign"] for each in (expanded, prepared, reached)} == {name}
    assert (expanded["event"], expanded["species"], expanded["new_reactions"]) == ("species expanded", 1, 1)
    assert (prepared["event"], prepared["kind"], prepared["attempt"]) == ("calculation ended", "prepare", 1)
    assert prepared["reaction"].startswith("rx-")
    assert prepared["gradient_calls"] > 0
    assert (reached["event"], reached["new_species"]) == ("species reached", 0)


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="give another path as log"):
        event_log(tmp_path / "file" / "events.jsonl").info("never")


def test_without_a_file_nothing_is_written(capsys):
    event_log(None).info("nothing")
    assert capsys.readouterr().out == ""
